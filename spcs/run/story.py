"""What is known of a run, for somebody who was not there: verdict, times, measurements, settings and files. Pure data.

`spcs.run.gather` asks the account for it, `spcs.show.report` shows it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from spcs.run.measures import Series, measurement
from spcs.run.model import LogLine, Run, Snapshot, Verdict
from spcs.run.record import Record

_CONTROLS = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(\x07|\x1b\\)?")
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ufffe\uffff\ud800-\udfff]")


@dataclass(frozen=True)
class Picture:
    """A picture that the run left; `kind` is its MIME type."""

    path: str
    kind: str
    content: bytes = field(repr=False)


@dataclass(frozen=True)
class Resource:
    """What the account measured of a container: `series` is (seconds since the epoch, value) pairs."""

    name: str
    unit: str
    where: str
    series: Series


@dataclass(frozen=True)
class Period:
    """A stretch of a run's time. `kind` is one of waiting, starting, training, running, ending."""

    kind: str
    begin: datetime
    end: datetime

    @property
    def seconds(self) -> float:
        return (self.end - self.begin).total_seconds()


@dataclass(frozen=True)
class Story:
    """All of one run, as far as it is known at the moment `told`. What is not known is empty.

    `record` is what was kept when the run was started, bare where nothing was. `lines` is the log as the account still
    has it; `measures` are series by name, their places counted by `counted_by`; `program` is what the program says of
    its own settings (config.json); `texts` are the files the run was made of, by name (spec.yaml, Dockerfile …);
    `unmeasured` says why there are no `resources`, `notes` what else could not be had.
    """

    verdict: Verdict
    snapshot: Snapshot
    record: Record
    told: datetime
    lines: tuple[LogLine, ...] = ()
    measures: Mapping[str, Series] = field(default_factory=dict)
    counted_by: str = "step"
    program: Mapping[str, Any] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    pictures: tuple[Picture, ...] = ()
    predictions: tuple[Mapping[str, Any], ...] = ()
    resources: tuple[Resource, ...] = ()
    unmeasured: str = ""
    notes: tuple[str, ...] = ()

    @property
    def run(self) -> Run:
        return self.verdict.run

    @property
    def begin(self) -> datetime | None:
        """When the run was accepted; the first line of its log where the account has forgotten."""
        return self.snapshot.created or (_moment(self.lines[0].time) if self.lines else None)

    @property
    def end(self) -> datetime | None:
        """When it ended; for a run that goes on, the moment of this story."""
        if not self.snapshot.state.final:
            return self.told
        return self.snapshot.updated or (_moment(self.lines[-1].time) if self.lines else None)


def periods(story: Story) -> tuple[Period, ...]:
    """Cut a run's time at what is known of it: its containers began, it measured first, it measured last, it ended."""
    begin, end = story.begin, story.end
    if begin is None or end is None:
        return ()
    started = [c.started for c in story.snapshot.containers if c.started]
    measured = [line.time for line in story.lines if measurement(line.text)]
    cuts = [("waiting", min(started, default=_moment(story.lines[0].time) if story.lines else end))]
    if len(measured) > 1:
        last = _moment(measured[-1]) if story.snapshot.state.final else end
        cuts += [("starting", _moment(measured[0])), ("training", last), ("ending", end)]
    else:
        cuts.append(("running", end))
    found, at = [], begin
    for kind, until in cuts:
        until = min(max(until, at), end)
        if until > at:
            found.append(Period(kind, at, until))
        at = until
    return tuple(found)


def readable(text: str) -> str:
    """Return a line of a log as a terminal would leave it: without colours, what a carriage return overwrote, and
    characters that have no place in a document."""
    plain = _CONTROLS.sub("", text)
    return _UNPRINTABLE.sub("\ufffd", plain.rstrip("\r").rpartition("\r")[2])


def _moment(nanoseconds: int) -> datetime:
    return datetime.fromtimestamp(nanoseconds / 1e9, UTC)
