"""The record of a run: what it was made of and how it ended, in one JSON file beside its outputs on the stage.

The desk writes it when it submits the run; whoever sees the run's end completes it (`spcs.run.history`). It is all
that another machine needs to list the run, to compare it, and to run the same again. Pure data: nothing is read or
sent from here.
"""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from spcs.run.model import Run, State

T = TypeVar("T")

VERSION = 1
"""Of the file's shape. A key that is added needs no new one: what a reader does not know, it passes over."""


@dataclass(frozen=True)
class Image:
    """What the run's containers were made of. `path` is as the specification names it (`/db/schema/repository/
    name:tag`), `digest` the registry's (`sha256:…`), `lock` the sha256 (hex) of the lock file that its packages were
    installed from, empty where there was none."""

    path: str = ""
    digest: str = ""
    base: str = ""
    platform: str = ""
    lock: str = ""

    @property
    def tag(self) -> str:
        """The 12 hex digits that name the image's inputs."""
        return self.path.rpartition("/")[2].rpartition(":")[2]


@dataclass(frozen=True)
class Code:
    """The project's folder in git, empty outside of it. `patch` is how the tracked files differ from `revision`, with
    what looks like a secret masked, and only its beginning where it `is_cut`; `untracked` are the paths git does not
    know (the first of them)."""

    revision: str = ""
    branch: str = ""
    patch: str = ""
    is_cut: bool = False
    untracked: tuple[str, ...] = ()

    @property
    def is_dirty(self) -> bool:
        return bool(self.patch or self.untracked)


@dataclass(frozen=True)
class End:
    """How the run ended, as a `Verdict` says it. Times are aware datetimes in UTC, None where the account gave none:
    `created` by Snowflake, `started` by the first container, `ended`. `metrics` is the job's output/metrics.json and
    `program` its output/config.json (the settings that app/ resolved for itself), None where it left none.
    `image_digest` is that of the image which Snowflake says it ran; `credits` are None where the rate is not known."""

    state: State
    reason: str = ""
    remedy: str = ""
    container: str = ""
    instance: int | None = None
    exit_code: int | None = None
    signal: str = ""
    created: datetime | None = None
    started: datetime | None = None
    ended: datetime | None = None
    metrics: Mapping[str, Any] | None = None
    program: Mapping[str, Any] | None = None
    files: int = 0
    bytes: int = 0
    notes: tuple[str, ...] = ()
    traceback: tuple[str, ...] = ()
    last_lines: tuple[str, ...] = ()
    image_digest: str = ""
    credits: float | None = None

    @property
    def seconds(self) -> float | None:
        """From the job's creation to its end, waiting included."""
        if self.created is None or self.ended is None:
            return None
        return max(0.0, (self.ended - self.created).total_seconds())


@dataclass(frozen=True)
class Record:
    """One run. `settings` are the resolved settings it was made of: `job` (its entry of `jobs:`), `pool`, `snowflake`,
    `image`, `pins`, `connection`; values that look like secrets are masked here as in `texts`. `overrides` is what
    `--set` said: key to value, both as text. `seeds` are those that the job's settings name, and, once it has ended,
    its program.

    `versions` has two tables, `desk` (python and the packages that submitted the run) and `image` (the pins). `texts`
    are the files it was made of, by name: `spec.yaml`, `Dockerfile`, `setup.sql`; `statement` the SQL that started it.
    `like`, `resumes` and `sweep` name the run that this one repeats, the one it goes on from, and the sweep (its first
    run) that it is part of. `end` is None until somebody has seen the run's end.

    A run that was started by an older desk, or by hand, has a record of defaults.
    """

    run: Run
    submitted: datetime | None = None
    by: str = ""
    replicas: int = 1
    settings: Mapping[str, Any] = field(default_factory=dict)
    overrides: Mapping[str, str] = field(default_factory=dict)
    seeds: Mapping[str, int] = field(default_factory=dict)
    versions: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    image: Image = field(default_factory=Image)
    code: Code = field(default_factory=Code)
    statement: str = ""
    texts: Mapping[str, str] = field(default_factory=dict)
    like: str = ""
    resumes: str = ""
    sweep: str = ""
    end: End | None = None
    version: int = VERSION

    @property
    def metrics(self) -> Mapping[str, Any]:
        """The metrics that are numbers, empty where there are none (yet)."""
        found = self.end.metrics if self.end else None
        return {
            name: value
            for name, value in (found or {}).items()
            if isinstance(value, int | float) and not isinstance(value, bool)
        }


def to_json(record: Record) -> str:
    """The text of the file; the version stands first."""
    entries = dataclasses.asdict(record)
    return json.dumps({"version": entries.pop("version"), **entries}, indent=1, default=_plain) + "\n"


def from_json(text: str | bytes) -> Record | None:
    """Read the text of a record, of this version or as far as a later one can be read; None if it is not one."""
    try:
        return typing.cast(Record, _value(Record, json.loads(text)))
    except (ValueError, TypeError, LookupError, AttributeError):
        return None


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, State):
        return value.value
    raise TypeError(f"a record holds no {type(value).__name__}")


def _value(hint: Any, raw: Any) -> Any:
    """`raw` as the type `hint`; raises ValueError, TypeError or LookupError where it is none."""
    kind, arguments = typing.get_origin(hint), typing.get_args(hint)
    if kind in (types.UnionType, typing.Union):
        return None if raw is None else _value(arguments[0], raw)
    if kind is tuple:
        return tuple(_value(arguments[0], item) for item in raw)
    if dataclasses.is_dataclass(hint):
        hints = typing.get_type_hints(hint)
        given = {key: _value(kind, raw[key]) for key, kind in hints.items() if key in raw}
        return typing.cast(Any, hint)(**given)
    if hint is datetime:
        return datetime.fromisoformat(raw)
    return State(raw) if hint is State else _checked(kind or hint, raw)


def _checked(hint: Any, raw: Any) -> Any:
    """A number, a text or a table as it is, if it is one: the record may come from anybody who may write the stage."""
    if hint is Any or (hint is float and isinstance(raw, int)) or isinstance(raw, hint):
        return raw
    raise ValueError(f"{raw!r} is no {hint}")
