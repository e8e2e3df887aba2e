"""Runs as they are listed: with what the account says of each, as part of a sweep, or with what becomes of it. Pure
data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from spcs.run import names
from spcs.run.model import Run, State
from spcs.run.record import Record


@dataclass(frozen=True)
class Listed:
    """A run as the account lists it. `is_there` tells whether its job service is (still) there; of one that is not, the
    state is the one it was seen to end in, or DELETED. Times are aware datetimes, None where they are not known.
    `record` is None where there is none on the stage."""

    run: Run
    state: State
    is_there: bool = True
    created: datetime | None = None
    updated: datetime | None = None
    record: Record | None = None

    @property
    def started(self) -> datetime:
        """When the run was made; its name says it where the account does not."""
        return self.created or names.started(self.run.name)

    @property
    def needs_end(self) -> bool:
        """Tell whether the run has ended and nobody has noted how."""
        return self.is_there and self.state.final and not (self.record and self.record.end)

    def seconds(self, now: datetime) -> float | None:
        """Return how long it took, or has been going on by now; None for one that is gone without a trace."""
        end = self.record.end if self.record else None
        if end and end.seconds is not None:
            return end.seconds
        if not self.is_there:
            return None
        until = self.updated if self.state.final and self.updated else now
        return max(0.0, (until - self.started).total_seconds())


@dataclass(frozen=True)
class Member:
    """One run of a sweep, `said` what --set says of it. `run` is None before it is started, and for good if it could
    not be: `reason` then says why. `record` is there once it has ended."""

    said: Mapping[str, str]
    run: Run | None = None
    state: State | None = None
    record: Record | None = None
    reason: str = ""

    @property
    def is_over(self) -> bool:
        return bool(self.reason) or (self.state is not None and self.state.final)


@dataclass(frozen=True)
class Size:
    """What a run has on the stage: a number of files, and of bytes."""

    files: int = 0
    bytes: int = 0


@dataclass(frozen=True)
class Choice:
    """A run, what it has on the stage, and why it is kept; empty if it goes."""

    listed: Listed
    size: Size
    kept: str = ""
