from __future__ import annotations

import json
import random
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from app import train
from app.config import Config, Problem

Settings = Callable[..., Config]
Python = Callable[..., subprocess.Popen[str]]


class StopAfter(threading.Event):
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
    return [{name: value for name, value in line.items() if name != "rows_per_s"} for line in lines]


def model(output: Path) -> dict[str, torch.Tensor]:
    weights: dict[str, torch.Tensor] = torch.load(output / "model.pt", weights_only=True)["model"]
    return weights


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_the_digits_are_learnt_to_95_percent_by_the_defaults(python: Python, tmp_path: Path) -> None:
    process = python("-m", "app", "--data", "data/digits.parquet")
    out, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (0, ""), out
    output = tmp_path / "output"
    result = json.loads((output / "metrics.json").read_text())
    assert result["accuracy"] >= 0.95
    assert result["steps"] == 1000
    assert result["rows"] == 1797
    assert 300 < result["held_out_rows"] < 420
    assert result["loss"] > 0
    assert result["seconds"] < 60
    assert [line["step"] for line in metrics(output)] == list(range(100, 1001, 100))
    assert sorted(folder.name for folder in (output / "checkpoints").iterdir()) == ["step-000750", "step-001000"]
    assert json.loads((output / "config.json").read_text())["data"] == "data/digits.parquet"
    log = out.splitlines()
    assert "batch_size=64" in log[0]
    assert log[1].startswith("rows=1797 training=")
    assert log[2].startswith("step=100 loss=")
    assert log[-1].startswith("done=")


def test_a_resumed_run_equals_one_that_was_never_stopped(settings: Settings, tmp_path: Path) -> None:
    config = settings(steps=60, log_every=7, save_every=25)
    assert train.run(config, threading.Event()) == 0
    whole = tmp_path / "output"
    for trial in range(8):
        chance = random.Random(trial)
        parted = replace(config, output=str(tmp_path / f"parted{trial}"))
        assert train.run(parted, StopAfter(chance.randint(1, 30))) == 75
        assert train.run(parted, StopAfter(chance.randint(1, 29))) == 75
        assert train.run(parted, threading.Event()) == 0
        assert metrics(Path(parted.output)) == metrics(whole)
        assert same(model(Path(parted.output)), model(whole))


def test_sigterm_saves_and_leaves_with_75_and_the_next_start_goes_on(
    python: Python, settings: Settings, tmp_path: Path
) -> None:
    # A line a step: they fill the (small) pipe long before the last step, so the signal always comes in time.
    config = settings(steps=400, log_every=1, save_every=100_000, hidden=8)
    words = ["--data", config.data, "--threads=1", "--steps=400", "--log-every=1", "--save-every=100000", "--hidden=8"]
    process = python("-m", "app", *words)
    assert process.stdout
    while not process.stdout.readline().startswith("step="):
        assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    signalled = time.monotonic()
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (75, ""), out
    assert time.monotonic() - signalled < 10
    stopped = int(out.split("stopped_at=")[1].split()[0])
    assert 1 <= stopped < 400
    assert not (tmp_path / "output" / "metrics.json").exists()
    assert [line["step"] for line in metrics(tmp_path / "output")] == list(range(1, stopped + 1))

    process = python("-m", "app", *words)
    out, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (0, ""), out
    assert f"resumed_from={stopped}\n" in out
    train.run(replace(config, output=str(tmp_path / "whole")), threading.Event())
    assert metrics(tmp_path / "output") == metrics(tmp_path / "whole")


def test_sigterm_before_training_is_not_lost(python: Python, tmp_path: Path) -> None:
    """The handler is there before torch is: here the signal comes while it is being imported."""
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
    out, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (75, ""), out
    assert (tmp_path / "output" / "checkpoints" / "step-000001" / "manifest.json").exists()


def test_a_process_that_stops_in_mid_stream_ends_cleanly(python: Python, tmp_path: Path) -> None:
    """The endless stream's thread must be gone at exit, or the interpreter aborts. Ten processes, each to its real end;
    forked from one that has torch and its compiler imported, as that is what costs time."""
    script = """
import os, sys, threading
import torch
from app import train
from app.config import resolve
torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))])
children = []
for trial in range(10):
    if not (child := os.fork()):
        sys.exit(train.run(resolve(["--steps", "3", "--output", f"{sys.argv[1]}/{trial}"], {}), threading.Event()))
    children.append(child)
print("codes", [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children])
"""
    process = python("-c", script, str(tmp_path))
    out, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (0, "")
    assert out.splitlines()[-1] == f"codes {[0] * 10}"


