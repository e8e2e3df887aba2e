"""The data: source -> shards (Arrow) -> Rows (in memory) -> training and held-out rows -> Batches -> Stream."""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchdata.nodes import BaseNode, Prefetcher

from app.config import Config, Problem, suggestion

READERS = 4
EXACT_IN_FLOAT32 = 2**24
NO_WAREHOUSE = 606  # Snowflake's error number
LOAD_FIRST = "load the data (inv data), let this role read it, or name another with --data"

Batch = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Shard:
    """A piece of the source. Its row count is known before it is read: that is how a short read is noticed."""

    name: str
    rows: int
    read: Callable[[], pa.Table | None]


@dataclass(frozen=True)
class Rows:
    """Rows by ascending id: ids [N] int64, features [N, F] float32, labels [N] int64, and the F columns' names."""

    columns: list[str]
    ids: NDArray[np.int64]
    features: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.ids)

    def where(self, chosen: NDArray[np.bool_]) -> Rows:
        mask = torch.from_numpy(chosen)
        return Rows(self.columns, self.ids[chosen], self.features[mask], self.labels[mask])

    def fingerprint(self) -> str:
        """The same for the same rows, wherever they were read from and in whatever order they came."""
        digest = hashlib.sha256("\0".join(self.columns).encode())
        for part in (self.ids, self.features.numpy(), self.labels.numpy()):
            digest.update(part.data)
        return digest.hexdigest()


def load(config: Config) -> Rows:
    """All rows of --data. Raises Problem for whatever would train on something else than what was meant."""
    opened = parquet(config.data) if config.data.endswith(".parquet") else table(config)
    with opened as (columns, shards):
        return pack(columns, shards, config)


def split(rows: Rows, config: Config) -> tuple[Rows, Rows]:
    """Training and held-out rows. A row's id alone decides: it stays on its side when rows are added or reordered.

    The id is scrambled first (Fibonacci hashing): taking every n-th row would follow any pattern in their order.
    """
    scrambled = rows.ids.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(32)
    held_out = scrambled % np.uint64(100) < np.uint64(config.held_out)
    training = rows.where(~held_out)
    if not held_out.any():
        raise Problem(f"none of the {len(rows)} rows is held out", "bring more rows, or raise --held-out")
    if len(training) < config.batch_size:
        what = f"{len(training)} training rows do not fill one batch of {config.batch_size}"
        raise Problem(what, "bring more rows, or lower --batch-size")
    return training, rows.where(held_out)


# Sources: the columns' names, and the shards ---------------------------------------------------------------------


@contextmanager
def parquet(path: str) -> Iterator[tuple[list[str], list[Shard]]]:
    """A Parquet file; a shard is a row group. Each opens the file anew: threads must not share a reader."""

    def read_group(index: int) -> pa.Table:
        return pq.ParquetFile(path).read_row_group(index)

    try:
        with pq.ParquetFile(path) as file:
            sizes = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
            columns = file.schema_arrow.names
        yield columns, [Shard(f"{path} group {i}", rows, partial(read_group, i)) for i, rows in enumerate(sizes)]
    except (OSError, pa.ArrowInvalid) as error:
        reason = "there is no such file" if isinstance(error, FileNotFoundError) else one_line(error)
        raise Problem(f"cannot read {path}: {reason}", "give a Parquet file or a table's name with --data") from error


@contextmanager
def table(config: Config) -> Iterator[tuple[list[str], list[Shard]]]:
    """A Snowflake table; a shard is one of the result's Arrow batches."""
    from snowflake.connector.errors import Error, ProgrammingError

    with closing(connect(config)) as connection:
        try:
            cursor = connection.cursor()
            cursor.execute(f"SELECT * FROM {config.data}")
            batches = cursor.get_result_batches() or []
            columns = [column[0] for column in cursor.description]
            yield columns, [Shard(f"{config.data} batch {i}", b.rowcount, b.to_arrow) for i, b in enumerate(batches)]
        except Error as error:
            fix = "set query_warehouse of the job, or warehouse in the entry of the connection"
            code = 2 if isinstance(error, ProgrammingError) else 1
            what = f"cannot read {config.data}: {one_line(error)}"
            raise Problem(what, fix if error.errno == NO_WAREHOUSE else LOAD_FIRST, code) from error


