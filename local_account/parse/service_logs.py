"""`SELECT … FROM TABLE(job!SPCS_GET_LOGS(…))`: of SELECT as much as is needed to read one container's log."""

from __future__ import annotations

from dataclasses import dataclass

from local_account.parse import records
from local_account.parse.names import Name
from local_account.parse.tokens import Tokens, Value

COLUMNS = ("TIMESTAMP", "INSTANCE_ID", "CONTAINER_NAME", "LOG", "RECORD_ATTRIBUTES")
_FILTERS = ("INSTANCE_ID", "CONTAINER_NAME")


@dataclass(frozen=True)
class RecordedLogs:
    """`bounds` has START_TIME and END_TIME as written, `filters` the values of INSTANCE_ID and CONTAINER_NAME."""

    name: Name
    columns: tuple[str, ...]
    bounds: dict[str, Value]
    filters: dict[str, Value]
    descending: bool = False
    limit: int | None = None


def recorded_logs(tokens: Tokens) -> RecordedLogs:
    """Read what follows SELECT. ValueError if it is not about SPCS_GET_LOGS; SqlError for a clause not known here."""
    columns = records.columns(tokens, COLUMNS)
    if not tokens.accept("FROM", "TABLE") or not tokens.accept_op("("):
        raise ValueError("not a table function")
    name = tokens.name()
    if not tokens.accept_op("!") or tokens.word() != "SPCS_GET_LOGS":
        raise ValueError("another table function")
    bounds = _bounds(tokens)
    tokens.expect_op(")")
    filters = _filters(tokens)
    descending = records.descending(tokens)
    limit = tokens.integer() if tokens.accept("LIMIT") else None
    if not tokens.at_end():
        raise tokens.error()
    return RecordedLogs(name, columns, bounds, filters, descending, limit)


def _bounds(tokens: Tokens) -> dict[str, Value]:
    tokens.expect_op("(")
    bounds: dict[str, Value] = {}
    while not tokens.accept_op(")"):
        tokens.accept_op(",")
        key = tokens.word()
        if key not in ("START_TIME", "END_TIME"):
            raise tokens.error()
        tokens.expect_op("=>")
        bounds[key] = tokens.value()
        if tokens.accept_op("::"):
            tokens.word()
    return bounds


def _filters(tokens: Tokens) -> dict[str, Value]:
    filters: dict[str, Value] = {}
    joined = tokens.accept("WHERE")
    while joined:
        token = tokens.peek()
        key = tokens.word()
        if key not in _FILTERS:
            raise tokens.error(token)
        tokens.expect_op("=")
        filters[key] = tokens.value()
        joined = tokens.accept("AND")
    return filters