def test_output_is_only_written_the_way_a_stage_volume_allows(python: Python, tmp_path: Path) -> None:
    """Every file is made new, from start to end: no append, update, overwrite or rename. Python reports each opening
    of a file; what a library writes behind Python's back is noticed by its not being reported."""
    script = """
import json, os, runpy, sys
output, events = os.environ["MOUNT_PATH"], []
def record(event, arguments):
    if event in ("open", "os.rename", "os.truncate", "os.link", "os.symlink"):
        paths = [os.fspath(a) for a in arguments[:2] if isinstance(a, (str, os.PathLike))]
        if any(path.startswith(output) for path in paths):
            events.append([event, paths[0], arguments[1] if event == "open" else None])
sys.addaudithook(record)
try:
    runpy.run_module("app", run_name="__main__")
finally:
    sys.stderr.write(json.dumps(events))
"""
    for steps in ("40", "90"):
        process = python("-c", script, "--steps", steps, "--save-every", "20", "--log-every", "10")
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, out + err
        events = json.loads(err)
        assert {event for event, _, _ in events} == {"open"}
        assert {mode for _, _, mode in events} <= {"r", "rb", "x", "xb"}
        made = {path for _, path, mode in events if mode in ("x", "xb")}
        kept = {str(path) for path in (tmp_path / "output").rglob("*") if path.is_file()}
        assert len(kept) == 4 + 2 * 3
        assert kept <= made


def test_a_run_of_other_settings_or_data_is_not_resumed(settings: Settings, tmp_path: Path) -> None:
    config = settings(steps=5)
    train.run(config, threading.Event())
    settings_before = (tmp_path / "output" / "config.json").read_text()
    with pytest.raises(Problem, match=r"a run of other settings: --hidden was 16, now 32\n"):
        train.run(replace(config, hidden=32), threading.Event())

    import pyarrow.parquet as pq

    pq.write_table(pq.read_table(config.data).slice(0, 1700), tmp_path / "fewer.parquet")
    with pytest.raises(Problem, match="holds other rows than"):
        train.run(replace(config, data=str(tmp_path / "fewer.parquet")), threading.Event())
    assert (tmp_path / "output" / "config.json").read_text() == settings_before


def test_other_changes_are_told_and_the_run_goes_on(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    train.run(settings(steps=5), threading.Event())
    capsys.readouterr()
    assert train.run(settings(steps=8), threading.Event()) == 0
    said = capsys.readouterr().out
    assert 'note="--steps was 5, now 8"' in said
    assert "resumed_from=5" in said


def test_a_finished_run_started_again_only_measures(settings: Settings, tmp_path: Path) -> None:
    train.run(settings(steps=5), threading.Event())
    before = json.loads((tmp_path / "output" / "metrics.json").read_text())
    assert train.run(settings(steps=5), StopAfter(1)) == 0
    after = json.loads((tmp_path / "output" / "metrics.json").read_text())
    assert {**after, "seconds": 0} == {**before, "seconds": 0}


def test_a_damaged_checkpoint_is_passed_over_and_the_result_is_the_same(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = settings(steps=20, save_every=5)
    train.run(config, threading.Event())
    whole = model(tmp_path / "output")
    state = tmp_path / "output" / "checkpoints" / "step-000020" / "state.pt"
    content = bytearray(state.read_bytes())
    content[len(content) // 2] ^= 1
    state.write_bytes(content)
    capsys.readouterr()
    assert train.run(config, threading.Event()) == 0
    said = capsys.readouterr().out
    assert 'note="checkpoint step-000020 passed over: state.pt is not what was written"' in said
    assert "resumed_from=15" in said
    assert same(model(tmp_path / "output"), whole)


def test_a_lost_loss_ends_the_run_without_saving_it(settings: Settings, tmp_path: Path) -> None:
    config = settings(steps=50, log_every=50, save_every=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train, "loss", lambda scores, labels: scores.sum() * float("nan"))
        with pytest.raises(Problem, match="the loss is nan at step 1") as problem:
            train.run(config, threading.Event())
    assert problem.value.code == 1
    assert not (tmp_path / "output" / "checkpoints").exists()


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["--setps", "3"], "error: unknown option --setps"),
        (["--data", "absent.parquet"], "error: cannot read absent.parquet: there is no such file"),
        (["--output", "/dev/null/x"], "error: cannot make /dev/null/x: Not a directory"),
    ],
)
def test_what_a_user_can_mend_ends_with_2_and_two_lines(python: Python, words: list[str], what: str) -> None:
    process = python("-m", "app", *words)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert err.splitlines()[0] == what
    assert err.splitlines()[1].startswith("fix: ")
    assert len(err.splitlines()) == 2
