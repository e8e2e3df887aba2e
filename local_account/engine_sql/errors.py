"""What DuckDB and sqlglot complain about -> Snowflake's errors."""

from __future__ import annotations

import re

import duckdb
from sqlglot.errors import ParseError, SqlglotError

from local_account.errors import SqlError, canceled, missing, syntax_error, too_large


def translated(problem: Exception) -> SqlError:
    """Never fails: what has no known shape becomes error 1003 with the engine's own sentence."""
    text = str(problem).split("\n\nLINE ")[0].strip()
    if isinstance(problem, duckdb.InterruptException):
        return canceled()
    if isinstance(problem, duckdb.OutOfMemoryException):
        return too_large(text.partition(": ")[2].splitlines()[0])
    if isinstance(problem, ParseError):
        return _parse_error(problem)
    if isinstance(problem, SqlglotError):
        return SqlError(1003, "42000", f"SQL compilation error:\n{text}")
    for known in (_missing, _taken, _identifier, _null, _conversion):
        found = known(problem, text)
        if found:
            return found
    sentence = text.partition(": ")[2] or text
    return SqlError(1003, "42000", f"SQL compilation error:\n{sentence}")


def _parse_error(problem: ParseError) -> SqlError:
    detail = problem.errors[0] if problem.errors else {}
    line, column, near = detail.get("line"), detail.get("col"), detail.get("highlight")
    if line and column:
        return syntax_error(line, max(0, column - len(near or "")), near or "<EOF>")
    return SqlError(1003, "42000", f"SQL compilation error:\n{problem}")


def _missing(problem: Exception, text: str) -> SqlError | None:
    table = re.search(r"(?:Table|View) with name (.+?) does not exist", text)
    if table:
        return missing("Object", table[1])
    function = re.search(r"Function with name \"?(.+?)\"? does not exist", text)
    if function:
        return SqlError(2140, "42601", f"SQL compilation error:\nUnknown function {function[1].upper()}")
    return None


def _taken(problem: Exception, text: str) -> SqlError | None:
    found = re.search(r'with name "(.+?)" already exists', text)
    return SqlError(2002, "42710", f"SQL compilation error:\nObject '{found[1]}' already exists.") if found else None


def _identifier(problem: Exception, text: str) -> SqlError | None:
    found = re.search(
        r'Referenced (?:column|table) "(.+?)" not found|does not have a column (?:with name|named) "(.+?)"', text
    )
    if not found:
        return None
    return SqlError(904, "42000", f"SQL compilation error:\ninvalid identifier '{found[1] or found[2]}'")


def _null(problem: Exception, text: str) -> SqlError | None:
    found = re.search(r"NOT NULL constraint failed: \S+?\.?\"?([^\".]+)\"?$", text)
    if not found:
        return None
    return SqlError(100072, "22000", f"NULL result in a non-nullable column {found[1]}")


def _conversion(problem: Exception, text: str) -> SqlError | None:
    if not isinstance(problem, (duckdb.ConversionException, duckdb.OutOfRangeException, duckdb.InvalidInputException)):
        return None
    value = re.search(r"string '(.*?)' to (\w+)", text)
    if value and ("INT" in value[2] or value[2] in ("DOUBLE", "DECIMAL", "FLOAT")):
        return SqlError(100038, "22018", f"Numeric value '{value[1]}' is not recognized")
    return SqlError(100038, "22018", text.partition(": ")[2] or text)
