"""The snapshot: every row, packed once into files on the local disk that are then mapped into memory, a row's numbers
side by side. Batches gathered from it cost about what they would cost from memory, whatever the source was.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchdata.nodes import IterableWrapper, ParallelMapper

from app.config import Config, Problem
from app.data import convert
from app.data.files import LOAD_FIRST, Shard
from app.data.plan import Plan, awaited, check_sizes, planned
from app.data.schema import Schema
from app.runtime import Group

T = TypeVar("T")
READERS = 4
BLOCK_BYTES = 64 * 2**20  # of rows that are looked at together


@dataclass
class Snapshot:
    """`features` [N, F] float32 and `labels` [N] int64 (float32 where the label is a number) lie on read-only maps: to
    be copied, never written. `training` and `held_out` int64 are positions of rows in them, by ascending row id; of
    data that is shuffled by blocks, ascending positions. `manifest` says what all of it is and where it came from.
    """

    manifest: dict[str, Any]
    features: Tensor
    labels: Tensor
    training: Tensor
    held_out: Tensor

    def __post_init__(self) -> None:
        self.schema: dict[str, Any] = self.manifest["schema"]
        self.columns: tuple[str, ...] = tuple(self.manifest["columns"])
        # The same for the same schema and rows, wherever they were read from and in whatever order they came (but for
        # data that is shuffled by blocks, whose order is part of it).
        self.fingerprint: str = self.manifest["sha256"]

    def __len__(self) -> int:
        return len(self.labels)

    def close(self) -> None:
        """Gives the disk space back, once no stream holds it either. May be called again."""
        self.features, self.labels = torch.empty(0, 0), torch.empty(0)
        self.training = self.held_out = torch.empty(0, dtype=torch.int64)


def open_snapshot(config: Config, group: Group) -> Snapshot:
    """Packs the rows of --data once a node, and maps them in each of its processes.

    Rank 0 alone asks the source; the processes that pack get the shards from it. Raises Problem, then in every process,
    for whatever would train on something else than what was meant.
    """
    if config.batch_size % group.world:
        what = f"a batch of {config.batch_size} rows cannot be shared out evenly to {group.world} processes"
        raise Problem(what, f"set --batch-size to a multiple of {group.world}")
    nodes = group.gather(group.local_rank).count(0)
    plan = together(group, lambda: planned(config, nodes) if group.rank == 0 else None)[0]
    assert plan
    # The folder is gone as soon as all have mapped it: not even a killed process leaves gigabytes behind.
    with tempfile.TemporaryDirectory(prefix="snapshot-", ignore_cleanup_errors=True) as made:
        packs = group.local_rank == 0
        packed = together(group, lambda: (made, pack(plan, config, Path(made))) if packs else None)
        if len({each[1]["sha256"] for each in packed if each}) > 1:
            raise Problem("the nodes have read different rows", "run again; if it stays, load the data anew", code=1)
        folder, manifest = packed[group.rank - group.local_rank] or ("", {})
        snapshot = mapped(Path(folder), manifest)
        group.barrier()
    return snapshot


def together(group: Group, work: Callable[[], T]) -> list[T]:
    """Every process's outcome of its work, by rank. Where it fails in one it ends in all: nobody is left waiting."""
    done, failure = None, None
    try:
        done = work()
    except Exception as error:  # noqa: BLE001  # raised again below, once the others know
        failure = error
    told = (str(failure) or repr(failure), getattr(failure, "code", 1)) if failure else None
    outcomes: list[Any] = group.gather((done, told))
    if failure:
        raise failure
    for rank, (_, told) in enumerate(outcomes):
        if told:
            what, _, fix = told[0].removeprefix("error: ").partition("\nfix: ")
            raise Problem(f"rank {rank}: {what}", fix or f"see what rank {rank} said", told[1])
    return [done for done, _ in outcomes]


# Packing: shards are read a few at once, and each is written where its rows belong, which is known beforehand --------


def pack(plan: Plan, config: Config, folder: Path) -> dict[str, Any]:
    """Writes features [N, F] row by row, labels [N], ids [N], and the positions of the training and the held-out rows,
    each as a bare file; returns the manifest. Raises Problem.
    """
    schema, shards = plan.schema, [shard for shard in plan.shards if shard.rows]
    if not shards:
        raise Problem(f"{config.data} has no rows", LOAD_FIRST)
    awaited(lambda: check_sizes(plan.origin.get("files", [])))
    ends: list[int] = np.cumsum([shard.rows for shard in shards], dtype=np.int64).tolist()
    total, columns, label = ends[-1], schema.columns, "float32" if schema.label.classes == 1 else "int64"
    features = allocated(folder / "features", "float32", total, len(columns))
    labels, ids = allocated(folder / "labels", label, total), allocated(folder / "ids", "int64", total)

    def write(item: tuple[int, Shard]) -> None:
        end, shard = item
        part, rows = shard.load(), slice(end - shard.rows, end)
        convert.features(part, schema, features[rows])
        labels[rows] = convert.labels(part, schema.label)
        ids[rows] = convert.whole_numbers(part, schema.row_id)

    first, *others = zip(ends, shards, strict=True)
    write(first)  # alone: connector 4.x can deadlock when two threads decode their first batch together
    if others:
        for_each(write, others)
    pa.default_memory_pool().release_unused()  # Arrow would keep what the shards took
    by_id = ascending(ids, schema.row_id)
    order = None if in_blocks(features, config) else by_id
    return {
        "rows": total,
        "columns": columns,
        "dtypes": {"features": "float32", "labels": label},
        "schema": schema.as_dict(),
        "source": {"data": config.data} | plan.origin,
        **split(ids, order, config, folder),
        "sha256": fingerprint(schema, (ids, features, labels), order),
    }