def connect(config: Config) -> Any:
    """A connection: by --connection on the desk; in a container by its token file and SNOWFLAKE_* variables alone."""
    import snowflake.connector

    token = Path(os.environ.get("SNOWFLAKE_TOKEN_PATH", "/snowflake/session/token"))
    if config.connection:
        settings: dict[str, str] = {"connection_name": config.connection}
    elif token.exists() and "SNOWFLAKE_HOST" in os.environ:
        names = ("host", "account", "database", "schema", "port", "protocol")
        settings = {name: os.environ[key] for name in names if (key := f"SNOWFLAKE_{name.upper()}") in os.environ}
        # Read at the moment of connecting, as it is replaced every few minutes.
        settings |= {"authenticator": "oauth", "token": token.read_text().strip()}
    else:
        what = f"{config.data} is a table, and there is no {token} with a SNOWFLAKE_HOST, as in a container"
        raise Problem(what, "add --connection NAME, an entry of connections.toml, or give --data FILE.parquet")
    try:
        with warnings.catch_warnings():
            # Connector 5.x announces a change in how sessions end, which a session of one query need not know.
            warnings.simplefilter("ignore", FutureWarning)
            return snowflake.connector.connect(**settings)
    except snowflake.connector.errors.Error as error:
        fix = "check that entry of connections.toml" if config.connection else "run the job again"
        raise Problem(f"cannot connect to Snowflake: {one_line(error)}", fix, 2 if config.connection else 1) from error


def one_line(error: Exception) -> str:
    return " ".join(str(getattr(error, "msg", None) or error).split())


# Shards to rows --------------------------------------------------------------------------------------------------


def pack(columns: Sequence[str], shards: Sequence[Shard], config: Config) -> Rows:
    names = feature_columns(columns, config)
    total = sum(shard.rows for shard in shards)
    if total == 0:
        raise Problem(f"{config.data} has no rows", LOAD_FIRST)
    features = np.empty((total, len(names)), np.float32)
    labels, ids = np.empty(total, np.int64), np.empty(total, np.int64)
    end = 0
    for part in fetch(shards):
        start, end = end, end + part.num_rows
        # Columns stacked as rows, then one transposed copy: three times as fast as filling column by column.
        features[start:end] = np.stack([numbers(part, name) for name in names]).T
        labels[start:end], ids[start:end] = whole_numbers(part, config.label), whole_numbers(part, config.row_id)

    if (outside := labels[(labels < 0) | (labels >= config.classes)]).size:
        what = f"{config.label} holds {outside[0]}, outside 0..{config.classes - 1}"
        raise Problem(what, f"set --classes to one more than the largest label, or mend {config.label}")
    order = np.argsort(ids)
    ids = ids[order]
    if (repeated := ids[1:][ids[1:] == ids[:-1]]).size:
        raise Problem(f"{config.row_id} {repeated[0]} occurs twice", "name a column of unique numbers with --row-id")
    return Rows(names, ids, torch.from_numpy(features[order]), torch.from_numpy(labels[order]))


def feature_columns(columns: Sequence[str], config: Config) -> list[str]:
    others = [name for name in columns if name not in (config.label, config.row_id)]
    chosen = [name.strip() for name in config.features.split(",")] if config.features else others
    for option, name in [("label", config.label), ("row-id", config.row_id), *(("features", name) for name in chosen)]:
        if name not in columns:
            raise Problem(f"{config.data} has no column {name} (--{option})", suggestion(name, columns))
    if not chosen:
        raise Problem(f"{config.data} has no column to learn from", "add columns of numbers beside label and row id")
    return chosen


