from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.report import Report, say


def test_a_line_is_key_value_and_quotes_only_what_needs_it(capsys: pytest.CaptureFixture[str]) -> None:
    say(step=100, loss=0.21339999, rate=3e-05, rows_per_s=51234, name="", why='he said "no" = never\nagain', ok=True)
    expected = 'step=100 loss=0.2134 rate=3e-05 rows_per_s=51234 name="" why="he said \\"no\\" = never\\nagain" ok=True'
    assert capsys.readouterr().out == expected + "\n"


def test_the_file_keeps_every_digit(tmp_path: Path) -> None:
    report = Report(tmp_path / "metrics.jsonl")
    report.metrics(step=1, loss=1 / 3)
    report.metrics(step=2, loss=2 / 3)
    kept = [json.loads(line) for line in report.path.read_text().splitlines()]
    assert kept == [{"step": 1, "loss": 1 / 3}, {"step": 2, "loss": 2 / 3}]
