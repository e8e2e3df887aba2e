"""Where the program runs: its place among other processes, device, threads, seeds, and the signals that end it."""

from __future__ import annotations

import gc
import math
import os
import re
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from app.config import Config, Problem

# What `inv run` tells the user, and a scheduler acts on: only PREEMPTED is worth starting again unchanged.
DONE, FAILED, BAD_INPUT, DIVERGED, PREEMPTED = 0, 1, 2, 3, 75
SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)
# The others wait while one process prepares the data; later a silent peer is a lost one.
TIMEOUT_BEFORE, TIMEOUT_AFTER = timedelta(minutes=60), timedelta(minutes=10)
# Dense bf16 operations per second, by the vendor; of the A10G by AWS.
BF16_FLOPS = {"A10G": 70e12, "A100": 312e12, "L4": 121e12, "L40S": 362e12, "H100": 989e12, "H200": 989e12}


@dataclass(frozen=True)
class Group:
    """This process among those of the run. Each method is called by all of them, in the same order, or they hang."""

    rank: int
    local_rank: int
    world: int
    device: torch.device

    def barrier(self) -> None:
        if self.world > 1:
            dist.barrier()

    def reduce(self, numbers: Sequence[float]) -> list[float]:
        """Their sums over the processes, on each of them."""
        if self.world == 1:
            return list(numbers)
        sums = torch.tensor(numbers, dtype=torch.float64, device=self.device)
        dist.all_reduce(sums)
        totals: list[float] = sums.tolist()
        return totals

    def gather(self, item: Any) -> list[Any]:
        """Every process's item, by rank, on each of them."""
        items = [item] * self.world
        if self.world > 1:
            dist.all_gather_object(items, item)
        return items

    def broadcast_object(self, item: Any) -> Any:
        """Rank 0's item on each of them."""
        items = [item]
        if self.world > 1:
            dist.broadcast_object_list(items, src=0)
        return items[0]

    def share(self, tensor: Tensor) -> None:
        """Rank 0's values, in place, on each of them."""
        if self.world > 1:
            dist.broadcast(tensor, src=0)

    def expect_promptness(self) -> None:
        """After the first step nothing takes long any more: a peer that does is lost, and the run should end."""
        if self.world > 1:
            dist.distributed_c10d._set_pg_timeout(TIMEOUT_AFTER)


def single(device: torch.device | None = None) -> Group:
    return Group(0, 0, 1, device or torch.device("cpu"))


@contextmanager
def join(config: Config) -> Iterator[Group]:
    """The group that torchrun's environment describes; without torchrun a group of one, and no process group."""
    rank, local_rank, world = (int(os.environ.get(name, "0")) for name in ("RANK", "LOCAL_RANK", "WORLD_SIZE"))
    device = choose_device(config, local_rank, max(1, world))
    prepare(config, device)
    if world <= 1:
        yield single(device)
        return
    backend, bound = ("nccl", device) if device.type == "cuda" else ("gloo", None)
    dist.init_process_group(backend, timeout=TIMEOUT_BEFORE, device_id=bound)
    try:
        yield Group(rank, local_rank, world, device)
    finally:
        # How this process ends is settled. Once it leaves the group its peers fail, and torchrun tells it to stop: it
        # would do so at whatever point its end had come to, and the exit code that says why would be lost.
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        dist.destroy_process_group()


def choose_device(config: Config, local_rank: int, world: int) -> torch.device:
    there = torch.accelerator.current_accelerator(check_available=True)
    if config.device not in ("auto", "cpu", there.type if there else ""):
        raise Problem(f"--device is {config.device}, and there is none", "choose auto or cpu")
    if config.device == "mps" and world > 1:
        raise Problem(f"--device is mps, which is for one process, and there are {world}", "choose --processes 1")
    if config.device == "cpu" or not there or (there.type == "mps" and world > 1):
        return torch.device("cpu")
    # A launcher may show each process one device only, whatever its rank.
    device = torch.device(there.type, local_rank % torch.accelerator.device_count())
    torch.accelerator.set_device_index(device.index)
    return device


def prepare(config: Config, device: torch.device) -> None:
    """Threads, and the seed of the weights: the same in every process, so that all build the same model."""
    gc.freeze()  # what was imported stays: no collection has to look at it, nor the end of the process, which is slow
    torch.set_num_threads(config.threads or max(1, cpus() // int(os.environ.get("LOCAL_WORLD_SIZE", "1"))))
    torch.manual_seed(config.seed)
    if config.deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS reads it once, before its first use
    torch.use_deterministic_algorithms(config.deterministic)
    if device.type == "cuda":
        torch.set_float32_matmul_precision("highest" if config.deterministic else "high")


def reduced_precision(config: Config, device: torch.device) -> bool:
    """bfloat16 keeps float32's range, so no loss scaling is needed. GPUs before Ampere (T4, V100) lack it."""
    native = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    if config.precision == "bf16" and device.type == "cuda" and not native:
        raise Problem("--precision is bf16, which this GPU lacks", "choose auto or fp32")
    return config.precision == "bf16" or (config.precision == "auto" and native)


def peak_flops(device: torch.device, reduced: bool) -> float | None:
    """What the device could do at most per second, where that is known."""
    words = re.split(r"[ -]", torch.cuda.get_device_name(device)) if device.type == "cuda" and reduced else ()
    return next((flops for name, flops in BF16_FLOPS.items() if name in words), None)


def generators(device: torch.device) -> list[torch.Generator]:
    """Those that dropout draws from."""
    if device.type == "cuda":
        return [torch.default_generator, torch.cuda.default_generators[device.index]]
    if device.type == "mps":
        return [torch.default_generator, torch.mps._get_default_mps_generator()]
    return [torch.default_generator]


def seed(generators: Sequence[torch.Generator], seed: int, step: int, rank: int) -> None:
    """From all three, so that a run may go on with another number of processes. In a microsecond each: torch's
    `manual_seed`, which does the same, takes 80."""
    for generator in generators:
        generator.manual_seed((seed * 1_000_003 + step * 8_191 + rank) % 2**32)


class Stop:
    """Set by SIGTERM, SIGUSR1 or Ctrl-C. Before `training` they end the process, with the code that says so: PREEMPTED
    would promise a checkpoint."""

    told = training = False

    def listen(self) -> Stop:
        for number in SIGNALS:
            signal.signal(number, self.on_signal)
        return self

    def on_signal(self, number: int, frame: FrameType | None) -> None:
        if not self.training:
            sys.exit(128 + number)
        self.told = True
        if number == signal.SIGINT:
            signal.signal(signal.SIGINT, signal.default_int_handler)  # the second Ctrl-C leaves at once

    def is_set(self) -> bool:
        return self.told


def cpus(cgroup: Path = Path("/sys/fs/cgroup")) -> int:
    """Whole processors this process may use. A container sees all of its node's; its share is in the cgroup."""
    here = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, int(min(here, quota(cgroup))))


def quota(cgroup: Path) -> float:
    """Processors granted by cgroup v2 or v1; infinity where nothing limits them."""
    for names in (("cpu.max",), ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us")):
        with suppress(OSError):
            granted, period = " ".join((cgroup / name).read_text() for name in names).split()
            return math.inf if granted in ("max", "-1") else int(granted) / int(period)
    return math.inf
