"""What a check is, what it finds, and the ground it stands on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from spcs.account import Account
from spcs.config import ComputePool, Job, Settings
from spcs.errors import Problem
from spcs.image import Engine, ImagePlan
from spcs.spec import Service

Status = Literal["ok", "warn", "fail", "skip"]
Group = Literal["machine", "project", "account"]
SECONDS = 5.0
"""The longest that a check may take, unless it waits for a person."""


@dataclass(frozen=True)
class Finding:
    """One sentence, and the command or edit that mends it; `skip` is a check that could not be made."""

    status: Status
    message: str
    fix: str = ""


class NotChecked(Exception):
    """A check has nothing to look at; the text says why."""


def ok(message: str) -> Finding:
    return Finding("ok", message)


def warn(message: str, fix: str = "") -> Finding:
    return Finding("warn", message, fix)


def fail(message: str, fix: str = "") -> Finding:
    return Finding("fail", message, fix)


def skip(reason: str) -> Finding:
    return Finding("skip", f"not checked: {reason}")


def told(problem: Problem) -> Finding:
    """A problem as a finding: what happened and the first line of why."""
    first = problem.why.partition("\n")[0]
    return fail(f"{problem.what}: {first}" if first else problem.what, problem.fix)


@dataclass(frozen=True)
class Ground:
    """All that checks may look at. What is slow or may fail is a function, which raises Problems.

    `opened` is the account in no role and no database, or why there is none; `runtime` says why a local account that
    runs has the engine it has, which then decides for the desk too. `image` is the path that a specification
    names (`/db/schema/repository/name:tag`), `service` the job's specification, not yet set against any machine.
    """

    root: Path
    receipts: Path
    settings: Settings
    name: str
    job: Job
    pool: ComputePool
    opened: Account | Problem
    runtime: str
    engine: Callable[[], Engine]
    plan: Callable[[], ImagePlan]
    image: Callable[[], str]
    service: Callable[[], Service]
    setup_sql: Callable[[], str]
    run_name: Callable[[], str]

    @property
    def account(self) -> Account:
        """Every check but the first of the account's needs `login`, and all that name objects need `role`."""
        if isinstance(self.opened, Problem):
            raise self.opened
        return self.opened

    @property
    def is_local(self) -> bool:
        return self.settings.connection == "local"

    @property
    def schema(self) -> str:
        return f"{self.settings.snowflake.database}.{self.settings.snowflake.schema}"

    def command(self, words: str) -> str:
        """`inv WORDS`, with the job where it is not the default one."""
        return f"inv {words}" if self.name == self.settings.job else f"inv {words} --job {self.name}"

    def find(self, statement: str, name: str) -> Mapping[str, Any] | None:
        """The row of a SHOW … LIKE whose name is `name`: LIKE takes `_` for any character."""
        rows = self.account.query(statement)
        return next((row for row in rows if str(row["name"]).upper() == name.upper()), None)


def usual(_: Ground) -> float:
    return SECONDS


@dataclass(frozen=True)
class Check:
    """One thing to look at, in a function that returns a Finding, or raises a Problem (it fails) or NotChecked.

    `looks` says at what, for `inv --dry doctor`. A check begins when those that it `needs` have ended, and is not made
    where one of them has not gone well. It does without those that it is `helped_by`: then `alone` looks instead.
    `late` mends one that gives no answer within `seconds`.
    """

    name: str
    group: Group
    looks: str
    look: Callable[[Ground], Finding]
    needs: tuple[str, ...] = ()
    helped_by: tuple[str, ...] = ()
    alone: Callable[[Ground], Finding] | None = None
    seconds: Callable[[Ground], float] = usual
    late: str = "inv doctor once more, and look at the network if it stays so"
