from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from app.config import Config

REPO = Path(__file__).resolve().parents[3]
DIGITS = REPO / "data" / "digits.parquet"


@pytest.fixture
def settings(tmp_path: Path) -> Callable[..., Config]:
    """Settings of a short run on the digits: on the CPU, whatever the machine has, and with one thread, as two thread
    counts add up in two orders."""

    def make(**changes: Any) -> Config:
        defaults: dict[str, Any] = {"data": str(DIGITS), "output": str(tmp_path / "output"), "threads": 1, "hidden": 16}
        return Config(**(defaults | {"device": "cpu"} | changes))

    return make


@pytest.fixture
def python(tmp_path: Path) -> Callable[..., subprocess.Popen[str]]:
    """Starts this Python on the words given, in the project, with nothing in its environment that steers the app."""

    def start(*words: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        ours = {name: value for name, value in os.environ.items() if not name.startswith(("TRAIN_", "MOUNT_PATH"))}
        ours |= {"TRAIN_DEVICE": "cpu"}
        return subprocess.Popen(
            [sys.executable, *words],
            cwd=REPO,
            env=ours | {"MOUNT_PATH": str(tmp_path / "output")} | dict(env or {}),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            pipesize=4096,
        )

    return start
