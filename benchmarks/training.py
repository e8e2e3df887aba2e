"""`python -m benchmarks.training`: what the training loop costs against a bare one. Exit 1 if it is too much.

Ours and bare take turns in one process, with one thread, so that a busy machine slows both alike.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from app import checkpoint, data, model, report, runtime, train
from app.config import Config
from benchmarks.pairs import at_least, at_most, median_ratio

ROOT = Path(__file__).resolve().parent.parent
STATE_MIB = 288
COMMON = Config(
    data=str(ROOT / "data" / "digits.parquet"),
    device="cpu",
    threads=1,
    steps=10**9,
    save_every=10**6,
    eval_every=10**6,
)
# The reference job: steps of about 5 ms. Those of the digits' own settings take a tenth of that: launching them is most
# of the time, and what is measured is Python.
REFERENCE = replace(COMMON, hidden=512, batch_size=256)


class Pair:
    """The same network twice over the same batches: in our loop, and in a bare one with the same optimizer and clip."""

    def __init__(self, config: Config, group: runtime.Group, snapshot: data.Snapshot, log: report.Report) -> None:
        self.stop, self.batches, self.device = runtime.Stop(), data.stream(snapshot, config, group), group.device
        self.trainer = train.Trainer(config, group, snapshot, log)
        self.bare_network = model.build_model(snapshot.schema, len(snapshot.columns), config).to(self.device)
        self.optimizer = torch.optim.AdamW(self.bare_network.parameters(), weight_decay=0.01, fused=True)

    def ours(self, steps: int) -> float:
        """Seconds a step."""
        started = time.perf_counter()
        for _ in range(steps):
            self.trainer.advance(self.batches, self.stop)
        return self.since(started) / steps

    def bare(self, steps: int, batches: Iterable[data.Batch] = ()) -> float:
        started = time.perf_counter()
        for batch in itertools.islice(batches or self.batches, steps):
            features, labels = (part.to(self.device, non_blocking=True) for part in batch)
            self.optimizer.zero_grad()
            with self.trainer.autocast:
                loss = model.loss(self.bare_network(features), labels)
            loss.backward()  # type: ignore[no-untyped-call]  # torch's
            nn.utils.clip_grad_norm_(self.bare_network.parameters(), 1.0)
            self.optimizer.step()
        return self.since(started) / steps

    def since(self, started: float) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize()  # until then the steps are asked for, but not done
        return time.perf_counter() - started


@contextlib.contextmanager
def pair(config: Config) -> Iterator[Pair]:
    with (
        tempfile.TemporaryDirectory() as output,
        contextlib.redirect_stdout(io.StringIO()),
        runtime.join(config) as group,
        closing(report.Report(config, Path(output))) as log,
        closing(data.open_snapshot(config, group)) as rows,
    ):
        made = Pair(config, group, rows, log)
        with closing(made.trainer), closing(made.batches):
            yield made


def loop() -> bool:
    """Of the reference job's steps, the share that a bare loop needs too."""
    with pair(REFERENCE) as long:
        share = median_ratio(lambda: long.bare(40), lambda: long.ours(40), pairs=15)
        milliseconds = long.bare(40) * 1000
    print(f"# the bare steps take {milliseconds:.1f} ms")
    return at_least("training/loop", share, 0.95)


def waiting() -> bool:
    """Of the reference job's time, the share in which its loop waits for data."""
    job = [f"--hidden={REFERENCE.hidden}", f"--batch-size={REFERENCE.batch_size}"]
    words = ["--threads=1", *job, "--steps=300", "--log-every=50"]
    with tempfile.TemporaryDirectory() as output:
        trained(output, *words).communicate()
        lines = map(json.loads, Path(output, "metrics.jsonl").read_text().splitlines())
        share = statistics.median(line["data_wait"] for line in lines if "data_wait" in line)
    print("# the reference job:", *job)
    return at_most("training/data_wait", share, 0.02)


def stall() -> bool:
    return at_most("training/checkpoint_stall", stalled(torch.device("cpu")), 0.15)


def stalled(device: torch.device) -> float:
    """How long the loop waits for a checkpoint, against writing it there and then: in seconds of the same state."""
    tensors = [torch.ones(STATE_MIB * 2**20 // 4 // 24, device=device) for _ in range(24)]
    state = {"model": tensors[:8], "optimizer": tensors[8:]}
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(checkpoint.Writer(Path(folder), 2, print)) as writer,
        closing(checkpoint.Writer(Path(folder, "at_once"), 2, print)) as other,
    ):
        steps = itertools.count(1)

        def ours() -> float:
            started = time.perf_counter()
            writer.save(next(steps), state)
            seconds = time.perf_counter() - started
            writer.wait()
            return seconds

        def at_once() -> float:
            started = time.perf_counter()
            other.state = state
            other.write(next(steps), 0, {})
            return time.perf_counter() - started

        return median_ratio(ours, at_once, pairs=5)


def together() -> bool:
    """Rows per second of two processes that train one network, against the sum of two that train one each."""
    words = ["--threads=1", "--hidden=960", "--steps=60", "--log-every=30", "--eval-every=1000", "--save-every=1000"]

    def one_network() -> float:
        with tempfile.TemporaryDirectory() as output:
            return speed([trained(output, *words, "--batch-size=1024", "--processes=2")])

    def two_networks() -> float:
        with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
            return speed([trained(output, *words, "--batch-size=512", "--processes=1") for output in (one, other)])

    return at_least("training/two_processes", median_ratio(one_network, two_networks, pairs=5), 0.85)


def trained(output: str, *words: str) -> subprocess.Popen[str]:
    """`python -m app`, under way."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TRAIN_")}
    command = [sys.executable, "-m", "app", "--device=cpu", "--data", COMMON.data, "--output", output, *words]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=environment)


def speed(processes: list[subprocess.Popen[str]]) -> float:
    """The sum of what their last log lines say, when they are warm."""
    said = [process.communicate()[0] for process in processes]
    return sum(float(text.rpartition("rows_per_s=")[2].split()[0]) for text in said)


def start() -> bool:
    """From the start of the process to the first step's line."""

    def until_step() -> float:
        with tempfile.TemporaryDirectory() as output:
            started = time.perf_counter()
            with trained(output, "--threads=1", "--steps=1", "--log-every=1") as process:
                assert process.stdout
                next(line for line in process.stdout if line.startswith("step=1 "))
                seconds = time.perf_counter() - started
                process.stdout.read()
                return seconds

    return at_most("training/start_s", statistics.median(until_step() for _ in range(3)), 4)


def leaving() -> bool:
    """From SIGTERM to the end of the process, in the middle of a run."""

    def until_end() -> float:
        with tempfile.TemporaryDirectory() as output, trained(output, "--threads=1", "--steps=1000000") as process:
            assert process.stdout
            next(line for line in process.stdout if line.startswith("step="))
            process.terminate()
            started = time.perf_counter()
            process.communicate()
            assert process.returncode == runtime.PREEMPTED
            return time.perf_counter() - started

    return at_most("training/leave_s", statistics.median(until_end() for _ in range(3)), 1)


def main() -> int:
    torch.set_num_threads(1)
    print(f"# {os.cpu_count()} processors, load average {os.getloadavg()[0]:.1f}")
    return 0 if all([loop(), waiting(), stall(), start(), leaving(), together()]) else 1


if __name__ == "__main__":
    sys.exit(main())
