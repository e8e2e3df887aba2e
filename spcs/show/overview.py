"""The list of runs as a page: a row a run, with its curve and its newest value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from markupsafe import Markup

from spcs.run.listed import Listed
from spcs.run.measures import Series
from spcs.show.chart import sparkline
from spcs.show.curves import main
from spcs.show.jobs import ago, measuring, settings
from spcs.show.part import tone
from spcs.show.runs import duration
from spcs.show.scale import figure, spans_decades


@dataclass(frozen=True)
class Row:
    """`result` are the first metrics of a run that left any, else the newest value of its curve, which stands at
    `place`; `told` is what --set said."""

    name: str
    job: str
    tone: str
    state: str
    age: str
    took: str
    curve: Markup
    result: tuple[tuple[str, str], ...]
    place: str
    told: str


MOST_RESULTS = 2


def overview(runs: Sequence[Listed], measures: Mapping[str, Mapping[str, Series]], now: datetime) -> list[Row]:
    """Return the rows; `measures` has what is known of a run's measurements, by the run's name."""
    return [_row(listed, measures.get(listed.run.name, {}), now) for listed in runs]


def _row(listed: Listed, measures: Mapping[str, Series], now: datetime) -> Row:
    record, seconds = listed.record, listed.seconds(now)
    name = main(measures)
    points = measures.get(name, ())
    values = [y for _, y in points if y > 0]
    ended = record.metrics if record else {}
    results = tuple((key, figure(ended[key])) for key in measuring(ended)[:MOST_RESULTS])
    return Row(
        name=listed.run.name,
        job=listed.run.job,
        tone=tone(listed.state),
        state=listed.state.word if listed.is_there else f"{listed.state.word} (dropped)",
        age=ago((now - listed.started.astimezone(UTC)).total_seconds()),
        took="" if seconds is None else duration(seconds),
        curve=sparkline(points, log=len(values) == len(points) and spans_decades(values)),
        result=results or (((name, figure(points[-1][1])),) if points else ()),
        place=f"at {points[-1][0]:,.0f}" if points and not results else "",
        told=settings(record.overrides) if record else "",
    )
