"""Figures as ratios: a command against a bare one, run in turns so that a busy machine slows both alike."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path


def seconds(command: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None) -> float:
    """Wall time of one run; raises CalledProcessError, with what a failing command wrote."""
    started = time.perf_counter()
    done = subprocess.run(
        command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    if done.returncode:
        sys.stderr.buffer.write(done.stdout + done.stderr)
        done.check_returncode()
    return time.perf_counter() - started


def median_ratio(ours: Callable[[], float], bare: Callable[[], float], pairs: int) -> float:
    """The median of ours/bare over `pairs` pairs, each measured back to back, after one unmeasured pair."""
    ours(), bare()
    return statistics.median(ours() / bare() for _ in range(pairs))


def at_most(name: str, value: float, bar: float) -> bool:
    """Print `NAME VALUE <=BAR ok|short` and say whether the bar is kept."""
    kept = round(value, 2) <= bar
    print(f"{name} {value:.2f} <={bar} {'ok' if kept else 'short'}")
    return kept


def at_least(name: str, value: float, bar: float) -> bool:
    """As `at_most`, of a figure that should be large."""
    kept = round(value, 2) >= bar
    print(f"{name} {value:.2f} >={bar} {'ok' if kept else 'short'}")
    return kept
