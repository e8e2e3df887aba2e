from __future__ import annotations

import json
import os
import sys
import tempfile
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from app.config import Config, Problem
from app.report import Report, card, model_file, say, writable

Make = Callable[..., Report]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    output = tmp_path / "output"
    output.mkdir()
    return lambda rank=0, **settings: Report(Config(**settings), output, rank)


def test_a_line_is_key_value_and_quotes_only_what_needs_it(capsys: pytest.CaptureFixture[str]) -> None:
    say(step=100, loss=0.21339999, rate=3e-05, rows_per_s=51234, name="", why='he said "no" = never\nagain', ok=True)
    expected = 'step=100 loss=0.2134 rate=3e-05 rows_per_s=51234 name="" why="he said \\"no\\" = never\\nagain" ok=True'
    assert capsys.readouterr().out == expected + "\n"


def test_the_file_keeps_every_digit_and_stays_json(make: Make) -> None:
    report = make()
    report.metrics(step=1, loss=1 / 3)
    report.metrics(step=2, loss=float("nan"))
    kept = [json.loads(line, parse_constant=pytest.fail) for line in report.kept.read_text().splitlines()]
    assert kept == [{"step": 1, "loss": 1 / 3}, {"step": 2, "loss": None}]


def test_json_lines_have_a_body_and_its_attributes(make: Make, capsys: pytest.CaptureFixture[str]) -> None:
    report = make(log_format="json")
    report.metrics(step=1, loss=0.5)
    report.note("so and so")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        {"body": "step=1 loss=0.5", "attributes": {"step": 1, "loss": 0.5}},
        {"body": 'note="so and so"', "attributes": {"note": "so and so"}},
    ]


def test_on_a_terminal_a_measurement_takes_the_place_of_the_last(
    make: Make, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "20")
    report = make()
    report.say(rows=5)
    report.metrics(step=1, loss=0.5)
    report.metrics(step=2, loss=0.25, much_more="that does not fit")
    report.note("end")
    report.metrics(step=3)
    report.close()
    expected = "rows=5\n\rstep=1 loss=0.5\x1b[K\rstep=2 loss=0.25 mu\x1b[K\nnote=end\n\rstep=3\x1b[K\n"
    assert capsys.readouterr().out == expected


def test_other_processes_only_say_what_is_unusual(make: Make, capsys: pytest.CaptureFixture[str]) -> None:
    report = make(rank=3)
    report.say(rows=5)
    report.metrics(step=1)
    report.note("odd")
    report.publish("config.json", {})
    assert capsys.readouterr().out == "note=odd rank=3\n"
    assert not (report.output / "config.json").exists()


def test_what_is_published_again_takes_the_old_ones_place(make: Make) -> None:
    report = make()
    for number in (1, 2):
        report.metrics(step=number)
        report.publish_logs()
        report.publish("data.json", {"number": number})
    assert (report.output / "metrics.jsonl").read_text() == report.kept.read_text()
    assert json.loads((report.output / "data.json").read_text()) == {"number": 2}


def test_a_model_carries_settings_and_schema_even_with_tied_weights(tmp_path: Path) -> None:
    weights = torch.arange(6.0).reshape(2, 3)
    file = tmp_path / "model.safetensors"
    file.write_bytes(
        model_file({"one": weights, "two": weights, "turned": weights.T}, Config(steps=7), {"features": []})
    )
    found = safetensors.torch.load_file(file)
    assert found["turned"].tolist() == [[0, 3], [1, 4], [2, 5]]
    assert found["one"].tolist() == found["two"].tolist()
    with safetensors.safe_open(file, "pt") as opened:
        assert json.loads(opened.metadata()["schema"]) == {"features": []}
        assert json.loads(opened.metadata()["config"])["steps"] == 7


def test_tensorboard_is_fed_where_it_is_installed(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a module of the same shape: TensorBoard itself is 50 MB."""
    seen: list[Any] = []

    class SummaryWriter:
        def __init__(self, folder: str) -> None:
            self.file = Path(folder) / "events.1"
            self.file.parent.mkdir()

        def add_scalar(self, name: str, value: float, step: int) -> None:
            seen.append((name, value, step))

        def flush(self) -> None:
            self.file.write_text(str(seen))

        def close(self) -> None:
            seen.append("closed")

    module = types.ModuleType("torch.utils.tensorboard")
    module.SummaryWriter = SummaryWriter  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    report = make()
    report.metrics(5, loss=0.5)
    report.publish_logs()
    report.close()
    assert seen == [("loss", 0.5, 5), "closed"]
    assert (report.output / "tensorboard" / "events.1").read_text() == "[('loss', 0.5, 5)]"


def test_the_card_tells_results_data_and_settings() -> None:
    text = card(Config(steps=5, model="mine"), {"features": [{"name": "AGE"}]}, {"accuracy": 0.97531}).decode()
    assert "| accuracy | 0.9753 |" in text
    assert '"name": "AGE"' in text
    assert "| steps | 5 |" in text
    assert "`build_model` of `mine`" in text


def test_a_read_only_output_is_refused() -> None:
    with tempfile.TemporaryDirectory() as folder:  # not pytest's own, which is closed to other users
        Path(folder).chmod(0o555)
        child = os.fork()
        if child == 0:  # in a process of its own, as root may write everywhere and has to become somebody else
            code = 1
            try:
                if os.getuid() == 0:
                    os.setuid(65534)
                writable(Path(folder))
            except Problem as problem:
                code = 0 if "cannot write to" in str(problem) else 2
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
