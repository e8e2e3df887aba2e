"""What a teardown finds: of every statement whether it drops something, what is lost with that, and what stays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from spcs.account import Account, Missing, looks, objects, sql
from spcs.account.objects import Object, Row
from spcs.account.quoting import parts, stored
from spcs.account.script import statements
from spcs.config import Snowflake
from spcs.errors import Problem, Refused
from spcs.run.model import State, readable_size
from spcs.run.names import is_run
from spcs.steps.account import LOADED_BY_DATA, look

CONTENTS = {
    "OBJECTS": "TABLE",
    "STAGES": "STAGE",
    "IMAGE REPOSITORIES": "IMAGE REPOSITORY",
    "SERVICES": "SERVICE",
    "FILE FORMATS": "FILE FORMAT",
    "NETWORK RULES": "NETWORK RULE",
    "SECRETS": "SECRET",
    "TASKS": "TASK",
}
"""What a schema is looked through for: the word of SHOW, and the kind."""
MORE_CONTENTS = ("STREAMS", "USER FUNCTIONS", "USER PROCEDURES")
"""As well, where the account lists them; the local one has none of these, and refuses."""


@dataclass(frozen=True)
class Step:
    """A statement and, where it drops an object, which; `there` says whether there is one, `holds` what is lost with
    it, `stays` why it is left alone nevertheless."""

    statement: str
    thing: Object | None = None
    there: bool = True
    holds: str = ""
    stays: str = ""

    @property
    def drops(self) -> bool:
        return self.thing is not None and self.there and not self.stays


def runs_there(account: Account, home: Snowflake) -> list[Row]:
    """The job services of the schema that have a run's name, as the role sees them, which is in use from here on."""
    take_role(account, home)
    try:
        rows = account.query(sql.show_job_services(f"{home.database}.{home.schema}"))
    except Missing:
        return []
    return [row for row in rows if is_run(str(row["name"]))]


def take_role(account: Account, home: Snowflake) -> bool:
    """Use the project's role; False where it is gone. Raises the Problem where it is there and not for this user, who
    would otherwise see nothing and take that for an account without anything."""
    try:
        account.query(sql.use_role(home.role))
    except Problem:
        if look(account, Object("ROLE", home.role), home):
            raise
        return False
    return True


def survey(account: Account, home: Snowflake, text: str, runs: Sequence[Row]) -> list[Step]:
    """A step for every statement of `text`. USE goes along, so that the roles see what is theirs."""
    surveyor = _Surveyor(account, home, runs)
    for statement in statements(text):
        surveyor.step(statement)
    return surveyor.steps


def to_send(steps: Sequence[Step]) -> list[str]:
    """What drops something and what else a template of the user's says, each part after its USE."""
    sent: list[str] = []
    uses: list[str] = []
    for step in steps:
        if step.statement.startswith("USE "):
            uses.append(step.statement)
        elif step.thing is None or step.drops:
            sent += [*uses, step.statement]
            uses = []
    return sent


