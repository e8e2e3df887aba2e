"""`SELECT … FROM SNOWFLAKE.TELEMETRY.EVENTS`: of SELECT as much as is needed to read the logs of jobs there."""

from __future__ import annotations

from dataclasses import dataclass

from local_account.parse import records
from local_account.parse.tokens import Tokens, Value

TABLE = ("SNOWFLAKE", "TELEMETRY", "EVENTS")
COLUMNS = (
    *("TIMESTAMP", "START_TIMESTAMP", "OBSERVED_TIMESTAMP", "TRACE", "RESOURCE", "RESOURCE_ATTRIBUTES", "SCOPE"),
    *("SCOPE_ATTRIBUTES", "RECORD_TYPE", "RECORD", "RECORD_ATTRIBUTES", "VALUE", "EXEMPLARS"),
)


@dataclass(frozen=True)
class SelectEvents:
    """`attributes` are (names, value): the first of the names that a record has must have that value. `times` are
    (operator, value) for TIMESTAMP. All conditions hold at once."""

    columns: tuple[str, ...]
    record_type: str | None
    attributes: tuple[tuple[tuple[str, ...], str], ...]
    times: tuple[tuple[str, Value], ...]
    descending: bool = False
    limit: int | None = None


def select_events(tokens: Tokens) -> SelectEvents:
    """Read what follows SELECT. ValueError if it is about another table; SqlError for a clause not known here."""
    columns = records.columns(tokens, COLUMNS)
    tokens.expect("FROM")
    if tokens.name().parts != TABLE:
        raise ValueError("another table")
    kind: str | None = None
    attributes, times = [], []
    more = tokens.accept("WHERE")
    while more:
        if tokens.accept("RECORD_TYPE"):
            tokens.expect_op("=")
            kind = tokens.string()
        elif tokens.accept("TIMESTAMP"):
            times.append((_comparison(tokens), _value(tokens)))
        else:
            names = _attributes(tokens)
            tokens.expect_op("=")
            attributes.append((names, str(_value(tokens))))
        more = tokens.accept("AND")
    descending = records.descending(tokens)
    limit = tokens.integer() if tokens.accept("LIMIT") else None
    if not tokens.at_end():
        raise tokens.error()
    return SelectEvents(columns, kind, tuple(attributes), tuple(times), descending, limit)


def _comparison(tokens: Tokens) -> str:
    for operator in (">=", "<=", ">", "<"):
        if tokens.accept_op(operator):
            return operator
    raise tokens.error()


def _attributes(tokens: Tokens) -> tuple[str, ...]:
    """`RESOURCE_ATTRIBUTES:"a"`, or `COALESCE(…, …)` of several; each may have a cast."""
    names: list[str] = []
    if tokens.accept("COALESCE"):
        tokens.expect_op("(")
        while not tokens.accept_op(")"):
            tokens.accept_op(",")
            names += _attributes(tokens)
    else:
        tokens.expect("RESOURCE_ATTRIBUTES")
        tokens.expect_op(":")
        names.append(tokens.identifier())
    _cast(tokens)
    return tuple(names)


def _value(tokens: Tokens) -> Value:
    value = tokens.value()
    _cast(tokens)
    return value


def _cast(tokens: Tokens) -> None:
    if tokens.accept_op("::"):
        tokens.word()
