"""`python -m benchmarks.loader`: what a batch costs beyond the copying of its rows, and against common practice.

All figures are taken in one process, in turns and with one thread, on 2 million rows of 32 numbers. The bound is
torch's own gathering of rows in memory by an order known beforehand: no loader can be faster. Only snowflake-ml-python,
which needs another connector, is asked in a process of its own, in turns as well. Exit 1 if any is short.

Where snowflake-ml-python cannot be installed its figures are missing, and the last line says so. That is not short: it
tells of the machine's network, not of the loader, and would turn every other figure's exit code into noise.
"""

from __future__ import annotations

import gc
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch.utils.data import DataLoader, TensorDataset

from app import data
from app.config import Config
from app.data.batches import Batches
from app.runtime import single
from benchmarks.pairs import at_least, at_most

ROWS, COLUMNS = 2_000_000, 32
EPOCH, ROUNDS = 1_980_000, 9
BARS = {1024: (0.70, 0.45), 8192: (0.75, 0.60)}
EXITS = 50
DIGITS = Path(__file__).parents[1] / "data" / "digits.parquet"
DATA_CONNECTOR = "snowflake-ml-python==2.6.0"

Batched = Iterator[data.Batch]
Clock = Callable[[], float]


def main() -> int:
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder) / "rows.parquet")
        before = anonymous()
        snapshot = data.open_snapshot(config(path, 1024), single())
        # The order of two million rows and what waits in the queue, and nothing that grows with the rows' width.
        kept = [at_most("loader/memory_mib", (streaming(snapshot, path) - before) / 2**20, 64)]
        kept += [share(snapshot, path, size) for size in BARS]
        kept += [usual(snapshot, path, size) for size in BARS]
        connector = [against_data_connector(snapshot, path, size) for size in BARS]
    left = [subprocess.run([sys.executable, "-m", "benchmarks.leave", DIGITS, str(i + 1)]) for i in range(EXITS)]
    kept.append(at_least("loader/clean_exits", sum(done.returncode == 0 for done in left), EXITS))
    print(f"# load average {os.getloadavg()[0]:.1f}")
    if None in connector:
        print(f"# MISSING: loader/data_connector, {connector.count(None)} of {len(connector)} figures")
    return 1 if False in (*kept, *connector) else 0


def write(path: Path) -> str:
    """Row groups of 50,000, as a query's result would come; written and forgotten one by one."""
    writer, rows = None, 50_000
    for start in range(0, ROWS, rows):
        numbers = np.random.default_rng(start).random((COLUMNS, rows), np.float32)
        columns = {"ROW_ID": np.arange(start, start + rows), "LABEL": np.arange(rows) % 10}
        table = pa.table(columns | {f"X_{i}": column for i, column in enumerate(numbers)})
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
    assert writer
    writer.close()
    return str(path)


def config(path: str, size: int, shuffle_gib: int = 8) -> Config:
    return Config(data=path, batch_size=size, held_out=1, shuffle_gib=shuffle_gib)


def share(snapshot: data.Snapshot, path: str, size: int) -> bool:
    """Speeds as a share of the bound's: without and with the thread that makes batches ahead, and by blocks."""
    bare, ahead = BARS[size]
    features, labels = snapshot.features.clone(), snapshot.labels.clone()
    bound = gathered(features, labels, snapshot.training[torch.randperm(len(snapshot.training))], size)
    stream = data.stream(snapshot, config(path, size), single())
    try:
        kept = [
            at_least(f"loader/bound@{size}", ratio(batches(snapshot, config(path, size)), bound, size), bare),
            at_least(f"loader/blocks@{size}", ratio(batches(snapshot, config(path, size, 0)), bound, size), bare),
            at_least(f"loader/prefetched@{size}", ratio(stream, bound, size, clock=time.perf_counter), ahead),
        ]
    finally:
        stream.close()
    return all(kept)


