"""A sweep as it goes, a line a change, and the table of its results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from spcs.run.model import State
from spcs.show.console import say
from spcs.show.jobs import settings, told
from spcs.show.runs import duration, number
from spcs.show.tables import table

if TYPE_CHECKING:
    from spcs.run.listed import Member
    from spcs.run.record import Record

BEST = "best"


class SweepLines:
    """Shows a sweep on stderr. Implements `spcs.run.sweep.SweepView`."""

    def changed(self, member: Member, number: int, of: int) -> None:
        what = settings(member.said)
        if member.run is None:
            return say(f"not started ({number} of {of}), {what}: {member.reason}", "bad")
        state = member.state or State.PENDING
        end = member.record.end if member.record else None
        if end is None:
            word = "started" if state is State.PENDING else state.word
            return say(f"{word} ({number} of {of}): {member.run.name}, {what}", "plain")
        took = f" in {duration(end.seconds)}" if end.seconds is not None else ""
        facts = told(member.record.metrics) if member.record and state is State.DONE else end.reason
        text = f"{state.word} ({number} of {of}): {member.run.name}{took}, {what}: {facts}"
        say(text.rstrip(": "), "good" if state is State.DONE else "bad")

    def notice(self, text: str) -> None:
        say(text, "warn")


def results(members: Sequence[Member], ranked: Sequence[Record], metric: str) -> None:
    """Show the runs of a sweep on stdout, the best first and marked, those without the metric at the end."""
    order = {record.run.name: place for place, record in enumerate(ranked)}
    rows = [_row(member, order, metric) for member in members]
    rows.sort(key=lambda row: order.get(row["run"], len(order)))
    keys = list(dict.fromkeys(key for member in members for key in member.said))
    measured = list(dict.fromkeys(name for member in members for name in _measured(member, metric)))
    measured.sort(key=lambda name: name != metric)
    table(("", "run", *keys, "state", "took", *(name for name in measured if name not in keys)), rows)


def _row(member: Member, order: Mapping[str, int], metric: str) -> dict[str, str]:
    name = member.run.name if member.run else ""
    end = member.record.end if member.record else None
    state = member.state.word if member.state else "not started"
    took = duration(end.seconds) if end and end.seconds is not None else ""
    best = BEST if order.get(name) == 0 else ""
    return {**_measured(member, metric), **member.said, "": best, "run": name, "state": state, "took": took}


def _measured(member: Member, metric: str) -> dict[str, str]:
    """The metrics that measure something: no counts, and not the time it took, unless the runs are compared by that."""
    metrics = member.record.metrics if member.record else {}
    return {
        name: number(value)
        for name, value in metrics.items()
        if name == metric or (isinstance(value, float) and name != "seconds")
    }
