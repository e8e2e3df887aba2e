"""What is known about a run: its places, its state, its containers, its log lines and its verdict. Pure data."""

from __future__ import annotations

import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Protocol

from spcs.run import names


class State(Enum):
    """The state of a job, in Snowflake's words."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    DONE = "DONE"
    FAILED = "FAILED"
    CANCELLING = "CANCELLING"
    CANCELLED = "CANCELLED"
    SUSPENDING = "SUSPENDING"
    SUSPENDED = "SUSPENDED"
    DELETING = "DELETING"
    DELETED = "DELETED"
    INTERNAL_ERROR = "INTERNAL_ERROR"

    @classmethod
    def of(cls, word: str) -> State:
        """Read Snowflake's word; one we have never heard of counts as running, so that no run is given up early."""
        return cls.__members__.get(word.upper(), cls.RUNNING)

    @property
    def word(self) -> str:
        """The state as it stands in a sentence: `done`, `internal error`."""
        return self.value.lower().replace("_", " ")

    @property
    def final(self) -> bool:
        return self in FINAL


FINAL = frozenset({State.DONE, State.FAILED, State.CANCELLED, State.INTERNAL_ERROR, State.DELETED})


@dataclass(frozen=True)
class Run:
    """One run and the places that belong to it. `stage` is fully qualified, `connection` is the desk's word for the
    account; `image`, `digest` and `pool` are empty when the run was found in the account rather than started here.
    `runs_app` tells that its program is app/, as far as is known here."""

    name: str
    database: str
    schema: str
    stage: str
    connection: str = "local"
    pool: str = ""
    image: str = ""
    digest: str = ""
    runs_app: bool = False

    @property
    def job(self) -> str:
        return names.job_of(self.name)

    @property
    def service(self) -> str:
        """The job service's fully qualified name."""
        return f"{self.database}.{self.schema}.{self.name}"

    @property
    def spec_path(self) -> str:
        return names.spec_path(self.stage, self.name)

    @property
    def output(self) -> str:
        return names.output_folder(self.stage, self.name)


@dataclass(frozen=True)
class ContainerStatus:
    """One row of SHOW SERVICE CONTAINERS. `exit_code` is None while the container has not ended, `started` (UTC) until
    it begins; `digest` is that of the image it runs, as Snowflake resolved it."""

    instance: int
    name: str
    status: str
    message: str = ""
    exit_code: int | None = None
    restarts: int = 0
    image: str = ""
    digest: str = ""
    started: datetime | None = None

    @property
    def signal(self) -> str:
        """The signal that ended the container, e.g. `SIGKILL`, or the empty string."""
        if self.exit_code is None:
            return ""
        number = -self.exit_code if self.exit_code < 0 else self.exit_code - 128
        return signal.Signals(number).name if number in set(signal.Signals) else ""

    @property
    def note(self) -> str:
        """What is special about how it runs: the words in `Running (no GPU on this machine: …)`; mostly empty."""
        said = self.message.removeprefix("Running (").removesuffix(")")
        return said if self.message == f"Running ({said})" else ""


#: What containers say when nothing is special.
USUAL = ("", "Running", "Completed successfully", "Waiting to start")


@dataclass(frozen=True)
class Snapshot:
    """What the account says about a run at one moment. Times are aware datetimes, None where Snowflake gave none.

    `waits_for` is a sentence, and `waited` the seconds since the run was made, while it waits; `doom` says why waiting
    is in vain, and is empty as long as there is hope.
    """

    state: State
    containers: tuple[ContainerStatus, ...] = ()
    created: datetime | None = None
    updated: datetime | None = None
    pool: str = ""
    waits_for: str = ""
    waited: float | None = None
    doom: str = ""

    @property
    def message(self) -> str:
        """What the containers say beyond the usual, each sentence once, in their order. While the run waits, one that
        failed already is not what it waits for."""
        waits = self.state is State.PENDING
        speaking = [c for c in self.containers if c.message not in USUAL and not (waits and c.status == "FAILED")]
        return "; ".join(dict.fromkeys(c.message for c in speaking))


@dataclass(frozen=True)
class LogLine:
    """One line of a container's log. `time` is in nanoseconds since the epoch, UTC; `text` has no line end."""

    time: int
    instance: int
    container: str
    text: str

    @property
    def stamp(self) -> str:
        """The time as RFC 3339 with nine digits of fraction."""
        return rfc3339(self.time)


@dataclass(frozen=True)
class Output:
    """A file the run left on the stage; `path` is relative to the output folder, `size` in bytes. `md5` is what LIST
    gives, which is another sum for large files; `modified` in UTC."""

    path: str
    size: int
    md5: str = ""
    modified: datetime | None = None


@dataclass(frozen=True)
class Verdict:
    """How a run ended, ready to be said. `seconds` is None where the account gives no times; `metrics` is what the job
    wrote to output/metrics.json, None if it wrote none; `notes` is what was special about how it ran; `commands` are
    (what for, command) pairs; `snapshot` is what the account last said of it; `container`, `reason`, `traceback`,
    `last_lines` and `remedy` are as in Diagnosis."""

    run: Run
    state: State
    reason: str
    container: ContainerStatus | None = None
    last_lines: tuple[str, ...] = ()
    remedy: str = ""
    traceback: tuple[str, ...] = ()
    seconds: float | None = None
    metrics: Mapping[str, Any] | None = None
    outputs: tuple[Output, ...] = ()
    notes: tuple[str, ...] = ()
    commands: tuple[tuple[str, str], ...] = field(default_factory=tuple)
    snapshot: Snapshot | None = None

    @property
    def succeeded(self) -> bool:
        return self.state is State.DONE


class View(Protocol):
    """Where a followed run is shown. Implemented by show/; the run itself prints nothing."""

    def state(self, snapshot: Snapshot) -> None:
        """The state, or what the run waits for, has changed."""

    def line(self, line: LogLine) -> None:
        """A log line, each exactly once and in order of time."""

    def notice(self, text: str) -> None:
        """Something the reader should know, one short sentence."""


def readable_size(count: int) -> str:
    """Write a number of bytes for people, in powers of 1000: `1.2 MB`."""
    amount, unit = float(count), "bytes"
    for larger in ("kB", "MB", "GB", "TB"):
        if amount < 1000:
            break
        amount, unit = amount / 1000, larger
    return f"{amount:.0f} {unit}" if unit == "bytes" else f"{amount:.1f} {unit}"


def readable_amount(outputs: Sequence[Output]) -> str:
    """Say how many files these are, and how large together: `2 files, 1.2 MB`."""
    files = "1 file" if len(outputs) == 1 else f"{len(outputs)} files"
    return f"{files}, {readable_size(sum(output.size for output in outputs))}"


def rfc3339(nanoseconds: int) -> str:
    """Write nanoseconds since the epoch as RFC 3339 in UTC, always with nine digits so that text sorts as time."""
    seconds, fraction = divmod(nanoseconds, 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{fraction:09d}Z"