def usual(snapshot: data.Snapshot, path: str, size: int) -> bool:
    """Against what follows `pandas.read_parquet` mostly: TensorDataset and DataLoader(shuffle=True). It is given the
    rows in memory: reading them is not counted."""
    loader = DataLoader(TensorDataset(snapshot.features.clone(), snapshot.labels.clone()), size, shuffle=True)
    theirs = (tuple(batch) for _ in iter(int, 1) for batch in loader)
    next(theirs)  # it permutes all rows before the first
    ours = batches(snapshot, config(path, size))
    speeds = [speed(ours, EPOCH, size) / speed(theirs, EPOCH // 20, size) for _ in range(3)]
    return at_least(f"loader/dataloader@{size}", statistics.median(speeds), 40)


def against_data_connector(snapshot: data.Snapshot, path: str, size: int) -> bool | None:
    """None where it cannot be measured."""
    try:
        python = data_connector_python()
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"# MISSING: loader/data_connector@{size}: {DATA_CONNECTOR} cannot be installed ({error})")
        return None
    script = Path(__file__).with_name("data_connector.py")
    ours, speeds = batches(snapshot, config(path, size)), list[float]()
    pipe = subprocess.PIPE
    with subprocess.Popen([python, script, path, str(size)], stdin=pipe, stdout=pipe, text=True) as theirs:
        assert theirs.stdin
        assert theirs.stdout
        for _ in range(4):
            print(file=theirs.stdin, flush=True)
            speeds.append(speed(ours, EPOCH, size) / float(theirs.stdout.readline()))
        theirs.stdin.close()
    return at_least(f"loader/data_connector@{size}", statistics.median(speeds[1:]), 3)


def data_connector_python() -> Path:
    """The Python of an environment with it, which is made the first time; torch is found in this one."""
    folder = Path(".spcs", "benchmarks", DATA_CONNECTOR)
    python, torch_of_ours = folder / "bin" / "python", folder / "torch.pth"
    if not torch_of_ours.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", DATA_CONNECTOR], check=True, capture_output=True)
        (packages,) = folder.glob("lib/python*/site-packages")
        # Behind its own packages, which come first where both have one.
        (packages / "torch.pth").write_text(str(Path(torch.__file__).parents[1]))
        torch_of_ours.touch()
    return python


def batches(snapshot: data.Snapshot, config: Config) -> Batched:
    return Batches(snapshot, config, single(), start=0)


def gathered(features: torch.Tensor, labels: torch.Tensor, order: torch.Tensor, size: int) -> Batched:
    while True:
        for chosen in torch.split(order, size)[:-1]:
            yield features.index_select(0, chosen), labels.index_select(0, chosen)


def ratio(ours: Batched, bound: Batched, size: int, clock: Clock = time.thread_time) -> float:
    """The median over rounds, each of which takes an epoch of both. By this thread's own processor time, so that a busy
    machine shows less, unless another thread has a part in it."""
    speed(ours, EPOCH, size, clock), speed(bound, EPOCH, size, clock)
    return statistics.median(speed(ours, EPOCH, size, clock) / speed(bound, EPOCH, size, clock) for _ in range(ROUNDS))


def speed(batches: Batched, rows: int, size: int, clock: Clock = time.thread_time) -> float:
    """Rows a second."""
    started, count = clock(), rows // size
    for _ in islice(batches, count):
        pass
    return count * size / (clock() - started)


def streaming(snapshot: data.Snapshot, path: str) -> int:
    stream = data.stream(snapshot, config(path, 8192), single())
    highest = 0
    for _ in range(600):  # more than two epochs
        next(stream)
        highest = max(highest, anonymous())
    stream.close()
    gc.collect()
    return highest


def anonymous() -> int:
    """Bytes of memory that are this process's own, and not a file's: what cannot be dropped under pressure."""
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in status if line.startswith("RssAnon"))


if __name__ == "__main__":
    sys.exit(main())
