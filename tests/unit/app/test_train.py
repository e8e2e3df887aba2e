from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import safetensors.torch
import torch

import app.model
from app import checkpoint, runtime
from app.config import Config, Problem
from tests.training import StopAfter, go, metrics, model, same

Settings = Callable[..., Config]
Python = Callable[..., subprocess.Popen[str]]


def test_the_digits_are_learnt_to_95_percent_by_the_defaults(python: Python, tmp_path: Path) -> None:
    process = python("-m", "app", "--data", "data/digits.parquet", "--threads", "1")
    out, err = process.communicate(timeout=240)
    assert (process.returncode, err) == (0, ""), out
    output = tmp_path / "output"
    result = json.loads((output / "metrics.json").read_text())
    assert result["accuracy"] >= 0.95
    assert result["steps"] == 1000
    assert result["rows"] == 1797
    assert 300 < result["held_out_rows"] < 420
    assert result["loss"] > 0
    assert [line["step"] for line in metrics(output) if "loss" in line] == list(range(100, 1001, 100))
    assert [line["step"] for line in metrics(output) if "accuracy" in line] == [250, 500, 750, 1000]
    kept = {f"step-{step:06d}" for step in (750, 1000, result["best_step"])}
    assert {folder.name for folder in (output / "checkpoints").iterdir()} == kept
    assert json.loads((output / "config.json").read_text())["data"] == "data/digits.parquet"
    log = out.splitlines()
    assert "batch_size=64" in log[0]
    assert log[1].startswith("rows=1797 training=")
    assert log[2].startswith("step=100 loss=")
    assert log[-1].startswith("done=")
    card = (output / "MODEL_CARD.md").read_text()
    assert "| accuracy | 0.9" in card
    assert "| batch_size | 64 |" in card
    with safetensors.safe_open(output / "model.safetensors", "pt") as file:
        assert json.loads(file.metadata()["config"])["hidden"] == 128
        assert json.loads(file.metadata()["schema"]) == json.loads((output / "schema.json").read_text())


def test_a_run_of_other_settings_or_data_is_not_resumed(settings: Settings, tmp_path: Path) -> None:
    config = settings(steps=5)
    go(config)
    before = [(tmp_path / "output" / name).read_text() for name in ("config.json", "metrics.jsonl")]
    with pytest.raises(Problem, match=r"a run of other settings: --hidden was 16, now 32\n"):
        go(replace(config, hidden=32))

    import pyarrow.parquet as pq

    pq.write_table(pq.read_table(config.data).slice(0, 1700), tmp_path / "fewer.parquet")
    with pytest.raises(Problem, match="holds other rows than"):
        go(replace(config, data=str(tmp_path / "fewer.parquet")))
    assert [(tmp_path / "output" / name).read_text() for name in ("config.json", "metrics.jsonl")] == before


