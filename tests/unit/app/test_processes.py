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

import pyarrow.parquet
import pytest
import safetensors.torch

from app.config import Config
from tests.training import go, metrics, model, same, workers

Settings = Callable[..., Config]
Python = Callable[..., subprocess.Popen[str]]
# A gradient of rows that others have too is the same but for rounding; dropout is each process's own.
# The model of app/, in a process that says when it is at its 50th step, and whose loss may be no number.
SPECIAL = """
import os
from app import model
from app.model import build_model, measures

calls, nan = 0, os.environ["RANK"] == os.environ.get("NAN_IN_RANK")

def loss(scores, labels):
    global calls
    calls += 1
    if calls == 50:
        print("going", flush=True)
    return model.loss(scores, labels) * (float("nan") if nan and 5 <= calls <= 7 else 1)
"""
ALIKE = ["--threads", "1", "--hidden", "16", "--dropout", "0", "--log-every", "5", "--save-every", "10"]


def test_two_processes_learn_what_one_does_and_one_goes_on_where_two_were(
    python: Python, settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also with the rows of a step cut in parts; and the numbers are those of all rows, not of a process's own."""
    alike = settings(steps=30, dropout=0.0, log_every=5, save_every=10, eval_every=15)
    words = [*ALIKE, "--steps", "30", "--eval-every", "15", "--accumulate", "2", "--processes", "2"]
    process = python("-m", "app", *words)
    out, err = process.communicate(timeout=240)
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
    capsys.readouterr()
    for output in (two, one):
        (output / "checkpoints" / "step-000030" / "manifest.json").unlink()
        assert go(replace(alike, output=str(output))) == 0
    assert capsys.readouterr().out.count("2 processes until now, 1 from here: the same rows, but other dropout") == 1
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
    out, err = process.communicate(timeout=240)
    assert (process.returncode, err) == (75, ""), out
    assert time.monotonic() - signalled < 10
    stopped = re.search(r"stopped_at=(\d+)", out)
    assert stopped
    assert 1 <= int(stopped[1]) < 600
    folder = tmp_path / "output" / "checkpoints" / f"step-{int(stopped[1]):06d}"
    assert json.loads((folder / "manifest.json").read_text())["processes"] == 2

    for output in ("output", "whole"):
        process = python("-m", "app", *words, "--log-every=1", "--output", str(tmp_path / output))
        out, err = process.communicate(timeout=240)
        assert (process.returncode, err) == (0, ""), out
    assert metrics(tmp_path / "output") == metrics(tmp_path / "whole")


def test_they_leave_at_once_though_they_seldom_say_something(python: Python, tmp_path: Path) -> None:
    """They meet more often than that, or the signal would be looked at after a million steps. Here it is SIGUSR1, to
    one of them."""
    (tmp_path / "special.py").write_text(SPECIAL)
    seldom = [f"--{what}-every=1000000" for what in ("log", "save", "eval")]
    words = ["--threads=1", "--hidden=8", "--steps=1000000", "--processes=2", "--model=special", *seldom]
    process = python("-m", "app", *words, env={"PYTHONPATH": str(tmp_path)})
    assert process.stdout
    while "going" not in process.stdout.readline():
        assert process.poll() is None
    os.kill(workers(process)[-1], signal.SIGUSR1)
    signalled = time.monotonic()
    out, err = process.communicate(timeout=240)
    assert (process.returncode, err) == (75, ""), out
    assert time.monotonic() - signalled < 10
    stopped = re.search(r"stopped_at=(\d+)", out)
    assert stopped
    assert (tmp_path / "output" / "checkpoints" / f"step-{int(stopped[1]):06d}" / "manifest.json").exists()


def test_a_gradient_that_is_not_finite_in_one_process_is_left_out_by_all(python: Python, tmp_path: Path) -> None:
    (tmp_path / "special.py").write_text(SPECIAL)
    words = ["--threads=1", "--hidden=8", "--steps=20", "--log-every=10", "--processes=2", "--model=special"]
    process = python("-m", "app", *words, env={"PYTHONPATH": str(tmp_path), "NAN_IN_RANK": "1"})
    out, err = process.communicate(timeout=240)
    assert (process.returncode, err) == (0, ""), out
    first, second, held_out = metrics(tmp_path / "output")
    assert (first["skipped"], second.get("skipped")) == (3, None)
    assert second["loss"] < first["loss"]
    assert held_out["held_out_loss"] > 0
    assert all(weights.isfinite().all() for weights in model(tmp_path / "output").values())


def test_they_stop_early_together_and_keep_the_best(python: Python, tmp_path: Path) -> None:
    words = ["--threads=1", "--hidden=16", "--steps=400", "--eval-every=5", "--patience=4", "--warmup=0"]
    out, err = python("-m", "app", *words, "--learning-rate=0.2", "--processes=2").communicate(timeout=240)
    assert "done=" in out, out + err
    result = json.loads((tmp_path / "output" / "metrics.json").read_text())
    assert result["steps"] < 400
    assert result["best_step"] == result["steps"] - 4 * 5
    losses = {line["step"]: line["held_out_loss"] for line in metrics(tmp_path / "output") if "held_out_loss" in line}
    assert min(losses, key=lambda step: losses[step]) == result["best_step"]
    assert not same(model(tmp_path / "output"), model(tmp_path / "output", "best"))


def test_more_processes_than_held_out_rows_are_refused(python: Python, tmp_path: Path) -> None:
    """One of them would have nothing to measure on."""
    rows = pyarrow.table({"ROW_ID": list(range(1, 9)), "LABEL": [0, 1] * 4, "X": [0.5 * number for number in range(8)]})
    pyarrow.parquet.write_table(rows, tmp_path / "few.parquet")
    data = ["--data", str(tmp_path / "few.parquet"), "--classes", "2", "--batch-size", "2", "--held-out", "10"]
    process = python("-m", "app", *data, *ALIKE, "--processes", "2")
    out, err = process.communicate(timeout=240)
    assert process.returncode == 2, out + err
    assert "error: 1 rows are held out for 2 processes\nfix: bring more rows\n" in err
