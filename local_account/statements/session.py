"""USE, ALTER SESSION, BEGIN, COMMIT, ROLLBACK."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from local_account.account import Account
from local_account.catalog import Path
from local_account.errors import SqlError
from local_account.parse.session import AlterSession, Transaction, Use
from local_account.sessions import Session
from local_account.statements.result import Result, status

_DONE = "Statement executed successfully."
#: session parameters that a client may ask for; SHOW PARAMETERS lists them
PARAMETERS = {
    "ABORT_DETACHED_QUERY": "false",
    "AUTOCOMMIT": "true",
    "BINARY_OUTPUT_FORMAT": "HEX",
    "CLIENT_SESSION_KEEP_ALIVE": "false",
    "PYTHON_CONNECTOR_QUERY_RESULT_FORMAT": "ARROW",
    "QUERY_TAG": "",
    "STATEMENT_TIMEOUT_IN_SECONDS": "172800",
    "TIMEZONE": "UTC",
}


def use(account: Account, session: Session, wanted: Use) -> Result:
    if wanted.kind == "SECONDARY ROLES":
        return status(_DONE)
    {"ROLE": _role, "WAREHOUSE": _warehouse, "SCHEMA": _schema, "DATABASE": _database}.get(wanted.kind, _either)(
        account, session, wanted
    )
    account.sessions.save(session)
    return status(_DONE)


def _role(account: Account, session: Session, wanted: Use) -> None:
    role = wanted.name.last
    account.catalog.get("ROLE", Path("", "", role))
    if role not in account.grants.roles_of(session.user) and role != session.role:
        raise SqlError(
            3013,
            "42501",
            f"SQL access control error:\nRequested role '{role}' is not assigned to the executing user."
            " Specify another role.",
        )
    session.role = role


def _warehouse(account: Account, session: Session, wanted: Use) -> None:
    session.warehouse = account.catalog.get("WAREHOUSE", Path("", "", wanted.name.last)).name


def _database(account: Account, session: Session, wanted: Use) -> None:
    database = account.catalog.get("DATABASE", Path("", "", wanted.name.last)).name
    public = account.catalog.find("SCHEMA", Path(database, "", "PUBLIC"))
    session.database, session.schema = database, "PUBLIC" if public else None


def _schema(account: Account, session: Session, wanted: Use) -> None:
    found = account.catalog.get("SCHEMA", session.qualify_schema(wanted.name)).path
    session.database, session.schema = found.database, found.name


def _either(account: Account, session: Session, wanted: Use) -> None:
    (_schema if len(wanted.name.parts) == 2 else _database)(account, session, wanted)


def alter(account: Account, session: Session, change: AlterSession) -> Result:
    for key, value in change.set.items():
        session.parameters[key] = str(value).lower() if isinstance(value, bool) else str(value)
    for key in change.unset:
        session.parameters.pop(key, None)
    account.sessions.save(session)
    return status(_DONE)


def transaction(account: Account, session: Session, change: Transaction) -> Result:
    open_ones = account.engine.connections
    {"BEGIN": open_ones.begin, "COMMIT": open_ones.commit, "ROLLBACK": open_ones.rollback}[change.verb](session.id)
    return status(_DONE)


HANDLERS: dict[type, Callable[[Account, Session, Any], Result]] = {
    Use: use,
    AlterSession: alter,
    Transaction: transaction,
}
