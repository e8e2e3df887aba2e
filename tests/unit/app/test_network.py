"""A network of one's own, by --model: a module beside app/, with nothing else changed."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from app.config import Config, Problem
from app.train import network
from tests.training import go, metrics

Settings = Callable[..., Config]
Python = Callable[..., subprocess.Popen[str]]
SMALLEST = """
import torch
from torch import nn

def build_model(schema, columns, config):
    assert len(schema["features"]) == columns
    return nn.Linear(columns, 2 * config.classes)

def loss(output, labels):
    return nn.functional.cross_entropy(output[:, ::2], labels) + 5
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], object]:
    """Writes a module where Python finds it."""
    monkeypatch.syspath_prepend(str(tmp_path))
    return lambda name, text: Path(tmp_path, f"{name}.py").write_text(text)


def test_a_module_with_the_two_functions_is_enough(
    settings: Settings, module: Callable[[str, str], object], tmp_path: Path
) -> None:
    """It trains by that module's loss and is measured by it; without measures there is nothing but the loss."""
    module("smallest", SMALLEST)
    assert go(settings(model="smallest", steps=20, log_every=10)) == 0
    first, second, held_out = metrics(tmp_path / "output")
    assert first["loss"] > second["loss"] > 5
    assert set(held_out) == {"step", "held_out_loss"}
    assert held_out["held_out_loss"] > 5
    result = json.loads((tmp_path / "output" / "metrics.json").read_text())
    assert result["loss"] == held_out["held_out_loss"]
    assert "accuracy" not in result


def test_its_measures_are_told(settings: Settings, module: Callable[[str, str], object], tmp_path: Path) -> None:
    measures = "def measures(output, labels):\n    return {'half': torch.tensor(len(labels) / 2)}\n"
    module("measured", SMALLEST + measures)
    assert go(settings(model="measured", steps=2)) == 0
    assert metrics(tmp_path / "output")[-1]["half"] == 0.5
    assert "| half | 0.5 |" in (tmp_path / "output" / "MODEL_CARD.md").read_text()


def test_a_module_beside_app_is_found_by_each_process(python: Python, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(SMALLEST)
    words = ["--model=mine", "--steps=2", "--threads=1", "--processes=2"]
    out, err = python("-m", "app", *words, env={"PYTHONPATH": str(tmp_path)}).communicate(timeout=240)
    assert "done=" in out, out + err


@pytest.mark.parametrize(
    ("name", "text", "what"),
    [
        ("absent", "", "--model absent: No module named 'absent'"),
        ("needy", "import a_package_that_is_not_there", "--model needy: No module named 'a_package_that_is_not_there'"),
        ("lossless", "def build_model(): ...", "--model lossless has no loss\n"),
        ("empty", "import os", "--model empty has no build_model and no loss\n"),
    ],
)
def test_what_is_missing_is_told(module: Callable[[str, str], object], name: str, text: str, what: str) -> None:
    if text:
        module(name, text)
    with pytest.raises(Problem, match=what) as problem:
        network(name)
    assert problem.value.code == 2
