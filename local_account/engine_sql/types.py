"""Types: Snowflake's as declared, DuckDB's as stored, the wire's as sent."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sqlglot import exp

from local_account.statements.result import Column

_T = exp.DataType.Type
_INTEGERS = {_T.INT, _T.BIGINT, _T.SMALLINT, _T.TINYINT, _T.MEDIUMINT, _T.INT128, _T.UTINYINT}
_DECIMALS = {_T.DECIMAL, _T.BIGDECIMAL, _T.DECIMAL32, _T.DECIMAL64, _T.DECIMAL128, _T.DECIMAL256}
_FLOATS = {_T.FLOAT, _T.DOUBLE}
_TEXTS = {_T.VARCHAR, _T.TEXT, _T.CHAR, _T.NVARCHAR, _T.NCHAR, _T.NAME}
_BYTES = {_T.BINARY, _T.VARBINARY}
_SEMI = {_T.VARIANT: "VARIANT", _T.OBJECT: "OBJECT", _T.ARRAY: "ARRAY", _T.JSON: "VARIANT"}
_MOMENTS = {
    _T.TIMESTAMP: "TIMESTAMP_NTZ",
    _T.TIMESTAMPNTZ: "TIMESTAMP_NTZ",
    _T.DATETIME: "TIMESTAMP_NTZ",
    _T.TIMESTAMPLTZ: "TIMESTAMP_LTZ",
    _T.TIMESTAMPTZ: "TIMESTAMP_TZ",
}


@dataclass(frozen=True)
class Declared:
    """A Snowflake type as DESCRIBE TABLE spells it, and the DuckDB type that stores it."""

    snowflake: str
    duckdb: str


def declared(kind: exp.DataType) -> Declared | None:
    """What a type written in a statement means; None where sqlglot's own translation will do."""
    sizes = [int(p.name) for p in kind.expressions if p.name.isdigit()]
    which = kind.this
    if which in _INTEGERS:
        return Declared("NUMBER(38,0)", "BIGINT")
    if which in _DECIMALS:
        return _number(sizes[0] if sizes else 38, sizes[1] if len(sizes) > 1 else 0)
    if which in _FLOATS:
        return Declared("FLOAT", "DOUBLE")
    if which in _TEXTS:
        single = which in (_T.CHAR, _T.NCHAR)
        return Declared(f"VARCHAR({sizes[0] if sizes else 1 if single else 16777216})", "VARCHAR")
    if which in _BYTES:
        return Declared(f"BINARY({sizes[0] if sizes else 8388608})", "BLOB")
    if which in _SEMI:
        return Declared(_SEMI[which], "JSON")
    if which in _MOMENTS:
        name = _MOMENTS[which]
        return Declared(f"{name}(9)", "TIMESTAMP" if name == "TIMESTAMP_NTZ" else "TIMESTAMPTZ")
    if which is _T.VECTOR:
        return _vector(kind)
    return {
        _T.BOOLEAN: Declared("BOOLEAN", "BOOLEAN"),
        _T.DATE: Declared("DATE", "DATE"),
        _T.TIME: Declared("TIME(9)", "TIME"),
    }.get(which)


def _number(precision: int, scale: int) -> Declared:
    if scale:
        return Declared(f"NUMBER({precision},{scale})", f"DECIMAL({precision}, {scale})")
    return Declared(f"NUMBER({precision},0)", "BIGINT" if precision <= 18 else "HUGEINT")


def _vector(kind: exp.DataType) -> Declared:
    whole = any(part.this in _INTEGERS for part in kind.expressions if isinstance(part, exp.DataType))
    size = next(part.name for part in kind.expressions if part.name.isdigit())
    return Declared(f"VECTOR({'INT' if whole else 'FLOAT'}, {size})", f"{'INTEGER' if whole else 'FLOAT'}[{size}]")


def from_duckdb(kind: str) -> str:
    """A DuckDB type -> the Snowflake type that DESCRIBE TABLE shows when nothing was declared (CTAS)."""
    decimal = re.fullmatch(r"DECIMAL\((\d+),\s*(\d+)\)", kind)
    if decimal:
        return f"NUMBER({decimal[1]},{decimal[2]})"
    vector = re.fullmatch(r"(FLOAT|INTEGER)\[(\d+)\]", kind)
    if vector:
        return f"VECTOR({'FLOAT' if vector[1] == 'FLOAT' else 'INT'}, {vector[2]})"
    if kind.endswith("]") or kind.startswith(("STRUCT", "MAP")):
        return "ARRAY" if kind.endswith("]") else "OBJECT"
    if kind in ("HUGEINT", "BIGINT", "INTEGER", "SMALLINT", "TINYINT", "UHUGEINT") or (
        kind.startswith("U") and "INT" in kind
    ):
        return "NUMBER(38,0)"
    return {
        "DOUBLE": "FLOAT",
        "FLOAT": "FLOAT",
        "BOOLEAN": "BOOLEAN",
        "DATE": "DATE",
        "TIME": "TIME(9)",
        "TIMESTAMP": "TIMESTAMP_NTZ(9)",
        "TIMESTAMP_NS": "TIMESTAMP_NTZ(9)",
        "TIMESTAMP_MS": "TIMESTAMP_NTZ(9)",
        "TIMESTAMP_S": "TIMESTAMP_NTZ(9)",
        "TIMESTAMP WITH TIME ZONE": "TIMESTAMP_LTZ(9)",
        "BLOB": "BINARY(8388608)",
        "JSON": "VARIANT",
    }.get(kind, "VARCHAR(16777216)")


def on_the_wire(expression: str, kind: str) -> str:
    """An expression of a DuckDB type -> one that Arrow takes to the wire: arrays and objects travel as JSON texts."""
    spelled = from_duckdb(kind)
    if spelled in ("ARRAY", "OBJECT"):
        return f"to_json({expression})"
    return f"CAST({expression} AS VARCHAR)" if spelled.startswith("VARCHAR") and kind != "VARCHAR" else expression


def column(name: str, snowflake: str, nullable: bool = True) -> Column:
    """A Snowflake type in text -> a column of the wire."""
    base, _, rest = snowflake.partition("(")
    sizes = [int(part) for part in re.findall(r"\d+", rest)]
    if base == "NUMBER":
        return Column(name, "FIXED", nullable, sizes[0], sizes[1])
    if base == "VARCHAR":
        return Column(name, "TEXT", nullable, length=sizes[0])
    if base == "FLOAT":
        return Column(name, "REAL", nullable)
    if base == "BINARY":
        return Column(name, "BINARY", nullable, length=sizes[0])
    if base.startswith("TIME"):
        return Column(name, base, nullable, 0, sizes[0])
    if base == "VECTOR":
        return Column(name, "VECTOR", nullable, dimension=sizes[0], element="FIXED" if "INT" in rest else "REAL")
    return Column(name, base, nullable)
