"""Two training processes of one container, started by torchrun's agent, speaking over gloo."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import safetensors.torch

from app.config import Config
from tests.training import go, metrics, workers

Settings = Callable[..., Config]
Python = Callable[..., subprocess.Popen[str]]
# A gradient of rows that others have too is the same but for rounding; dropout is each process's own.
ALIKE = ["--threads", "1", "--hidden", "16", "--dropout", "0", "--log-every", "5", "--save-every", "10"]


def test_two_processes_learn_what_one_does_and_one_goes_on_where_two_were(
    python: Python, settings: Settings, tmp_path: Path
) -> None:
    """Also with the rows of a step cut in parts; and the numbers are those of all rows, not of a process's own."""
    alike = settings(steps=30, dropout=0.0, log_every=5, save_every=10, eval_every=15)
    words = [*ALIKE, "--steps", "30", "--eval-every", "15", "--accumulate", "2", "--processes", "2"]
    process = python("-m", "app", *words)
    out, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (0, ""), out
    assert " processes=2 " in out.splitlines()[0]
    assert go(replace(alike, output=str(tmp_path / "one"))) == 0
    two, one = tmp_path / "output", tmp_path / "one"

    def compare() -> None:
        for of_two, of_one in zip(metrics(two), metrics(one), strict=True):
            assert of_two == pytest.approx(of_one, abs=1e-6)
        weights = safetensors.torch.load_file(two / "model.safetensors")
        for name, expected in safetensors.torch.load_file(one / "model.safetensors").items():
            assert (weights[name] - expected).abs().max() <= 1e-6

    compare()
    # The newest is dropped: the run goes on from step 20, with the same rows.
    for output in (two, one):
        (output / "checkpoints" / "step-000030" / "manifest.json").unlink()
        assert go(replace(alike, output=str(output))) == 0
    compare()


def test_all_processes_save_the_same_step_when_one_is_told_to_stop(python: Python, tmp_path: Path) -> None:
    """The signal reaches one of them alone, which does not look at it before they meet. Going on afterwards gives, bit
    for bit, what a run that was not stopped gives; dropout included."""
    words = ["--threads=1", "--hidden=8", "--steps=600", "--save-every=100000", "--eval-every=100000", "--processes=2"]
    process = python("-m", "app", *words, "--log-every=1")
    assert process.stdout
    while not process.stdout.readline().startswith("step="):
        assert process.poll() is None
    os.kill(workers(process)[-1], signal.SIGTERM)
    signalled = time.monotonic()
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (75, ""), out
    assert time.monotonic() - signalled < 10
    stopped = re.search(r"stopped_at=(\d+)", out)
    assert stopped
    assert 1 <= int(stopped[1]) < 600
    folder = tmp_path / "output" / "checkpoints" / f"step-{int(stopped[1]):06d}"
    assert json.loads((folder / "manifest.json").read_text())["processes"] == 2

    for output in ("output", "whole"):
        process = python("-m", "app", *words, "--log-every=1", "--output", str(tmp_path / output))
        out, err = process.communicate(timeout=120)
        assert (process.returncode, err) == (0, ""), out
    assert metrics(tmp_path / "output") == metrics(tmp_path / "whole")