def allocated(path: Path, dtype: str, *shape: int) -> np.memmap[Any, Any]:
    """A map whose space is there: a disk that fills up under a map ends the process without a word (SIGBUS)."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    try:
        with path.open("wb") as file:
            file.truncate(size)
            if hasattr(os, "posix_fallocate"):  # not on macOS
                os.posix_fallocate(file.fileno(), 0, size)
    except OSError as error:
        fix = "set TMPDIR to a folder on a larger volume, or learn from fewer columns (--features)"
        raise Problem(f"{size / 2**30:.1f} GiB do not fit into {path.parent.parent}: {error.strerror}", fix) from error
    return np.memmap(path, dtype, "r+", shape=shape)


def for_each(work: Callable[[T], None], items: list[T]) -> None:
    """A few at once. Threads, not processes: connector 5.x hangs in a forked process.

    After a failure the rest is skipped, but what is under way is waited for: a thread that is still busy when the
    interpreter ends aborts it (SIGABRT), and the exit code would be lost.
    """
    failures: list[Exception] = []

    def attempt(item: T) -> None:
        try:
            if not failures:
                work(item)
        except Exception as error:  # noqa: BLE001  # torchdata would turn a Problem into a RuntimeError
            failures.append(error)

    node = ParallelMapper(IterableWrapper(items), attempt, READERS, in_order=False)
    try:
        for _ in node:
            pass
    finally:
        shut(node)
    if failures:
        raise failures[0]


def shut(node: Any) -> None:
    """Ends a node's threads, for which torchdata 0.11.0 has no public way."""
    while (inner := getattr(node, "_it", None)) is not None:
        if hasattr(inner, "_shutdown"):
            inner._shutdown()
        node = inner


def in_blocks(features: Any, config: Config) -> bool:
    """Whether memory may not hold them: then rows are gone through as they lie, not by id, and disks are read in long
    runs."""
    return bool(features.nbytes > config.shuffle_gib * 2**30)


def ascending(ids: NDArray[np.int64], name: str) -> NDArray[np.int64] | None:
    """The order in which the ids ascend, 8 bytes of memory each; None if they do as they lie, as a table's do. Raises
    Problem for an id that occurs twice."""

    def neighbours(order: NDArray[np.int64] | None) -> Iterator[NDArray[np.int64]]:
        for piece in pieces(ids):
            overlapping = slice(piece.start, piece.stop + 1)
            yield ids[overlapping if order is None else order[overlapping]]

    if all((here[1:] > here[:-1]).all() for here in neighbours(None)):
        return None
    order = np.argsort(ids, kind="stable")
    for here in neighbours(order):
        if (repeated := here[1:][here[1:] == here[:-1]]).size:
            raise Problem(f"{name} {repeated[0]} occurs twice", "name a column of unique numbers with --row-id")
    return order


def split(ids: NDArray[np.int64], order: NDArray[np.int64] | None, config: Config, folder: Path) -> dict[str, int]:
    """Writes the positions of the training and of the held-out rows, in this order; returns how many they are."""
    counts = {"training": 0, "held_out": 0}
    with (folder / "training").open("wb") as training, (folder / "held_out").open("wb") as held_out:
        for piece in pieces(ids):
            rows = np.arange(piece.start, piece.stop) if order is None else order[piece]
            aside = chosen(ids[rows], config.held_out)
            for name, file, part in (("training", training, rows[~aside]), ("held_out", held_out, rows[aside])):
                file.write(part.tobytes())
                counts[name] += len(part)
    if not counts["held_out"]:
        raise Problem(f"none of the {len(ids)} rows is held out", "bring more rows, or raise --held-out")
    if counts["training"] < config.batch_size:
        what = f"{counts['training']} training rows do not fill one batch of {config.batch_size}"
        raise Problem(what, "bring more rows, or lower --batch-size")
    return counts


def fingerprint(schema: Schema, arrays: Iterable[NDArray[Any]], order: NDArray[np.int64] | None) -> str:
    """The sha256 of the schema and of what all rows hold, in this order."""
    whole = hashlib.sha256(json.dumps(schema.as_dict()).encode())
    for array in arrays:
        digest = hashlib.sha256()
        for piece in pieces(array):
            digest.update(array[piece if order is None else order[piece]].data)
        whole.update(digest.digest())
    return whole.hexdigest()


def pieces(array: NDArray[Any]) -> Iterator[slice]:
    """All rows, about 64 MiB of them at a time, however wide they are."""
    size = max(1, BLOCK_BYTES // array.strides[0])
    return (slice(start, min(start + size, len(array))) for start in range(0, len(array), size))


def chosen(ids: NDArray[np.int64], percent: int) -> NDArray[np.bool_]:
    """Which rows are held out. A row's id alone decides: it stays on its side when rows are added or reordered.

    The id is scrambled first (Fibonacci hashing): taking every n-th row would follow any pattern in their order.
    """
    scrambled = ids.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(32)
    held_out: NDArray[np.bool_] = scrambled % np.uint64(100) < np.uint64(percent)
    return held_out


def mapped(folder: Path, manifest: dict[str, Any]) -> Snapshot:
    dtypes = manifest["dtypes"]
    return Snapshot(
        manifest,
        features=file_map(folder / "features", dtypes["features"]).reshape(manifest["rows"], -1),
        labels=file_map(folder / "labels", dtypes["labels"]),
        training=file_map(folder / "training", "int64"),
        held_out=file_map(folder / "held_out", "int64"),
    )


def file_map(path: Path, dtype: str) -> Tensor:
    # Read-only: of a private map that may be written the kernel demands that it would fit into memory.
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given (buffer|NumPy array) is not writable")
        return torch.from_numpy(np.memmap(path, dtype, "r"))
