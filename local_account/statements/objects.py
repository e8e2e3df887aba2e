"""CREATE, ALTER, DROP and DESCRIBE of databases, schemas, warehouses, roles, integrations, stages, file formats,
network rules and secrets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from local_account.account import Account
from local_account.catalog import Path
from local_account.errors import SqlError, exists, invalid_value
from local_account.parse.names import Name
from local_account.parse.objects import Alter, Create, Describe, Drop
from local_account.parse.tokens import Value
from local_account.sessions import Session
from local_account.statements import access
from local_account.statements.result import Result, rows, status

_SIZES = {
    size.replace("-", ""): size
    for size in (
        "X-Small",
        "Small",
        "Medium",
        "Large",
        "X-Large",
        "2X-Large",
        "3X-Large",
        "4X-Large",
        "5X-Large",
        "6X-Large",
    )
} | {"XXLARGE": "2X-Large", "XXXLARGE": "3X-Large"}
_SIZES = {key.upper(): value for key, value in _SIZES.items()}
_WORDS = {
    "STAGE": "Stage area",
    "FILE FORMAT": "File format",
    access.SECURITY: "Integration",
    access.EXTERNAL: "Integration",
    access.RULE: "Network rule",
}
_IN_SCHEMA = ("STAGE", "FILE FORMAT", access.RULE, access.SECRET)


def path_of(session: Session, kind: str, name: Name) -> Path:
    """The full path of an object of this kind as it is named in a statement."""
    if kind == "SCHEMA":
        return session.qualify_schema(name)
    if kind in _IN_SCHEMA:
        return session.qualify(name)
    if len(name.parts) > 1:
        raise SqlError(1003, "42000", f"SQL compilation error:\n{kind.capitalize()} names have one part: '{name}'")
    return Path("", "", name.last)


def create(account: Account, session: Session, wanted: Create) -> Result:
    path = path_of(session, wanted.kind, wanted.name)
    if wanted.kind == "SCHEMA":
        account.catalog.get("DATABASE", Path("", "", path.database))
    if wanted.kind in _IN_SCHEMA:
        account.catalog.get("SCHEMA", Path(path.database, "", path.schema))
    properties = dict(wanted.properties)
    if wanted.kind == "WAREHOUSE":
        _check_warehouse(properties)
    access.required(wanted.kind, properties)
    properties = access.checked(account, session, wanted.kind, properties)
    comment = str(properties.pop("COMMENT", "") or "")
    other = access.namesake(wanted.kind)
    if other and account.catalog.find(other, path):
        raise exists("Object", path.name)
    there = account.catalog.find(wanted.kind, path)
    if there and wanted.or_replace:
        _remove(account, session, wanted.kind, path)
    made = account.catalog.create(
        wanted.kind, path, session.role, properties, if_not_exists=wanted.if_not_exists, comment=comment
    )
    if not made:
        return status(f"{path.name} already exists, statement succeeded.")
    account.grants.add("OWNERSHIP", wanted.kind, str(path), "ROLE", session.role, session.role, option=True)
    if wanted.kind == access.SECRET:
        access.keep_values(account, path, wanted.properties)
    _made(account, session, wanted.kind, path)
    return status(f"{_WORDS.get(wanted.kind, wanted.kind.capitalize())} {path.name} successfully created.")


def _made(account: Account, session: Session, kind: str, path: Path) -> None:
    """What comes with a new object: a database has a schema PUBLIC, and the session uses what it made."""
    if kind == "DATABASE":
        public = Path(path.name, "", "PUBLIC")
        account.catalog.create("SCHEMA", public, session.role, {})
        account.grants.add("OWNERSHIP", "SCHEMA", str(public), "ROLE", session.role, session.role, option=True)
        account.engine.create_schema(session, public)
        session.database, session.schema = path.name, "PUBLIC"
    elif kind == "SCHEMA":
        account.engine.create_schema(session, path)
        session.database, session.schema = path.database, path.name
    elif kind == "WAREHOUSE":
        session.warehouse = path.name
    elif kind == "STAGE":
        account.stages.drop(path)
        return
    else:
        return
    account.sessions.save(session)


def _check_warehouse(properties: dict[str, Value]) -> None:
    size = properties.get("WAREHOUSE_SIZE")
    if size is not None:
        known = _SIZES.get(str(size).upper().replace("-", ""))
        if not known:
            raise invalid_value(size, "WAREHOUSE_SIZE")
        properties["WAREHOUSE_SIZE"] = known
    for key in ("AUTO_SUSPEND", "MIN_CLUSTER_COUNT", "MAX_CLUSTER_COUNT"):
        value = properties.get(key)
        if value is not None and not (isinstance(value, int) and value >= 0):
            raise invalid_value(value, key)


def drop(account: Account, session: Session, wanted: Drop) -> Result:
    path = path_of(session, wanted.kind, wanted.name)
    kind = access.real_kind(account, wanted.kind, path)
    if not account.catalog.find(kind, path):
        if wanted.if_exists:
            return status(f"Drop statement executed successfully ({path.name} already dropped).")
        account.catalog.get(kind, path)
    _remove(account, session, kind, path)
    return status(f"{path.name} successfully dropped.")


def _remove(account: Account, session: Session, kind: str, path: Path) -> None:
    """Contents first, the record last: what a crash leaves behind is an emptier object, never an invisible one."""
    if kind == "DATABASE":
        for schema in account.catalog.list("SCHEMA", path.name):
            account.engine.drop_schema(session, schema.path)
        account.stages.drop_schema(path.name)
        account.vault.drop_schema(path.name)
        if account.compute:
            account.compute.database_dropped(path.name, None)
    elif kind == "SCHEMA":
        account.engine.drop_schema(session, path)
        account.stages.drop_schema(path.database, path.name)
        account.vault.drop_schema(path.database, path.name)
        if account.compute:
            account.compute.database_dropped(path.database, path.name)
    elif kind == "STAGE":
        account.stages.drop(path)
    elif kind == access.SECRET:
        account.vault.drop(str(path))
    account.catalog.drop(kind, path)
    account.grants.forget(kind, str(path))
    _unuse(account, session, kind, path)


def _unuse(account: Account, session: Session, kind: str, path: Path) -> None:
    if kind == "DATABASE" and session.database == path.name:
        session.database = session.schema = None
    elif kind == "SCHEMA" and (session.database, session.schema) == (path.database, path.name):
        session.schema = None
    elif kind == "WAREHOUSE" and session.warehouse == path.name:
        session.warehouse = None
    account.sessions.save(session)


def alter(account: Account, session: Session, wanted: Alter) -> Result:
    name = wanted.name or Name((session.need_warehouse(),))
    path = path_of(session, wanted.kind, name)
    found = account.catalog.find(wanted.kind, path) if wanted.if_exists else account.catalog.get(wanted.kind, path)
    if found and wanted.action in ("SET", "UNSET"):
        properties = dict(wanted.properties)
        if wanted.kind == "WAREHOUSE":
            _check_warehouse(properties)
        if wanted.action == "SET":
            properties = access.checked(account, session, wanted.kind, properties)
        if wanted.kind == access.SECRET:
            access.keep_values(account, path, wanted.properties)
        comment = str(properties.pop("COMMENT") or "") if "COMMENT" in properties else None
        account.catalog.update(found, properties=properties, comment=comment)
    if found and wanted.action in ("SUSPEND", "RESUME"):
        account.catalog.update(found, properties={"SUSPENDED": wanted.action == "SUSPEND" or None})
    return status("Statement executed successfully.")


def describe(account: Account, session: Session, wanted: Describe) -> Result:
    path = path_of(session, wanted.kind, wanted.name)
    found = account.catalog.get(access.real_kind(account, wanted.kind, path), path)
    if found.kind in (access.RULE, access.EXTERNAL, access.SECRET):
        return access.describe(found)
    if found.kind == "STAGE":
        columns = ("parent_property", "property", "property_type", "property_value", "property_default")
        return rows(columns, list(_stage_properties(found.properties)))
    return rows(
        ("property", "property_type", "property_value", "property_default"),
        [(key, _type_of(value), _spelled(value), "") for key, value in found.properties.items()],
    )


def _stage_properties(properties: dict[str, Any]) -> list[tuple[str, ...]]:
    listed: list[tuple[str, ...]] = [("STAGE_LOCATION", "URL", "String", "", "")]
    directory = properties.get("DIRECTORY") or {}
    listed.append(("DIRECTORY", "ENABLE", "Boolean", _spelled(directory.get("ENABLE", False)), "false"))
    for parent in ("STAGE_FILE_FORMAT", "ENCRYPTION"):
        for key, value in (properties.get(parent.removeprefix("STAGE_")) or {}).items():
            listed.append((parent, key, _type_of(value), _spelled(value), ""))
    return listed


def _type_of(value: Any) -> str:
    return "Boolean" if isinstance(value, bool) else "Integer" if isinstance(value, int) else "String"


def _spelled(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else "" if value is None else str(value)


HANDLERS: dict[type, Callable[[Account, Session, Any], Result]] = {
    Create: create,
    Drop: drop,
    Alter: alter,
    Describe: describe,
}
