"""`python -m benchmarks.gpu`: the loop on a GPU, against a bare one there. Exit 1 if a figure is short, 3 with no GPU.

benchmarks/README.md has what it printed, and on which machine.

Large steps are those of a network that fills the GPU, of about 5 ms; small ones are over before the next can be asked
for, so what they take is Python's time.
"""

from __future__ import annotations

import itertools
import json
import statistics
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from app.config import Config
from benchmarks.pairs import at_least, at_most, median_ratio
from benchmarks.training import COMMON, pair, stalled

ROWS, COLUMNS = 262_144, 256
STEPS = 40


def main() -> int:
    if not torch.cuda.is_available():
        print("there is no GPU here, which this measures", file=sys.stderr)
        return 3
    print(f"# {torch.cuda.get_device_name()}, torch {torch.__version__}")
    with tempfile.TemporaryDirectory() as folder:
        common = replace(COMMON, data=write(Path(folder, "rows.parquet")), device="cuda")
        large, small = replace(common, hidden=8192, batch_size=8192), replace(common, hidden=256, batch_size=1024)
        kept = [loop("large", large), busy(replace(large, log_every=STEPS)), precision(large), compiled(large)]
        loop("small", small)
        compiled(small)
    kept.append(at_most("gpu/checkpoint_stall", stalled(torch.device("cuda")), 0.15))
    return 0 if all(kept) else 1


def write(path: Path) -> str:
    numbers = np.random.default_rng(0).random((COLUMNS, ROWS), np.float32)
    columns = {"ROW_ID": np.arange(ROWS), "LABEL": np.arange(ROWS) % 10}
    pq.write_table(pa.table(columns | {f"X_{i}": column for i, column in enumerate(numbers)}), path)
    return str(path)


def loop(size: str, config: Config) -> bool:
    """The share of a step that a bare loop needs too. Small steps have no bar: there microseconds tell more."""
    with pair(config) as both:
        share = median_ratio(lambda: both.bare(STEPS), lambda: both.ours(STEPS), pairs=9)
        bare, ours = (statistics.median(way(STEPS) for _ in range(5)) for way in (both.bare, both.ours))
    print(f"# {size} steps: bare {bare * 1e3:.2f} ms, {(ours - bare) * 1e6:+.0f} us in our loop")
    return at_least(f"gpu/loop@{size}", share, 0.95 if size == "large" else 0)


def busy(config: Config) -> bool:
    """The speed of steps whose rows come from the loader, as a share of those whose rows are on the GPU already."""
    with pair(config) as both:
        features, labels = next(both.batches)
        there = itertools.repeat((features.to(both.device), labels.to(both.device)))
        share = median_ratio(lambda: both.bare(STEPS, there), lambda: both.bare(STEPS), pairs=9)
        both.trainer.log.kept.write_text("")
        both.ours(4 * STEPS)
        (*_, last) = map(json.loads, both.trainer.log.kept.read_text().splitlines())
    print("#", *(f"{name}={last[name]:.4g}" for name in ("rows_per_s", "data_wait", "mfu", "gpu_gib") if name in last))
    return at_least("gpu/busy", share, 0.95)


def precision(config: Config) -> bool:
    """How much faster steps are in bf16 than in fp32 (whose products may be TF32's)."""
    return at_least("gpu/bf16_speed", faster(config, replace(config, precision="fp32")), 1)


def compiled(config: Config) -> bool:
    """How much faster steps of the compiled model are."""
    return at_least(f"gpu/compile_speed@{config.hidden}", faster(replace(config, compile=True), config), 0)


def faster(one: Config, other: Config) -> float:
    with pair(one) as first, pair(other) as second:
        first.ours(STEPS), second.ours(STEPS)
        return median_ratio(lambda: second.ours(STEPS), lambda: first.ours(STEPS), pairs=7)


if __name__ == "__main__":
    sys.exit(main())
