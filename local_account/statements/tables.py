"""Statements over table data: handed to the SQL engine, with what the session knows put in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from local_account import account as here
from local_account.account import Account
from local_account.engine_sql import copy
from local_account.errors import SqlError, invalid_value, missing
from local_account.parse.tables import CommentOn, CopyInto, DescribeTable, Query, Truncate, Unload
from local_account.parse.tokens import Tokens
from local_account.queries import current
from local_account.sessions import Session
from local_account.statements.result import Result, rows, status
from local_account.statements.stages import label, locate


def query(account: Account, session: Session, wanted: Query) -> Result:
    wire_format = session.parameters.get("PYTHON_CONNECTOR_QUERY_RESULT_FORMAT", "ARROW")
    return account.engine.run(session, wanted.sql, _context(account, session), arrow=wire_format.upper() != "JSON")


def _context(account: Account, session: Session) -> dict[str, str | None]:
    """Values of the context functions."""
    earlier = [q for q in account.queries.of_session(session.id) if q is not current()]
    return {
        "CURRENT_USER": session.user,
        "CURRENT_ROLE": session.role,
        "CURRENT_DATABASE": session.database,
        "CURRENT_SCHEMA": session.schema,
        "CURRENT_WAREHOUSE": session.warehouse,
        "CURRENT_ACCOUNT": here.NAME,
        "CURRENT_ACCOUNT_NAME": here.NAME,
        "CURRENT_ORGANIZATION_NAME": here.ORGANIZATION,
        "CURRENT_REGION": "LOCAL",
        "CURRENT_VERSION": here.VERSION,
        "CURRENT_SESSION": str(session.id),
        "CURRENT_CLIENT": f"{session.client} {session.client_version}",
        "CURRENT_SECONDARY_ROLES": '{"roles":"","value":""}',
        "CURRENT_AVAILABLE_ROLES": _available(account, session),
        "LAST_QUERY_ID": earlier[-1].id if earlier else None,
    }


def _available(account: Account, session: Session) -> str:
    return "[" + ", ".join(f'"{role}"' for role in sorted(account.grants.roles_of(session.user))) + "]"


def describe(account: Account, session: Session, wanted: DescribeTable) -> Result:
    path = session.qualify(wanted.name)
    columns = account.engine.columns(path)
    return rows(
        (
            "name",
            "type",
            "kind",
            "null?",
            "default",
            "primary key",
            "unique key",
            "check",
            "expression",
            "comment",
            "policy name",
        ),
        [
            (column.name, spelled, "COLUMN", "Y" if column.nullable else "N", default, "N", "N", None, None, None, None)
            for column, spelled, default in columns
        ],
    )


def truncate(account: Account, session: Session, wanted: Truncate) -> Result:
    path = session.qualify(wanted.name)
    if not account.engine.has(path):
        if wanted.if_exists:
            return status("Statement executed successfully.")
        raise missing("Table", str(path))
    account.engine.truncate(session, path)
    return status("Statement executed successfully.")


def comment_on(account: Account, session: Session, wanted: CommentOn) -> Result:
    path = session.qualify(wanted.name)
    if account.engine.has(path):
        account.engine.comment(session, wanted.kind, path, wanted.text)
    elif not wanted.if_exists:
        raise missing(wanted.kind.capitalize(), str(path))
    return status("Statement executed successfully.")


def copy_into(account: Account, session: Session, wanted: CopyInto) -> Result:
    session.need_warehouse()
    stage, key = locate(account, session, wanted.stage)
    if wanted.files:
        base = key if not key or key.endswith("/") else f"{key}/"
        found = [
            file for name in wanted.files for file in account.stages.list(stage, base + name) if file.key == base + name
        ]
        absent = set(wanted.files) - {file.key[len(base) :] for file in found}
        if absent:
            raise SqlError(100080, "22000", f"Remote file '{stage}/{base}{sorted(absent)[0]}' was not found.")
    else:
        found = account.stages.list(stage, key, wanted.pattern)
    options = wanted.options | {"FILE_FORMAT": _format(account, session, stage, wanted.options.get("FILE_FORMAT"))}
    loaded = copy.into_table(account.engine, session, wanted, options, found, label(wanted.stage, stage))
    if options.get("PURGE"):
        for file in found:
            account.stages.remove(stage, file)
    return loaded


def unload(account: Account, session: Session, wanted: Unload) -> Result:
    stage, key = locate(account, session, wanted.stage)
    file_format = _format(account, session, stage, wanted.options.get("FILE_FORMAT"))
    return copy.to_stage(account, session, wanted, file_format, stage, key, _context(account, session))


def _format(account: Account, session: Session, stage: Any, given: Any) -> dict[str, Any]:
    """The file format: of the statement, by name, of the stage, else CSV."""
    if isinstance(given, str):
        given = {"FORMAT_NAME": given}
    if given is not None and not isinstance(given, dict):
        raise invalid_value(given, "FILE_FORMAT")
    found = account.catalog.find("STAGE", stage)
    merged: dict[str, Any] = dict((found.properties.get("FILE_FORMAT") or {}) if found else {})
    merged |= given or {}
    name = merged.pop("FORMAT_NAME", None)
    if name:
        path = session.qualify(Tokens.of(str(name)).name())
        merged = account.catalog.get("FILE FORMAT", path).properties | merged
    merged["TYPE"] = str(merged.get("TYPE", "CSV")).upper()
    return merged


HANDLERS: dict[type, Callable[[Account, Session, Any], Result]] = {
    Query: query,
    DescribeTable: describe,
    Truncate: truncate,
    CommentOn: comment_on,
    CopyInto: copy_into,
    Unload: unload,
}