def test_other_changes_are_told_and_the_run_goes_on(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    go(settings(steps=5))
    capsys.readouterr()
    assert go(settings(steps=8)) == 0
    said = capsys.readouterr().out
    assert 'note="--steps was 5, now 8"' in said
    assert "resumed_from=5" in said


def test_a_changed_weight_decay_counts(settings: Settings, tmp_path: Path) -> None:
    for name, decay in (("same", 0.0), ("other", 9.0)):
        config = settings(steps=10, weight_decay=0.0, output=str(tmp_path / name))
        assert go(config, StopAfter(5)) == 75
        assert go(replace(config, weight_decay=decay)) == 0
    assert not same(model(tmp_path / "same"), model(tmp_path / "other"))


def test_a_run_that_is_to_have_fewer_steps_than_it_has_is_measured_and_done(settings: Settings, tmp_path: Path) -> None:
    assert go(settings(steps=20, eval_every=20), StopAfter(9)) == 75
    assert go(settings(steps=5, eval_every=20)) == 0
    result = json.loads((tmp_path / "output" / "metrics.json").read_text())
    assert (result["steps"], result["best_step"]) == (9, 9)


def test_it_is_measured_on_few_rows_at_a_time(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as fit into memory where the training just fits."""
    sizes, measures = list[int](), app.model.measures

    def seen(scores: torch.Tensor, labels: torch.Tensor) -> dict[str, torch.Tensor]:
        sizes.append(len(labels))
        return measures(scores, labels)

    monkeypatch.setattr(app.model, "measures", seen)
    assert go(settings(steps=1, batch_size=32, accumulate=4)) == 0
    assert max(sizes) == 4 * 8
    assert sum(sizes) > 300


def test_a_validation_that_takes_a_container_s_time_to_end_is_noted(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(checkpoint, "SLOW", 0)
    assert go(settings(steps=1)) == 0
    assert "the validation took 0 s; a container that is stopped has 30" in capsys.readouterr().out


@pytest.mark.skipif(not shutil.which("cc"), reason="torch compiles with a C compiler")
def test_a_compiled_model_has_the_names_of_the_plain_one_and_goes_on_as_one(settings: Settings, tmp_path: Path) -> None:
    config = settings(steps=6, log_every=1)
    assert go(config) == 0
    parted = replace(config, output=str(tmp_path / "parted"))
    assert go(replace(parted, compile=True), StopAfter(3)) == 75
    assert go(parted) == 0
    assert model(tmp_path / "parted").keys() == model(tmp_path / "output").keys()
    for one, other in zip(metrics(tmp_path / "parted"), metrics(tmp_path / "output"), strict=True):
        assert one == pytest.approx(other, rel=1e-4)


def test_the_share_of_the_peak_is_told_where_that_is_known(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "peak_flops", lambda device, reduced: 1e9)
    assert go(settings(steps=10, log_every=10)) == 0
    told = json.loads((tmp_path / "output" / "metrics.jsonl").read_text().splitlines()[0])
    weights = sum(weights.numel() for weights in model(tmp_path / "output").values())
    assert told["mfu"] == pytest.approx(6 * weights * told["rows_per_s"] / 1e9, rel=0.01)


def test_a_finished_run_started_again_only_measures(settings: Settings, tmp_path: Path) -> None:
    go(settings(steps=5))
    before = json.loads((tmp_path / "output" / "metrics.json").read_text())
    assert go(settings(steps=5), StopAfter(1)) == 0
    after = json.loads((tmp_path / "output" / "metrics.json").read_text())
    assert {**after, "seconds": 0} == {**before, "seconds": 0}


def test_a_loss_that_is_not_a_number_leaves_manifests_that_are_json(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app.model, "loss", lose(9, 9))  # the one that is measured
    assert go(settings(steps=8, eval_every=20)) == 0
    (manifest,) = (tmp_path / "output").glob("checkpoints/*/manifest.json")
    assert json.loads(manifest.read_text(), parse_constant=pytest.fail)["measured"]["held_out_loss"] is None


def test_who_is_stopped_while_a_checkpoint_is_written_has_that_one(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(checkpoint.Writer, "late", lambda _: True)
    assert go(settings(steps=40, save_every=10), StopAfter(13)) == 75
    assert "the last checkpoint is still being written" in capsys.readouterr().out
    assert [folder.name for folder in checkpoint.ordered(tmp_path / "output" / "checkpoints")] == ["step-000010"]


def lose(step: int, until: int) -> Callable[..., torch.Tensor]:
    """A loss that is NaN in these steps, counted from 1."""
    calls = 0

    def loss(scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        nonlocal calls
        calls += 1
        factor = float("nan") if step <= calls <= until else 1.0
        return torch.nn.functional.cross_entropy(scores, labels) * factor

    return loss


def test_a_model_that_diverges_ends_with_3(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app.model, "loss", lose(5, 50))
    with pytest.raises(Problem, match="the gradient was not finite at 6 of 10 steps") as problem:
        go(settings(steps=50, log_every=10, eval_every=50, save_every=50, nan_budget=5))
    assert problem.value.code == 3
    assert not (tmp_path / "output" / "checkpoints").exists()
    assert (tmp_path / "output" / "metrics.jsonl").exists()


def test_a_step_without_a_finite_gradient_is_left_out(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app.model, "loss", lose(5, 7))
    assert go(settings(steps=20, log_every=10, nan_budget=3)) == 0
    first, second, _ = metrics(tmp_path / "output")
    assert first["skipped"] == 3
    assert "skipped" not in second
    assert 0 < second["loss"] < first["loss"]
    assert all(weights.isfinite().all() for weights in model(tmp_path / "output").values())


@pytest.mark.parametrize("parts", [4, 5])
def test_accumulation_changes_the_memory_not_the_result(settings: Settings, tmp_path: Path, parts: int) -> None:
    """Also where the parts are not of one size."""
    config = settings(steps=10, log_every=1, dropout=0.0)
    go(config)
    go(replace(config, accumulate=parts, output=str(tmp_path / "parts")))
    for one, other in zip(metrics(tmp_path / "output"), metrics(tmp_path / "parts"), strict=True):
        assert one == pytest.approx(other, abs=1e-6)


def test_training_stops_when_the_loss_has_stopped_to_fall(settings: Settings, tmp_path: Path) -> None:
    """With this rate it soon falls no more; the best model is not the last one."""
    config = settings(steps=400, eval_every=5, save_every=20, patience=4, learning_rate=0.2, warmup=0)
    assert go(config) == 0
    output = tmp_path / "output"
    result = json.loads((output / "metrics.json").read_text())
    assert result["steps"] < 400
    assert result["best_step"] == result["steps"] - 4 * 5
    losses = {line["step"]: line["held_out_loss"] for line in metrics(output) if "held_out_loss" in line}
    assert min(losses, key=lambda step: losses[step]) == result["best_step"]
    assert (output / "checkpoints" / f"step-{result['best_step']:06d}" / "manifest.json").exists()
    assert not same(model(output), model(output, "best"))
    # Started again it only repeats what it said.
    assert go(config) == 0
    assert json.loads((output / "metrics.json").read_text())["steps"] == result["steps"]


def test_bf16_learns_as_well(settings: Settings, tmp_path: Path) -> None:
    for precision in ("fp32", "bf16"):
        go(settings(steps=50, precision=precision, output=str(tmp_path / precision)))
    exact, close = (metrics(tmp_path / precision)[-1]["held_out_loss"] for precision in ("fp32", "bf16"))
    assert close != exact
    assert close == pytest.approx(exact, rel=0.02)
    assert {weights.dtype for weights in model(tmp_path / "bf16").values()} == {torch.float32}


def test_a_model_that_was_edited_is_not_resumed(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go(settings(steps=5))
    monkeypatch.setattr(app.model, "build_model", lambda schema, columns, config: torch.nn.Linear(columns, 10))
    with pytest.raises(Problem, match="holds another model: "):
        go(settings(steps=6))


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["--setps", "3"], "error: unknown setting --setps"),
        (["--data", "absent.parquet"], "error: cannot read absent.parquet: "),
        (["--output", "/dev/null/x"], "error: cannot write to /dev/null/x: Not a directory"),
    ],
)
def test_what_a_user_can_mend_ends_with_2_and_two_lines(python: Python, words: list[str], what: str) -> None:
    process = python("-m", "app", *words)
    _, err = process.communicate(timeout=240)
    assert process.returncode == 2
    assert err.splitlines()[0].startswith(what)
    assert err.splitlines()[1].startswith("fix: ")
    assert len(err.splitlines()) == 2
