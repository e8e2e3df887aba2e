"""Every privilege that a run needs: what the role has itself, by the roles it was granted, and as PUBLIC."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from spcs.account.looks import show_grants_to_role
from spcs.account.quoting import parts
from spcs.config import integrations
from spcs.doctor.model import Check, Finding, Ground, fail, ok, warn
from spcs.doctor.secrets import secrets_of
from spcs.errors import Problem
from spcs.spec import Service

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Need:
    """A privilege on an object; its owner needs no grant."""

    privilege: str
    kind: str
    name: str = ""

    def met_by(self, row: Row) -> bool:
        if self.kind != _kind(row):
            return False
        own = row["privilege"] in (self.privilege, "OWNERSHIP")
        return own and (not self.name or _plain(str(row["name"])) == _plain(self.name))

    def grant(self, role: str) -> str:
        return f"GRANT {self.privilege} ON {self.kind}{self.name and ' '}{self.name} TO ROLE {role};"

    def __str__(self) -> str:
        return f"{self.privilege} on {self.kind.lower()}{self.name and ' '}{self.name}"


def look(ground: Ground) -> Finding:
    role = ground.settings.snowflake.role
    missing = list(needed(ground))
    waiting, known, unseen = [role, "PUBLIC"], {role.upper(), "PUBLIC"}, list[str]()
    while missing and waiting:
        rows, hidden = _grants(ground, waiting.pop(0))
        missing = [need for need in missing if not any(need.met_by(row) for row in rows)]
        roles = [name for name in _roles(rows, "ROLE") if name.upper() not in known]
        waiting, known = [*waiting, *roles], known | {name.upper() for name in roles}
        unseen += [*hidden, *_roles(rows, "DATABASE ROLE")]
    return judge(role, missing, ground.command("setup"), unseen)


def judge(role: str, missing: Sequence[Need], setup: str, unseen: Sequence[str] = ()) -> Finding:
    """`unseen` are roles whose grants count too, and could not be looked into."""
    if not missing:
        return ok(f"{role} has every privilege that a run needs")
    lacks = f"{role} lacks {', '.join(map(str, missing))}"
    remedy = "\n".join([f"{setup}, or have its owner or an administrator run:", *(m.grant(role) for m in missing)])
    if unseen:
        return warn(f"{lacks}, unless it has that by {', '.join(unseen)}, which was not looked into", remedy)
    on_schema = next((need for need in missing if need.kind == "SCHEMA"), None)
    said = f": 'Insufficient privileges to operate on schema '{parts(on_schema.name)[-1]}''" if on_schema else ""
    return fail(lacks + said, remedy)


def _grants(ground: Ground, role: str) -> tuple[list[Row], list[str]]:
    """The rows of SHOW GRANTS; of a role other than the run's that may not be looked into, none and its name."""
    try:
        return list(ground.account.query(show_grants_to_role(role))), []
    except Problem:
        if role == ground.settings.snowflake.role:
            raise
        return [], [role]


def needed(ground: Ground) -> Iterator[Need]:
    """What the job's owner needs, in the order in which it is granted."""
    flake, schema = ground.settings.snowflake, ground.schema
    yield Need("USAGE", "DATABASE", flake.database)
    yield Need("USAGE", "SCHEMA", schema)
    yield Need("CREATE SERVICE", "SCHEMA", schema)
    yield Need("USAGE", "WAREHOUSE", ground.job.query_warehouse or flake.warehouse)
    yield Need("USAGE", "COMPUTE POOL", ground.pool.name)
    for privilege in ("READ", "WRITE"):
        yield Need(privilege, "IMAGE REPOSITORY", f"{schema}.{flake.image_repository}")
        yield Need(privilege, "STAGE", f"{schema}.{flake.stage}")
    yield from (Need("USAGE", "INTEGRATION", name) for name in integrations(flake, ground.name, ground.job))
    yield from _named_in(ground.service(), schema, f"{schema}.{flake.stage}")


def _named_in(service: Service, schema: str, own_stage: str) -> Iterator[Need]:
    yield from (Need("READ", "SECRET", name) for name in secrets_of(service, schema))
    stages = [_qualified(volume.stage.name, schema) for volume in service.volumes if volume.stage]
    others = dict.fromkeys(stage for stage in stages if _plain(stage) != _plain(own_stage))
    yield from (Need("READ", "STAGE", stage) for stage in others)
    if any(endpoint.public for endpoint in service.endpoints):
        yield Need("BIND SERVICE ENDPOINT", "ACCOUNT")


def _qualified(name: str, schema: str) -> str:
    given = parts(name)
    return ".".join([*parts(schema)[: 3 - len(given)], *given])


def _roles(rows: Iterable[Row], kind: str) -> list[str]:
    return [str(row["name"]) for row in rows if _kind(row) == kind and row["privilege"] == "USAGE"]


def _kind(row: Row) -> str:
    """`COMPUTE_POOL` as SQL writes it; a security integration is an integration."""
    kind = str(row["granted_on"]).replace("_", " ").upper()
    return "INTEGRATION" if kind.endswith(" INTEGRATION") else kind


def _plain(name: str) -> str:
    return name.replace('"', "").upper()


CHECK = Check("grants", "account", "the grants of the role", look, needs=("role", "templates"))
