"""Parquet files as a source: a shard is a row group."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.acero as acero
import pyarrow.compute as pc
import pyarrow.dataset as ds

from app.config import Problem
from app.data.convert import kind_of, seconds
from app.data.schema import Column

LOAD_FIRST = "load the data (inv data), let this role read it, or name another with --data"
BOUNDED = {"batch_readahead": 2, "fragment_readahead": 1}  # what is in memory at a time


@dataclass(frozen=True)
class Shard:
    """A piece of the data, as every source gives it; it can be sent to another process, and read there. Its row count
    is known before it is read: that fixes where its rows go, and is how a short read is noticed, which both lines of
    the connector let pass.
    """

    name: str
    rows: int
    read: Callable[[], pa.Table | None]

    def load(self) -> pa.Table:
        content = self.read()
        rows = 0 if content is None else content.num_rows
        if rows != self.rows:
            raise Problem(f"{self.name} holds {rows} rows of {self.rows}", "run again; if it stays, load the data anew")
        return content


class Files:
    """Parquet files with the same columns, in the order given; `data` is what the user calls them."""

    def __init__(self, paths: Sequence[Path], data: str) -> None:
        self.paths, self.data = paths, data
        with reading(data):
            # Without pre_buffer, which would hold all of a file.
            self.dataset = ds.dataset([str(path) for path in paths], format=ds.ParquetFileFormat(pre_buffer=False))
            self.groups = [group for file in self.dataset.get_fragments() for group in file.split_by_row_group()]
        self.columns = tuple(described(field) for field in self.dataset.schema)

    def measure(self, columns: Sequence[Column]) -> dict[str, tuple[float, float]]:
        """Mean and deviation (of the whole population, nulls left out; NaN if nothing is left) by column name; of a
        time: in seconds since 1970."""
        if not self.dataset.count_rows():
            raise Problem(f"{self.data} has no rows", LOAD_FIRST)
        values = {column.name: self.value(column) for column in columns}
        means = self.means(values)
        apart = {name: pc.subtract(value, pc.scalar(means[name])) for name, value in values.items()}
        squares = self.means({name: pc.multiply(distance, distance) for name, distance in apart.items()})
        return {name: (means[name], math.sqrt(squares[name])) for name in values}

    def means(self, values: dict[str, pc.Expression]) -> dict[str, float]:
        steps = [
            acero.Declaration("scan", acero.ScanNodeOptions(self.dataset, columns=list(values), **BOUNDED)),
            acero.Declaration("project", acero.ProjectNodeOptions(list(values.values()), list(values))),
            # Not also its "stddev": that is NaN where all of a piece is null (Arrow 26).
            acero.Declaration("aggregate", acero.AggregateNodeOptions([(name, "mean", None, name) for name in values])),
        ]
        with reading(self.data):
            (told,) = acero.Declaration.from_sequence(steps).to_table().to_pylist()
        return {name: math.nan if mean is None else mean for name, mean in told.items()}

    def value(self, column: Column) -> pc.Expression:
        field, kind = pc.field(column.name), self.dataset.schema.field(column.name).type
        return seconds(field, kind) if column.kind == "timestamp" else field.cast(pa.float64(), safe=False)

    def distinct(self, name: str, limit: int) -> list[Any]:
        """The column's values, each once, nulls left out; any `limit` of them if there are more."""
        found: set[Any] = set()
        with reading(self.data):
            for batch in self.dataset.to_batches(columns=[name], **BOUNDED):
                found |= set(pc.unique(batch.column(0)).drop_null().to_pylist())
                if len(found) >= limit:
                    break
        return list(found)[:limit]

    def shards(self, names: Sequence[str]) -> list[Shard]:
        pieces = [(group, group.row_groups[0]) for group in self.groups]
        return [Shard(f"{one.path} group {rows.id}", rows.num_rows, partial(read, one, names)) for one, rows in pieces]

    def sizes(self) -> list[dict[str, Any]]:
        return [{"path": str(path), "bytes": path.stat().st_size} for path in self.paths]


def files(data: str) -> Files:
    """A Parquet file, or all those in a folder and below, in the order of their names."""
    root = Path(data)
    paths = sorted(root.rglob("*.parquet")) if root.is_dir() else [root]
    if not paths:
        raise Problem(f"there is no *.parquet in {data}", "give a Parquet file, a folder of them, or a table's name")
    return Files(paths, data)


def read(group: Any, names: Sequence[str]) -> pa.Table:
    with reading(group.path):
        # By its own types: those of another file may be too narrow for it.
        return group.to_table(schema=group.physical_schema, columns=list(names), use_threads=False)


@contextmanager
def reading(data: str) -> Iterator[None]:
    try:
        yield
    except (OSError, pa.ArrowInvalid) as error:
        reason = f"there is no file {error}" if isinstance(error, FileNotFoundError) else str(error).splitlines()[0]
        raise Problem(f"cannot read {data}: {reason}", "give a Parquet file or a table's name with --data") from error


def described(field: pa.Field) -> Column:
    kind, width = kind_of(field.type), 1
    if kind == "vector":
        width = getattr(field.type, "list_size", 0) or (field.type.byte_width if "fixed" in str(field.type) else 0)
    return Column(field.name, kind, str(field.type), width)
