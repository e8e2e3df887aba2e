"""System functions and methods by SELECT or CALL, and RESULT_SCAN of an earlier statement."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from local_account.account import Account
from local_account.errors import SqlError, invalid_value
from local_account.parse.functions import FunctionCall, ResultScan
from local_account.parse.names import Name
from local_account.parse.tokens import Value
from local_account.queries import current
from local_account.sessions import Session
from local_account.statements import pools, service_functions
from local_account.statements.result import SELECT, Result, fixed, text

Function = Callable[[Account, Session, list[Value]], Any]
Method = Callable[[Account, Session, Name, list[Value]], Any]


def _cancel_query(account: Account, session: Session, arguments: list[Value]) -> str:
    query = account.queries.get(str(arguments[0])) if arguments else None
    if query is None or not query.cancel():
        return "Identified SQL statement is not currently executing."
    return f"query [{query.id}] terminated."


def _cancel_all(account: Account, session: Session, arguments: list[Value]) -> str:
    given = str(arguments[0]) if arguments else str(session.id)
    if not given.isdecimal():
        raise invalid_value(given, "session id")
    session_id = int(given)
    running = [q for q in account.queries.of_session(session_id) if q is not current() and q.cancel()]
    return f"{len(running)} queries cancelled."


FUNCTIONS: dict[str, Function] = {
    "SYSTEM$CANCEL_QUERY": _cancel_query,
    "SYSTEM$CANCEL_ALL_QUERIES": _cancel_all,
    **service_functions.FUNCTIONS,
    **pools.FUNCTIONS,
}
METHODS: dict[str, Method] = {**service_functions.METHODS}


def call(account: Account, session: Session, wanted: FunctionCall) -> Result:
    arguments = list(wanted.arguments)
    if wanted.method is not None:
        method = METHODS.get(wanted.method)
        if method is None:
            raise _unknown(f"{wanted.name}!{wanted.method}")
        value = method(account, session, wanted.name, arguments)
    else:
        function = FUNCTIONS.get(wanted.name.last)
        if function is None:
            raise _unknown(str(wanted.name))
        value = function(account, session, arguments)
    kind = fixed(wanted.column) if isinstance(value, int) else text(wanted.column)
    return Result([kind], [(value,)], statement_type=SELECT)


def _unknown(name: str) -> SqlError:
    return SqlError(2140, "42601", f"SQL compilation error:\nUnknown function {name}")


def result_scan(account: Account, session: Session, wanted: ResultScan) -> Result:
    """The result of an earlier statement once more, as long as it is kept."""
    if wanted.query_id:
        query = account.queries.get(wanted.query_id)
    else:
        earlier = [q for q in account.queries.of_session(session.id) if q is not current()]
        query = earlier[-1] if earlier else None
    if query is None:
        raise SqlError(709, "02000", f"Statement {wanted.query_id} not found")
    current().on_cancel(query.cancel)
    query.done.result()
    if query.error:
        raise query.error
    assert query.result is not None
    return query.result


HANDLERS: dict[type, Callable[[Account, Session, Any], Result]] = {FunctionCall: call, ResultScan: result_scan}
