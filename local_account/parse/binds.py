"""Values that a client binds to `?` or `:1`, put into the text as literals before it is parsed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from local_account.errors import SqlError, unsupported
from local_account.parse.scanner import Kind, Token, scan

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def bind(sql: str, bindings: Mapping[str, Mapping[str, Any]]) -> str:
    """`bindings` is the wire form: `{"1": {"type": "TEXT", "value": "x"}}`; of a list each value makes a VALUES row."""
    if not bindings:
        return sql
    tokens, count = scan(sql), _rows(bindings)
    if count is None:
        return _replace(sql, tokens, 0, len(sql), bindings, None)
    start, end = _values_row(tokens)
    rows = ", ".join(_replace(sql, tokens, start, end, bindings, row) for row in range(count))
    return sql[:start] + rows + sql[end:]


def _rows(bindings: Mapping[str, Mapping[str, Any]]) -> int | None:
    """How many rows the values make; None where each is one value. SqlError 2049 for anything but the wire form."""
    counts: set[int | None] = set()
    for key, each in bindings.items():
        if not (isinstance(each, Mapping) and isinstance(each.get("type"), str) and "value" in each):
            raise SqlError(2049, "42601", f"SQL compilation error:\nBind variable {key} has no type or no value.")
        counts.add(len(each["value"]) if isinstance(each["value"], list) else None)
    if len(counts) > 1:
        raise SqlError(2049, "42601", "SQL compilation error:\nBind variables have different numbers of values.")
    return counts.pop()


def _values_row(tokens: list[Token]) -> tuple[int, int]:
    """Where the one row behind VALUES begins and ends."""
    for index, token in enumerate(tokens):
        if token.kind is Kind.WORD and token.value == "VALUES" and tokens[index + 1].text == "(":
            depth = 0
            for inner in tokens[index + 1 :]:
                depth += {"(": 1, ")": -1}.get(inner.text, 0) if inner.kind is Kind.OP else 0
                if depth == 0:
                    return tokens[index + 1].start, inner.end
    raise unsupported("array binds outside INSERT … VALUES (…)")


def _replace(
    sql: str, tokens: list[Token], start: int, end: int, bindings: Mapping[str, Mapping[str, Any]], row: int | None
) -> str:
    parts, position, count = [], start, 0
    for token in tokens:
        if token.kind is not Kind.BIND:
            continue
        count += 1
        if not start <= token.start < end:
            continue
        key = str(count) if token.text == "?" else token.text[1:]
        if key not in bindings:
            raise SqlError(2049, "42601", f"SQL compilation error:\nBind variable {token.text} not set.")
        value = bindings[key]["value"]
        parts += [
            sql[position : token.start],
            _literal(bindings[key]["type"], value[row] if row is not None else value),
        ]
        position = token.end
    return "".join(parts) + sql[position:end]


def _literal(kind: str, value: Any) -> str:
    if value is None:
        return "NULL"
    try:
        return _spelled(kind, str(value))
    except (ValueError, OverflowError) as error:
        raise SqlError(100038, "22018", f"Bind value '{value}' is not recognized as {kind}") from error


def _spelled(kind: str, text: str) -> str:
    if kind == "FIXED":
        return str(int(text)) if text.lstrip("+-").isdigit() else f"{float(text)!r}"
    if kind == "REAL":
        return f"{_quote(text)}::FLOAT"
    if kind == "BOOLEAN":
        return "TRUE" if text.lower() in ("true", "1") else "FALSE"
    if kind == "DATE":
        day = _EPOCH + (timedelta(milliseconds=int(text)) if text.lstrip("-").isdigit() else timedelta())
        return f"{_quote(day.date().isoformat() if text.lstrip('-').isdigit() else text)}::DATE"
    if kind in ("TIMESTAMP_NTZ", "TIMESTAMP_LTZ", "TIMESTAMP_TZ", "TIMESTAMP"):
        return f"{_quote(_moment(text))}::{'TIMESTAMP_NTZ' if kind.endswith(('P', 'NTZ')) else kind}"
    if kind == "TIME":
        nanoseconds = int(text)
        return f"{_quote((_EPOCH + timedelta(microseconds=nanoseconds // 1000)).time().isoformat())}::TIME"
    if kind == "BINARY":
        return f"TO_BINARY({_quote(text)}, 'HEX')"
    return _quote(text)


def _moment(text: str) -> str:
    """Nanoseconds since 1970, with an optional time zone offset (minutes + 1440) behind a blank."""
    number, _, _zone = text.partition(" ")
    if not number.lstrip("-").isdigit():
        return text
    return (_EPOCH + timedelta(microseconds=int(number) // 1000)).replace(tzinfo=None).isoformat(" ")


def _quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"


def unbound(sql: str) -> tuple[str, int]:
    """The statement with NULL for every bind variable, and how many there are: enough to describe it."""
    marks = [token for token in scan(sql) if token.kind is Kind.BIND]
    keys = {"1": {"type": "TEXT", "value": None}} | {
        str(n + 1): {"type": "TEXT", "value": None} for n in range(len(marks))
    }
    return bind(sql, keys), len(marks)
