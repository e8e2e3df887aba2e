"""Result data on its way to the client: Arrow pieces on disk behind unguessable names, or JSON rowsets."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa

from local_account.arrow_wire import encode, rechunk
from local_account.errors import too_large
from local_account.statements.result import Column

_MOST_VALUES = 20_000_000


@dataclass(frozen=True)
class Chunk:
    """One piece behind a URL."""

    rows: int
    size: int


@dataclass
class Chunks:
    """`first` is sent inside the reply; the others are files `<folder>/<n>`, n from 0. `folder.name` is the secret."""

    folder: Path
    first: bytes = b""
    first_rows: int = 0
    others: list[Chunk] = field(default_factory=list)

    @property
    def total(self) -> int:
        return self.first_rows + sum(chunk.rows for chunk in self.others)

    def tables(self) -> Iterator[pa.Table]:
        """The data once more, in the types of the wire."""
        yield pa.ipc.open_stream(self.first).read_all()
        for number in range(len(self.others)):
            yield pa.ipc.open_stream((self.folder / str(number)).read_bytes()).read_all()

    def delete(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


def write(batches: Iterator[pa.RecordBatch], schema: pa.Schema, columns: list[Column], folder: Path) -> Chunks:
    """Encode a stream of batches. Memory stays at one piece, whatever the size of the result; SqlError 300002
    for one that takes more than half of the free disk space."""
    chunks, size = Chunks(folder / secrets.token_urlsafe(24)), 0
    try:
        for number, table in enumerate(rechunk(batches)):
            data = encode(table, columns)
            if number == 0:
                chunks.first, chunks.first_rows = data, table.num_rows
                continue
            size += len(data)
            if shutil.disk_usage(folder).free < size:
                raise too_large(f"its result takes more than half of the free disk space ({chunks.total} rows so far)")
            chunks.folder.mkdir(exist_ok=True)
            (chunks.folder / str(number - 1)).write_bytes(data)
            chunks.others.append(Chunk(table.num_rows, len(data)))
    except BaseException:
        chunks.delete()
        raise
    if not chunks.first:
        chunks.first = encode(schema.empty_table(), columns)
    return chunks


def in_memory(batches: Iterator[pa.RecordBatch]) -> list[tuple[Any, ...]]:
    """The rows of a result that is sent as JSON, which is whole in memory: SqlError 300002 if that is too much."""
    rows: list[tuple[Any, ...]] = []
    for batch in batches:
        if (len(rows) + batch.num_rows) * batch.num_columns > _MOST_VALUES:
            raise too_large(f"a result of over {_MOST_VALUES} values goes over the wire as ARROW only, not as JSON")
        numbered = batch.rename_columns([str(index) for index in range(batch.num_columns)])
        rows += [tuple(row.values()) for row in numbered.to_pylist()]
    return rows


def json_value(value: Any, column: Column) -> str | None:
    """A Python value as the wire's JSON rowset spells it."""
    if value is None:
        return None
    if isinstance(value, bool):
        return ("1" if value else "0") if column.type == "BOOLEAN" else str(value).lower()
    if isinstance(value, datetime):
        return _moment(value, column)
    if isinstance(value, date):
        return str((value - date(1970, 1, 1)).days)
    if isinstance(value, time):
        seconds = value.hour * 3600 + value.minute * 60 + value.second
        return f"{seconds}{_fraction(value.microsecond, column)}"
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).hex().upper()
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, (list, tuple)):
        return f"[{','.join(repr(item) for item in value)}]"
    return str(value)


def _moment(value: datetime, column: Column) -> str:
    aware = value if value.tzinfo else value.replace(tzinfo=UTC)
    micros = (aware - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    text = f"{micros // 1_000_000}{_fraction(micros % 1_000_000, column)}"
    return f"{text} 1440" if column.type == "TIMESTAMP_TZ" else text


def _fraction(micros: int, column: Column) -> str:
    """As many digits as the scale says: the 4.x connector reads the value without its point."""
    scale = 9 if column.scale is None else column.scale
    return f".{micros:06d}000"[: scale + 1] if scale else ""
