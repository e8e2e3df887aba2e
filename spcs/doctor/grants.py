"""Every privilege that a run needs: what the role has itself, by the roles it was granted, and as PUBLIC."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from spcs.account.looks import show_grants_to_role
from spcs.account.quoting import parts
from spcs.doctor.model import Check, Finding, Ground, fail, ok, warn
from spcs.doctor.secrets import secrets_of
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
    waiting, known, by_database_role = [role, "PUBLIC"], {role.upper(), "PUBLIC"}, False
    while missing and waiting:
        rows = ground.account.query(show_grants_to_role(waiting.pop(0)))
        missing = [need for need in missing if not any(need.met_by(row) for row in rows)]
        roles = [name for name in _roles(rows) if name.upper() not in known]
        waiting, known = [*waiting, *roles], known | {name.upper() for name in roles}
        by_database_role = by_database_role or any(_kind(row) == "DATABASE ROLE" for row in rows)
    return judge(role, missing, ground.command("setup"), by_database_role=by_database_role)


def judge(role: str, missing: list[Need], setup: str, *, by_database_role: bool = False) -> Finding:
    if not missing:
        return ok(f"{role} has every privilege that a run needs")
    lacks = f"{role} lacks {', '.join(map(str, missing))}"
    remedy = "\n".join([f"{setup}, or have its owner or an administrator run:", *(m.grant(role) for m in missing)])
    if by_database_role:
        return warn(f"{lacks}; a database role that it has may give them, which is not looked into", remedy)
    on_schema = next((need for need in missing if need.kind == "SCHEMA"), None)
    said = f": 'Insufficient privileges to operate on schema '{parts(on_schema.name)[-1]}''" if on_schema else ""
    return fail(lacks + said, remedy)


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
    yield from (Need("USAGE", "INTEGRATION", name) for name in ground.job.external_access_integrations)
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


def _roles(rows: Iterable[Row]) -> list[str]:
    return [str(row["name"]) for row in rows if _kind(row) == "ROLE" and row["privilege"] == "USAGE"]


def _kind(row: Row) -> str:
    """`COMPUTE_POOL` as SQL writes it; a security integration is an integration."""
    kind = str(row["granted_on"]).replace("_", " ").upper()
    return "INTEGRATION" if kind.endswith(" INTEGRATION") else kind


def _plain(name: str) -> str:
    return name.replace('"', "").upper()


CHECK = Check("grants", "account", "the grants of the role", look, needs=("role", "templates"))