class _Surveyor:
    def __init__(self, account: Account, home: Snowflake, runs: Sequence[Row]) -> None:
        self._account, self._home = account, home
        self._runs = {str(run["name"]).upper(): run for run in runs}
        self.steps: list[Step] = []

    def step(self, statement: str) -> None:
        thing = objects.dropped(statement)
        if statement.startswith("USE ") and not self._used(statement):
            return
        self.steps.append(self._found(statement, thing) if thing else Step(statement))

    def _used(self, statement: str) -> bool:
        if statement == sql.use_role(self._home.role):
            return take_role(self._account, self._home)
        self._account.query(statement)
        return True

    def _found(self, statement: str, thing: Object) -> Step:
        if objects.look(thing, self._home.database, self._home.schema) is None:
            run = self._runs.get(thing.stored, {}) if thing.kind == "SERVICE" else {}
            state = State.of(str(run.get("status", State.DONE.value)))
            return Step(statement, thing, holds="" if state.final else state.word)
        row = look(self._account, thing, self._home)
        if row is None:
            return Step(statement, thing, there=False)
        stays = _not_ours(thing, row) or self._needed_for(thing)
        return Step(statement, thing, stays=stays, holds="" if stays else self._held(thing, row))

    def _needed_for(self, thing: Object) -> str:
        """Why an object of ours must stay; empty where it need not."""
        if thing.kind == "SCHEMA":
            return _besides(self._contents(thing.name))
        if thing.kind == "DATABASE":
            return _besides(self._other_schemas())
        if thing.kind == "COMPUTE POOL":
            others = sorted(self._others_in_pool(thing.name))
            return f"others use it: {', '.join(others)}" if others else ""
        kept = [str(step.thing) for step in self.steps if step.stays and step.thing and step.thing.kind == "DATABASE"]
        return f"it owns {kept[0]}" if thing.kind == "ROLE" and kept else ""

    def _contents(self, schema: str) -> list[str]:
        """What is in a schema and will not be dropped before it."""
        going = {(step.thing.kind, _path(step.thing.name)) for step in self.steps if step.thing and step.drops}
        found = [
            name
            for kinds, kind in CONTENTS.items()
            for name in self._names(kinds, schema)
            if (kind, (*_path(schema), name)) not in going
        ]
        for kinds in MORE_CONTENTS:
            with suppress(Refused):
                found += self._names(kinds, schema)
        return list(dict.fromkeys(found))

    def _names(self, kinds: str, schema: str) -> list[str]:
        return [str(row["name"]) for row in self._account.query(looks.show_all(kinds, schema))]

    def _other_schemas(self) -> list[str]:
        """Schemas that are not ours; PUBLIC comes with a database and counts once there is something in it."""
        gone = {step.thing.stored for step in self.steps if step.thing and step.thing.kind == "SCHEMA" and step.drops}
        rows = self._account.query(looks.show_all_schemas(self._home.database))
        others = [name for row in rows if (name := str(row["name"])) not in {*gone, "PUBLIC", "INFORMATION_SCHEMA"}]
        has_public = any(str(row["name"]) == "PUBLIC" for row in rows)
        return others + (self._contents(f"{self._home.database}.PUBLIC") if has_public else [])

    def _others_in_pool(self, pool: str) -> Iterator[str]:
        ours = (self._home.database.upper(), self._home.schema.upper())
        for row in self._account.query(looks.show_services_of_pool(pool)):
            place, name = (str(row["database_name"]), str(row["schema_name"])), str(row["name"])
            is_ours = place == ours and name.upper() in self._runs
            if not is_ours and not State.of(str(row["status"])).final:
                yield ".".join((*place, name))

    def _held(self, thing: Object, row: Row) -> str:
        if thing.kind == "STAGE":
            files = self._account.list_stage(f"@{thing.name}")
            runs = {path[2] for file in files if len(path := file.name.split("/")) > 3 and path[1] == "runs"}
            size = readable_size(sum(file.size for file in files))
            return f"{counted(len(files), 'file')} of {counted(len(runs), 'run')}, {size}"
        if thing.kind == "IMAGE REPOSITORY":
            return counted(len(self._account.query(sql.show_images(thing.name))), "image")
        return counted(int(row["rows"] or 0), "row") if thing.kind == "TABLE" else ""


def _path(name: str) -> tuple[str, ...]:
    """A name as the account keeps it, part by part."""
    return tuple(map(stored, parts(name)))


def _not_ours(thing: Object, row: Row) -> str:
    """By what it is seen that somebody else made it; empty for what setup made, or data loaded."""
    mark = LOADED_BY_DATA.rstrip(": ") if thing.kind == "TABLE" else objects.MADE_BY_SETUP
    is_ours = str(row.get("comment") or "").startswith(mark)
    return "" if is_ours else f"its comment does not say '{mark}'"


def _besides(others: Sequence[str]) -> str:
    return f"it holds what inv setup did not make: {', '.join(others)}" if others else ""


def counted(number: int, what: str) -> str:
    """`1 file`, `2 files`."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
