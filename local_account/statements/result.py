"""Result of a statement: columns with Snowflake's wire types, and rows or chunked Arrow data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from local_account.results import Chunks

#: statementTypeId of the wire protocol: the connectors read the row count of a DML statement from it.
SELECT, INSERT, UPDATE, DELETE, MERGE, DDL, SHOW = 0x1000, 0x3100, 0x3200, 0x3300, 0x3400, 0x6000, 0x5000


@dataclass(frozen=True)
class Column:
    """`type` is a wire type: TEXT, FIXED, REAL, BOOLEAN, DATE, TIME, TIMESTAMP_NTZ, TIMESTAMP_LTZ, TIMESTAMP_TZ,
    VARIANT, OBJECT, ARRAY, BINARY or VECTOR."""

    name: str
    type: str = "TEXT"
    nullable: bool = True
    precision: int | None = None
    scale: int | None = None
    length: int | None = None
    dimension: int | None = None
    element: str | None = None


@dataclass
class Result:
    """Either `rows` (str, int, float, Decimal, bool, datetime, date, None) or `chunks` (encoded Arrow)."""

    columns: list[Column]
    rows: list[tuple[Any, ...]] = field(default_factory=list)
    chunks: Chunks | None = None
    statement_type: int = DDL
    #: what the client must carry out itself (PUT and GET): the whole `data` object of the reply
    transfer: dict[str, Any] | None = None
    #: number of bind variables, where the statement was only described
    binds: int = 0


def text(name: str, *, nullable: bool = True) -> Column:
    return Column(name, "TEXT", nullable, length=16777216)


def fixed(name: str, *, precision: int = 38, scale: int = 0) -> Column:
    return Column(name, "FIXED", True, precision, scale)


def timestamp(name: str) -> Column:
    """A TIMESTAMP_LTZ column; its values are aware datetimes."""
    return Column(name, "TIMESTAMP_LTZ", True, 0, 3)


def status(message: str) -> Result:
    """One row with one column `status`, as every DDL statement answers."""
    return Result([text("status")], [(message,)])


def rows(columns: Sequence[Column | str], values: Sequence[Sequence[Any]]) -> Result:
    """A table of values; a column given by its name alone is TEXT."""
    named = [text(column) if isinstance(column, str) else column for column in columns]
    return Result(named, [tuple(row) for row in values], statement_type=SHOW)
