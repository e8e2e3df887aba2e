"""Where the program runs: processors, seeds, device."""

from __future__ import annotations

import os
from pathlib import Path

import torch

from app.config import Config


def prepare(config: Config) -> torch.device:
    """Sets threads and the seed of the weights; returns the device: the accelerator if there is one, else the CPU."""
    torch.set_num_threads(config.threads or cpus())
    torch.manual_seed(config.seed)
    return torch.accelerator.current_accelerator() or torch.device("cpu")


def cpus(cgroup: Path = Path("/sys/fs/cgroup")) -> int:
    """Whole processors this process may use. A container sees all of its node's; its share is in the cgroup."""
    here = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(here, int(quota(cgroup) or here)))


def quota(cgroup: Path) -> float | None:
    """Processors granted by cgroup v2 or v1; None where nothing limits them."""
    two, one = cgroup / "cpu.max", cgroup / "cpu"
    try:
        if two.exists():
            granted, period = two.read_text().split()
        else:
            granted, period = ((one / f"cpu.cfs_{name}_us").read_text().strip() for name in ("quota", "period"))
    except OSError:
        return None
    return None if granted in ("max", "-1") else int(granted) / int(period)
