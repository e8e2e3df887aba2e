"""Going on from an earlier run's output folder, which stays as it is, in a new one."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from app.config import Config, resolve
from app.runtime import Group
from tests.training import StopAfter, go, metrics, model, same

Settings = Callable[..., Config]


def contents(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_a_new_run_goes_on_from_an_earlier_one_and_leaves_it_as_it_is(settings: Settings, tmp_path: Path) -> None:
    config = settings(steps=40, save_every=10, log_every=7, eval_every=10)
    whole, earlier, later = (tmp_path / name for name in ("whole", "earlier", "later"))
    assert go(replace(config, output=str(whole))) == 0
    assert go(replace(config, output=str(earlier)), StopAfter(23)) == 75
    before = contents(earlier)
    assert go(replace(config, output=str(later), resume=str(earlier))) == 0
    assert contents(earlier) == before
    assert metrics(later) == metrics(whole)
    assert same(model(later), model(whole))
    assert sorted(folder.name for folder in (later / "checkpoints").iterdir()) == ["step-000030", "step-000040"]


def test_its_own_checkpoints_come_before_those_of_the_earlier_run(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = settings(steps=40, save_every=10)
    earlier = str(tmp_path / "earlier")
    assert go(replace(config, output=earlier), StopAfter(20)) == 75
    assert go(replace(config, resume=earlier), StopAfter(10)) == 75
    assert go(replace(config, resume=earlier)) == 0
    said = capsys.readouterr().out
    assert [line for line in said.splitlines() if line.startswith("resumed_from")] == [
        "resumed_from=20",
        "resumed_from=30",
    ]


def test_the_best_model_is_found_in_the_earlier_run(settings: Settings, tmp_path: Path) -> None:
    """With this rate the loss soon falls no more: the best step is one of the earlier run."""
    config = settings(steps=400, eval_every=5, save_every=1000, patience=4, learning_rate=0.2, warmup=0)
    whole, earlier, later = (tmp_path / name for name in ("whole", "earlier", "later"))
    assert go(replace(config, output=str(whole))) == 0
    best = json.loads((whole / "metrics.json").read_text())["best_step"]
    assert go(replace(config, output=str(earlier)), StopAfter(best + 12)) == 75
    assert go(replace(config, output=str(later), resume=str(earlier))) == 0
    assert same(model(later, "best"), model(whole, "best"))
    assert not same(model(later, "best"), model(later))


def test_the_best_model_outlives_two_runs_that_found_no_better_one(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With this rate the best is soon behind them. The last run has nothing of the first any more."""
    config = settings(steps=400, eval_every=5, save_every=1000, patience=6, learning_rate=0.2, warmup=0)
    whole, first, second, third, fourth = (tmp_path / name for name in ("whole", "one", "two", "three", "four"))
    assert go(replace(config, output=str(whole))) == 0
    best = json.loads((whole / "metrics.json").read_text())["best_step"]
    assert go(replace(config, output=str(first)), StopAfter(best + 12)) == 75
    assert go(replace(config, output=str(second), resume=str(first)), StopAfter(5)) == 75
    shutil.rmtree(first)
    assert go(replace(config, output=str(third), resume=str(second))) == 0
    assert json.loads((third / "metrics.json").read_text())["best_step"] == best
    assert same(model(third, "best"), model(whole, "best"))
    assert same(model(third), model(whole))

    shutil.rmtree(second / "checkpoints" / f"step-{best:06d}")
    capsys.readouterr()
    assert go(replace(config, output=str(fourth), resume=str(second))) == 0
    assert f"there is no best.safetensors: no checkpoint of step {best} is left" in capsys.readouterr().out
    assert not (fourth / "best.safetensors").exists()


def test_the_state_is_not_sent_from_process_to_process(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """With NCCL it would have to fit into the memory of every GPU, beside the model. Each reads the file."""
    sent = list[object]()

    def seen(self: Group, item: object) -> object:
        sent.append(item)
        return item

    monkeypatch.setattr(Group, "broadcast_object", seen)
    config = settings(steps=5)
    assert go(config) == go(config) == 0
    assert Path(config.output, "checkpoints", "step-000005") in sent
    assert not any(isinstance(item, dict) and "model" in item for item in sent)


def test_an_earlier_run_without_a_whole_checkpoint_is_noted_and_the_run_starts_anew(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    earlier = tmp_path / "earlier"
    assert go(settings(steps=5, output=str(earlier))) == 0
    (earlier / "checkpoints" / "step-000005" / "manifest.json").unlink()
    capsys.readouterr()
    assert go(settings(steps=5, resume=str(earlier))) == 0
    said = capsys.readouterr().out
    assert "checkpoint step-000005 passed over: it has no manifest" in said
    assert f'note="{earlier} holds no whole checkpoint: this run starts anew"' in said
    assert "resumed_from" not in said


def test_the_specification_says_it_by_a_variable() -> None:
    assert resolve([], {"RESUME_PATH": "/earlier", "MOUNT_PATH": "/there"}).resume == "/earlier"
    assert resolve(["--resume", "/other"], {"RESUME_PATH": "/earlier"}).resume == "/other"
