"""GRANT, REVOKE and SHOW GRANTS."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from local_account.account import Account
from local_account.catalog import Path
from local_account.grants import Grant as Granted
from local_account.parse.grants import Grant, GrantRole
from local_account.parse.names import Name
from local_account.parse.show import ShowGrants
from local_account.sessions import Session
from local_account.statements import access
from local_account.statements.objects import path_of
from local_account.statements.result import Result, rows, status, timestamp

_DONE = "Statement executed successfully."
_IN_CATALOG = ("DATABASE", "SCHEMA", "WAREHOUSE", "ROLE", "STAGE", "COMPUTE POOL", "IMAGE REPOSITORY", "FILE FORMAT",
               access.SECURITY, access.EXTERNAL, access.RULE, access.SECRET)  # fmt: skip
_IN_SCHEMA = ("TABLE", "VIEW", "STAGE", "IMAGE REPOSITORY", "SERVICE", "FILE FORMAT", access.SECRET, access.RULE,
              "FUNCTION", "PROCEDURE")  # fmt: skip


def grant(account: Account, session: Session, wanted: Grant) -> Result:
    account.catalog.get(wanted.grantee_kind, Path("", "", wanted.grantee.last))
    kind, name = _object(account, session, wanted)
    for privilege in wanted.privileges:
        if wanted.revoke:
            account.grants.remove(privilege, kind, name, wanted.grantee_kind, wanted.grantee.last)
            continue
        if privilege == "OWNERSHIP":
            _hand_over(account, session, wanted, kind, name)
        account.grants.add(
            privilege,
            kind,
            name,
            wanted.grantee_kind,
            wanted.grantee.last,
            session.role,
            option=wanted.grant_option or privilege == "OWNERSHIP",
        )
    return status(_DONE)


def _object(account: Account, session: Session, wanted: Grant) -> tuple[str, str]:
    """Kind and full name of what a grant is on; SqlError 2003 if it is not there."""
    if wanted.kind == "ACCOUNT" or wanted.name is None:
        return "ACCOUNT", "LOCAL"
    if wanted.bulk:
        return f"{wanted.bulk} {wanted.kind}", str(wanted.name)
    path = _path(session, wanted.kind, wanted.name)
    kind = access.real_kind(account, wanted.kind, path)
    if kind in _IN_CATALOG:
        account.catalog.get(kind, path)
    elif kind in ("TABLE", "VIEW"):
        account.engine.columns(path)
    return kind, str(path)


def _path(session: Session, kind: str, name: Name) -> Path:
    return session.qualify(name) if kind in _IN_SCHEMA else path_of(session, kind, name)


def _hand_over(account: Account, session: Session, wanted: Grant, kind: str, name: str) -> None:
    """An object has one owner. Without COPY CURRENT GRANTS the other grants on it end, as Snowflake's REVOKE does."""
    for present in account.grants.on(kind, name):
        if present.privilege == "OWNERSHIP" or not wanted.copy_grants:
            account.grants.remove(present.privilege, kind, name, present.grantee_kind, present.grantee)
    found = account.catalog.find(kind, _path(session, kind, wanted.name)) if wanted.name else None
    if found:
        account.catalog.update(found, owner=wanted.grantee.last)


def grant_role(account: Account, session: Session, wanted: GrantRole) -> Result:
    account.catalog.get("ROLE", Path("", "", wanted.role.last))
    account.catalog.get(wanted.grantee_kind, Path("", "", wanted.grantee.last))
    names = ("USAGE", "ROLE", wanted.role.last, wanted.grantee_kind, wanted.grantee.last)
    if wanted.revoke:
        account.grants.remove(*names)
    else:
        account.grants.add(*names, session.role)
    return status(_DONE)


def show(account: Account, session: Session, wanted: ShowGrants) -> Result:
    name = wanted.name.last if wanted.name else ""
    if wanted.how == "ON":
        if not wanted.name:
            return _table(account.grants.on("ACCOUNT", "LOCAL"))
        path = _path(session, wanted.kind or "", wanted.name)
        return _table(account.grants.on(access.real_kind(account, wanted.kind or "", path), str(path)))
    if wanted.how == "OF":
        account.catalog.get("ROLE", Path("", "", name))
        return _members(account.grants.of_role(name))
    if wanted.how == "TO":
        kind = wanted.kind or "ROLE"
        account.catalog.get(kind, Path("", "", name))
        found = account.grants.to(kind, name)
        return _members(found) if kind == "USER" else _table(found)
    return _members(account.grants.to("USER", session.user))


def _table(found: list[Granted]) -> Result:
    columns = (
        timestamp("created_on"),
        "privilege",
        "granted_on",
        "name",
        "granted_to",
        "grantee_name",
        "grant_option",
        "granted_by",
    )
    return rows(
        columns,
        [
            (
                _moment(g),
                g.privilege,
                "INTEGRATION" if g.kind.endswith(" INTEGRATION") else g.kind.replace(" ", "_"),
                g.name,
                g.grantee_kind,
                g.grantee,
                str(g.grant_option).lower(),
                g.granted_by,
            )
            for g in found
        ],
    )


def _members(found: list[Granted]) -> Result:
    columns = (timestamp("created_on"), "role", "granted_to", "grantee_name", "granted_by")
    return rows(columns, [(_moment(g), g.name, g.grantee_kind, g.grantee, g.granted_by) for g in found])


def _moment(granted: Granted) -> datetime:
    return datetime.fromtimestamp(granted.created_on, UTC)


HANDLERS: dict[type, Callable[[Account, Session, Any], Result]] = {
    Grant: grant,
    GrantRole: grant_role,
    ShowGrants: show,
}
