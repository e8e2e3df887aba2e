"""`SELECT f(…)` and `CALL f(…)` of system functions and of a service's methods; other SELECTs go to the SQL engine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from local_account.errors import SqlError
from local_account.parse.events import select_events
from local_account.parse.names import Name
from local_account.parse.scanner import Kind
from local_account.parse.service_logs import recorded_logs
from local_account.parse.tables import Query
from local_account.parse.tasks import task_history
from local_account.parse.tokens import Tokens, Value


@dataclass(frozen=True)
class FunctionCall:
    """`name` is a system function (`SYSTEM$…`), or the object of `name!method(…)`. `column` names the one column."""

    name: Name
    method: str | None
    arguments: tuple[Value, ...]
    column: str


@dataclass(frozen=True)
class ResultScan:
    """`SELECT * FROM TABLE(RESULT_SCAN('query id'))`; None is LAST_QUERY_ID()."""

    query_id: str | None


def _select(tokens: Tokens) -> object:
    start = tokens.index
    for attempt in (_function, _result_scan, recorded_logs, select_events, task_history):
        try:
            return attempt(tokens)
        except (SqlError, ValueError):
            tokens.index = start
    tokens.index = 0
    return Query(tokens.rest())


def _function(tokens: Tokens) -> FunctionCall:
    """Only a projection that is nothing but one system function or method."""
    call = _call(tokens)
    if call.method is None and not call.name.last.startswith("SYSTEM$"):
        raise ValueError("not a system function")
    column = call.column
    if tokens.accept("AS") or not tokens.at_end():
        column = tokens.identifier()
    if not tokens.at_end():
        raise tokens.error()
    return FunctionCall(call.name, call.method, call.arguments, column)


def _call(tokens: Tokens) -> FunctionCall:
    name, method = tokens.name(), None
    if tokens.accept_op("!"):
        method = tokens.word()
    tokens.expect_op("(")
    arguments: list[Value] = []
    while not tokens.accept_op(")"):
        if arguments:
            tokens.expect_op(",")
        if tokens.peek(1).text == "=>":
            tokens.index += 2
        arguments.append(tokens.value())
    return FunctionCall(name, method, tuple(arguments), method or name.last)


def _result_scan(tokens: Tokens) -> ResultScan:
    tokens.expect_op("*")
    tokens.expect("FROM", "TABLE")
    tokens.expect_op("(")
    tokens.expect("RESULT_SCAN")
    tokens.expect_op("(")
    if tokens.peek().kind is Kind.STRING:
        query_id: str | None = tokens.string()
    else:
        tokens.expect("LAST_QUERY_ID")
        tokens.expect_op("(")
        tokens.expect_op(")")
        query_id = None
    tokens.expect_op(")")
    tokens.expect_op(")")
    if not tokens.at_end():
        raise tokens.error()
    return ResultScan(query_id)


PARSERS: dict[tuple[str, ...], Callable[[Tokens], object]] = {("SELECT",): _select, ("CALL",): _call}
