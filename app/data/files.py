"""Parquet files as a source: a shard is a row group."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from numpy.typing import NDArray

from app.config import Problem
from app.data.convert import kind_of, plain, scalars
from app.data.schema import Column

LOAD_FIRST = "load the data (inv data), let this role read it, or name another with --data"


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
    """Parquet files with the same columns, in the order given, as a `schema.Source`; `data` is what the user calls
    them."""

    def __init__(self, paths: Sequence[Path], data: str) -> None:
        self.paths, self.data = paths, data
        with reading(data):
            # Without pre_buffer, which would hold all of a file.
            self.dataset = ds.dataset([str(path) for path in paths], format=ds.ParquetFileFormat(pre_buffer=False))
            self.groups = [group for file in self.dataset.get_fragments() for group in file.split_by_row_group()]
        self.columns: Sequence[Column] = [described(field) for field in self.dataset.schema]

    def measure(self, columns: Sequence[Column]) -> dict[str, tuple[float, float]]:
        if not self.dataset.count_rows():
            raise Problem(f"{self.data} has no rows", LOAD_FIRST)
        moments = {column.name: (0, math.nan, 0.0) for column in columns}
        for shard in self.shards(list(moments)):
            part = shard.load()
            for name, before in moments.items():
                values = scalars(plain(part, name), name).drop_null().to_numpy()
                moments[name] = merged(before, values) if len(values) else before
        return {name: (mean, math.sqrt(squares / max(1, count))) for name, (count, mean, squares) in moments.items()}

    def distinct(self, name: str, limit: int) -> list[Any]:
        found: set[Any] = set()
        with reading(self.data):
            # What is read ahead would be held in memory.
            for batch in self.dataset.to_batches(columns=[name], batch_readahead=2, fragment_readahead=1):
                found |= set(pc.unique(batch.column(0)).drop_null().to_pylist())
                if len(found) >= limit:
                    break
        return list(found)[:limit]

    def shards(self, names: Sequence[str]) -> list[Shard]:
        pieces = [(group, group.row_groups[0]) for group in self.groups]
        return [Shard(f"{one.path} group {rows.id}", rows.num_rows, partial(read, one, names)) for one, rows in pieces]

    def sizes(self) -> list[dict[str, Any]]:
        return [{"path": str(path), "bytes": path.stat().st_size} for path in self.paths]


def merged(moments: tuple[int, float, float], values: NDArray[np.float64]) -> tuple[int, float, float]:
    """How many values there are, their mean, and the sum of their squared distances to it: of those before and of these
    together. (Sums of squares would lose all digits of a deviation that is far below the mean.)"""
    count, mean, squares = moments
    with np.errstate(over="ignore", invalid="ignore"):
        here = values.mean()
        squares += float(np.square(values - here).sum())
    if not count:
        return len(values), float(here), squares
    total, apart = count + len(values), float(here) - mean
    return total, mean + apart * len(values) / total, squares + apart * apart * count * len(values) / total


def files(data: str) -> Files:
    """A Parquet file, or all those in a folder and below, in the order of their names."""
    root = Path(data)
    paths = sorted(root.rglob("*.parquet"), key=lambda path: natural(str(path))) if root.is_dir() else [root]
    if not paths:
        raise Problem(f"there is no *.parquet in {data}", "give a Parquet file, a folder of them, or a table's name")
    return Files(paths, data)


def natural(name: str) -> list[str | int]:
    """What to sort names by for data_10 to come after data_9."""
    return [int(word) if word.isdecimal() else word for word in re.split(r"(\d+)", name)]


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
    width = getattr(field.type, "list_size", 0) or (field.type.byte_width if "fixed" in str(field.type) else 0)
    return Column(field.name, kind_of(field.type), str(field.type), width)
