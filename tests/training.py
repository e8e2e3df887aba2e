"""What tests of the training share: a run in this process, one that is stopped, and what a run has left."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import safetensors.torch
import torch

from app import runtime, train
from app.config import Config

SPEED = {"rows_per_s", "ms_per_step", "data_wait", "mfu", "gpu_gib"}


def go(config: Config, stop: runtime.Stop | None = None) -> int:
    with runtime.join(config) as group:
        return train.run(config, stop or runtime.Stop(), group)


class StopAfter(runtime.Stop):
    """Is set when it was asked so many times: once a step."""

    def __init__(self, steps: int) -> None:
        super().__init__()
        self.left = steps

    def is_set(self) -> bool:
        self.left -= 1
        return self.left <= 0


def metrics(output: Path) -> list[dict[str, Any]]:
    """What metrics.jsonl holds, without the speed: that is no result."""
    lines = [json.loads(line) for line in (output / "metrics.jsonl").read_text().splitlines()]
    return [{name: value for name, value in line.items() if name not in SPEED} for line in lines]


def model(output: Path, name: str = "model") -> dict[str, torch.Tensor]:
    return safetensors.torch.load_file(output / f"{name}.safetensors")


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def workers(launcher: subprocess.Popen[str]) -> list[int]:
    """The training processes, whichever of the launcher's threads started them."""
    tasks = Path(f"/proc/{launcher.pid}/task").iterdir()
    children = [int(child) for task in tasks for child in (task / "children").read_text().split()]
    return [child for child in children if b"app.train" in Path(f"/proc/{child}/cmdline").read_bytes()]
