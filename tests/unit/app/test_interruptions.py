"""A training that is stopped, killed, or finds its checkpoint damaged ends as if nothing had happened: bit for bit."""

from __future__ import annotations

import random
import re
import signal
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.config import Config
from tests.training import StopAfter, go, metrics, model, same, workers

Settings = Callable[..., Config]
Python = Callable[..., subprocess.Popen[str]]
# A line a step: they fill the small pipe long before the last step, so a signal always comes in time.
WORDS = ["--threads=1", "--hidden=8", "--log-every=1", "--save-every=10", "--eval-every=25"]


def exact(output: Path) -> list[dict[str, Any]]:
    """The metrics, to the last bit."""
    return [{name: float(value).hex() for name, value in line.items()} for line in metrics(output)]


def test_a_resumed_run_equals_one_that_was_never_stopped(settings: Settings, tmp_path: Path) -> None:
    config = settings(steps=60, log_every=7, save_every=25, eval_every=10)
    assert go(config) == 0
    whole = tmp_path / "output"
    for trial in range(8):
        chance = random.Random(trial)
        parted = replace(config, output=str(tmp_path / f"parted{trial}"))
        assert go(parted, StopAfter(chance.randint(1, 30))) == 75
        assert go(parted, StopAfter(chance.randint(1, 29))) == 75
        assert go(parted) == 0
        assert exact(Path(parted.output)) == exact(whole)
        assert same(model(Path(parted.output)), model(whole))


@pytest.mark.parametrize("world", [1, 2])
def test_10_random_sigterms_and_sigkills_leave_no_trace(python: Python, tmp_path: Path, world: int) -> None:
    """Whole processes, alone or in twos over gloo; see tests/trials.py."""
    for folder, trials in (("parted", 10), ("whole", 0)):
        words = [str(tmp_path / folder), str(world), str(trials), "--", *WORDS, "--steps=800"]
        process = python("-m", "tests.trials", *words)
        out, err = process.communicate(timeout=240)
        assert process.returncode == 0, out + err
        assert len(out.splitlines()) == trials
    assert exact(tmp_path / "parted") == exact(tmp_path / "whole")
    assert same(model(tmp_path / "parted"), model(tmp_path / "whole"))


def test_nor_do_those_to_processes_that_torchruns_agent_started(python: Python, tmp_path: Path) -> None:
    words = ["-m", "app", *WORDS, "--steps=200", "--processes=2"]
    for number in (signal.SIGKILL, signal.SIGTERM):
        process = python(*words)
        assert process.stdout
        for _ in range(15):
            while "step=" not in process.stdout.readline():
                assert process.poll() is None
        if number == signal.SIGKILL:
            subprocess.run(["kill", "-KILL", str(workers(process)[1])], check=True)
        else:
            process.send_signal(number)
        out, err = process.communicate(timeout=240)
        assert process.returncode == {signal.SIGKILL: 137, signal.SIGTERM: 75}[number], out + err
    out, err = python(*words).communicate(timeout=240)
    assert err == ""
    assert "resumed_from=" in out
    process = python("-m", "tests.trials", str(tmp_path / "whole"), "2", "0", "--", *WORDS, "--steps=200")
    assert process.wait(120) == 0
    assert exact(tmp_path / "output") == exact(tmp_path / "whole")


def test_sigterm_saves_and_leaves_with_75(python: Python, tmp_path: Path) -> None:
    process = python("-m", "app", *WORDS, "--steps=400")
    assert process.stdout
    while not process.stdout.readline().startswith("step="):
        assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=240)
    assert (process.returncode, err) == (75, ""), out
    stopped = int(re.findall(r"stopped_at=(\d+)", out)[0])
    assert 1 <= stopped < 400
    assert (tmp_path / "output" / "checkpoints" / f"step-{stopped:06d}" / "manifest.json").exists()
    assert not (tmp_path / "output" / "metrics.json").exists()
    assert [line["step"] for line in metrics(tmp_path / "output") if "loss" in line] == list(range(1, stopped + 1))


def test_sigterm_before_training_ends_the_process_at_once(python: Python, tmp_path: Path) -> None:
    """With 143, as 75 would promise a checkpoint. The handler is there before torch is: the signal comes while that is
    imported."""
    script = """
import os, runpy, signal, sys
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "torch":
            os.kill(os.getpid(), signal.SIGTERM)
sys.meta_path.insert(0, Finder())
sys.argv[1:] = ["--steps", "100000"]
runpy.run_module("app", run_name="__main__")
"""
    process = python("-c", script)
    out, err = process.communicate(timeout=240)
    assert (process.returncode, out, err) == (143, "", "")
    assert not (tmp_path / "output").exists()


def test_50_of_50_processes_that_stop_in_mid_stream_end_cleanly(python: Python, tmp_path: Path) -> None:
    """The endless stream's thread must be gone at exit, or the interpreter aborts. Each goes to its real end; they are
    forked from one that has torch and its compiler imported, as that is what costs time."""
    script = """
import gc, os, sys
import torch
from app import report, train
torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))])
gc.freeze()
codes, children, words = [], [], ["--steps", "3", "--threads", "1", "--hidden", "8"]
for trial in range(50):
    sys.argv[1:] = [*words, "--output", f"{os.environ['MOUNT_PATH']}/{trial}"]
    if not (child := os.fork()):
        sys.exit(report.guarded(train.main))
    children.append(child)
    if trial % 2:
        codes += [os.waitstatus_to_exitcode(os.waitpid(children.pop(), 0)[1]) for _ in range(2)]
print("codes", codes)
"""
    process = python("-c", script)
    out, err = process.communicate(timeout=240)
    assert (process.returncode, err) == (0, "")
    assert out.splitlines()[-1] == f"codes {[0] * 50}"


@pytest.mark.parametrize("damage", ["flip", "cut", "no manifest"])
def test_a_damaged_checkpoint_is_passed_over_and_the_result_is_the_same(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: str
) -> None:
    config = settings(steps=20, save_every=5)
    go(config)
    before = exact(tmp_path / "output"), model(tmp_path / "output")
    folder = tmp_path / "output" / "checkpoints" / "step-000020"
    content = bytearray((folder / "state.pt").read_bytes())
    if damage == "flip":
        content[len(content) // 2] ^= 1
    (folder / "state.pt").write_bytes(content[: 1000 if damage == "cut" else None])
    if damage == "no manifest":
        (folder / "manifest.json").unlink()
    capsys.readouterr()
    assert go(config) == 0
    said = capsys.readouterr().out
    assert 'note="checkpoint step-000020 passed over: ' in said
    assert "resumed_from=15" in said
    assert exact(tmp_path / "output") == before[0]
    assert same(model(tmp_path / "output"), before[1])
