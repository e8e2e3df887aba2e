"""Runs a parsed statement: one handler for each dataclass."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from local_account import queries
from local_account.account import Account
from local_account.parse import parse
from local_account.parse.binds import bind, unbound
from local_account.parse.redact import redacted
from local_account.parse.tables import Query
from local_account.sessions import Session
from local_account.statements import (
    events,
    functions,
    grants,
    images,
    objects,
    pools,
    service_logs,
    services,
    session,
    show,
    stages,
    tables,
    tasks,
    users,
)
from local_account.statements.result import Result
from local_account.statements.result import text as status_column

Handler = Callable[[Account, Session, Any], Result]

HANDLERS: dict[type, Handler] = {}
for _family in (
    events,
    functions,
    grants,
    images,
    objects,
    pools,
    service_logs,
    services,
    session,
    show,
    stages,
    tables,
    tasks,
    users,
):
    HANDLERS.update(_family.HANDLERS)


def submit(
    account: Account,
    session: Session,
    request_id: str,
    sql: str,
    bindings: dict[str, dict[str, object]],
    *,
    describe_only: bool = False,
) -> queries.Query:
    """Start a statement; the same `request_id` twice runs it once. `describe_only` gives columns without rows."""
    work = partial(execute, account, session, sql, bindings, describe_only=describe_only)
    return account.queries.submit(session.id, request_id, redacted(sql), work)


def execute(
    account: Account, current: Session, sql: str, bindings: dict[str, dict[str, object]], *, describe_only: bool = False
) -> Result:
    """Parse and carry out one statement. Raises SqlError."""
    if describe_only:
        return _describe(account, current, sql)
    statement = parse(bind(sql, bindings))
    return HANDLERS[type(statement)](account, current, statement)


def _describe(account: Account, current: Session, sql: str) -> Result:
    """Columns without rows for a query; for anything else nothing is run and only the bind variables are counted."""
    text, count = unbound(sql)
    statement = parse(text)
    described = Result([status_column("status")])
    if isinstance(statement, Query) and text.lstrip().upper().startswith(("SELECT", "WITH", "(", "VALUES")):
        described = HANDLERS[Query](account, current, Query(f"SELECT * FROM ({statement.sql}\n) LIMIT 0"))
    described.binds = count
    return described