def fetch(shards: Sequence[Shard]) -> Iterator[pa.Table]:
    """The shards' contents in order, a few read at once.

    The first is decoded alone: connector 4.x can deadlock when two threads decode their first batch together. Threads,
    not processes: connector 5.x hangs in a forked process.
    """
    first, *others = [shard for shard in shards if shard.rows]
    yield read(first)
    with ThreadPoolExecutor(READERS) as pool:
        yield from pool.map(read, others)


def read(shard: Shard) -> pa.Table:
    content = shard.read()
    rows = 0 if content is None else content.num_rows
    if rows != shard.rows:
        raise Problem(f"{shard.name} holds {rows} rows of {shard.rows}", "run again; if it stays, load the data anew")
    return content


def numbers(part: pa.Table, name: str) -> NDArray[np.float32]:
    """A feature column as float32. What that would round to another whole number, or to infinity, is refused."""
    values = column(part, name, pa.float64())
    if pa.types.is_integer(part.field(name).type) and np.abs(values).max() > EXACT_IN_FLOAT32:
        raise Problem(f"{name} holds whole numbers beyond 2^24, which float32 rounds", "leave it out: see --features")
    with np.errstate(over="ignore"):
        narrowed: NDArray[np.float32] = values.astype(np.float32)
    if not np.isfinite(narrowed).all():
        raise Problem(f"{name} holds NaN or infinity", "mend it in the table, or leave it out: see --features")
    return narrowed


def whole_numbers(part: pa.Table, name: str) -> NDArray[np.int64]:
    return column(part, name, pa.int64())


def column(part: pa.Table, name: str, kind: pa.DataType) -> NDArray[Any]:
    """A column without nulls as `kind`. What type it comes in says little: the next shard may have another width."""
    values = part.column(name)
    if values.null_count:
        raise Problem(f"{name} holds {values.null_count} nulls", "fill them, or leave the column out: see --features")
    numeric = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_boolean)
    try:
        if not any(is_kind(values.type) for is_kind in numeric):
            raise pa.ArrowInvalid(f"its type is {values.type}")
        converted: NDArray[Any] = values.cast(kind).to_numpy()
        return converted
    except pa.ArrowInvalid as error:
        expected = "whole numbers" if kind == pa.int64() else "numbers"
        what = f"{name} does not hold {expected}: {one_line(error)}"
        raise Problem(what, "choose other columns: see --features, --label, --row-id") from error


# Rows to batches -------------------------------------------------------------------------------------------------


class Batches(BaseNode[Batch]):  # type: ignore[misc]  # torchdata carries no types
    """Endless whole batches: epoch e is a permutation made from (seed, e), its batch k the k-th slice of it.

    No row comes twice in an epoch; the few left over differ from epoch to epoch. The state is one integer.
    """

    def __init__(self, rows: Rows, batch_size: int, seed: int) -> None:
        super().__init__()
        self.rows, self.batch_size, self.seed = rows, batch_size, seed

    def reset(self, initial_state: dict[str, Any] | None = None) -> None:
        super().reset(initial_state)
        self.batch = int(initial_state["batch"]) if initial_state else 0
        self.shuffled = -1

    def next(self) -> Batch:
        epoch, index = divmod(self.batch, len(self.rows) // self.batch_size)
        if epoch != self.shuffled:
            permutation = np.random.default_rng((self.seed, epoch)).permutation(len(self.rows))
            self.order, self.shuffled = torch.from_numpy(permutation), epoch
        chosen = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        self.batch += 1
        return self.rows.features[chosen], self.rows.labels[chosen]

    def get_state(self) -> dict[str, Any]:
        return {"batch": self.batch}


class Stream(Prefetcher[Batch]):  # type: ignore[misc]  # torchdata carries no types
    """Batches made ahead by a thread. Close it: a thread alive at exit aborts the process (SIGABRT), and a job that
    succeeded would count as failed. torchdata 0.11.0 has no public way to. Its `Loader` is not used, as its state is
    stale for a whole epoch after resuming at an epoch's end.
    """

    def close(self) -> None:
        if self._it is not None:
            self._it._shutdown()


def stream(rows: Rows, config: Config) -> Stream:
    return Stream(Batches(rows, config.batch_size, config.seed), prefetch_factor=4)
