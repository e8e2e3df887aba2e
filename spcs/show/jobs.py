"""Lists of runs: as a table for people, or one JSON object a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from spcs.show.runs import duration, number
from spcs.show.tables import table

if TYPE_CHECKING:
    from spcs.run.listed import Listed

MOST_METRICS = 3
NONE = "no runs; inv run starts one"


def jobs(found: Sequence[Listed], now: datetime, *, as_json: bool = False) -> None:
    """Show runs, each with its state, age, duration, image and metrics; credits where the rate is known."""
    if as_json:
        return table((), [entry(listed, now) for listed in found], as_json=True)
    rows = [_row(listed, now) for listed in found]
    said = [name for name in ("set", "metrics", "credits") if any(row[name] for row in rows)]
    table(("run", "state", "age", "took", "image", *said), rows, none=NONE)


def entry(listed: Listed, now: datetime) -> dict[str, Any]:
    """A run as one JSON object. Times are RFC 3339 in UTC, spans in seconds."""
    record = listed.record
    end = record.end if record else None
    return {
        "run": listed.run.name,
        "job": listed.run.job,
        "state": listed.state.value,
        "age": max(0.0, round((now - listed.started).total_seconds(), 3)),
        "seconds": listed.seconds(now),
        "created": listed.started.isoformat(),
        "ended": end.ended.isoformat() if end and end.ended else None,
        "pool": listed.run.pool,
        "image": record.image.path if record else "",
        "tag": record.image.tag if record else "",
        "digest": record.image.digest if record else "",
        "set": dict(record.overrides) if record else {},
        "like": record.like if record else "",
        "resumes": record.resumes if record else "",
        "sweep": record.sweep if record else "",
        "exit_code": end.exit_code if end else None,
        "reason": end.reason if end else "",
        "metrics": end.metrics if end else None,
        "credits": end.credits if end else None,
        "dropped": not listed.is_there,
    }


def ago(seconds: float) -> str:
    """Write an age in its largest unit: `41 s`, `3 min`, `2 h`, `5 d`."""
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"


def told(metrics: Mapping[str, Any], most: int = MOST_METRICS) -> str:
    """Write the first of the metrics that measure something, as `loss=0.03974`: no counts, and not the time it took."""
    return " ".join(f"{name}={number(metrics[name])}" for name in measuring(metrics)[:most])


def measuring(metrics: Mapping[str, Any]) -> list[str]:
    """Return the names of the metrics that measure something: no counts, and not the time it took."""
    return [name for name, value in metrics.items() if isinstance(value, float) and name != "seconds"]


def settings(overrides: Mapping[str, str]) -> str:
    """Write what --set said, as it was typed."""
    return " ".join(f"{key}={value}" for key, value in overrides.items())


def _row(listed: Listed, now: datetime) -> dict[str, str]:
    record, seconds = listed.record, listed.seconds(now)
    credits = record.end.credits if record and record.end else None
    return {
        "run": listed.run.name,
        "state": listed.state.word if listed.is_there else f"{listed.state.word} (dropped)",
        "age": ago((now - listed.started).total_seconds()),
        "took": "" if seconds is None else duration(seconds),
        "image": record.image.tag if record else "",
        "set": settings(record.overrides) if record else "",
        "metrics": told(record.metrics) if record else "",
        "credits": "" if credits is None else number(credits),
    }
