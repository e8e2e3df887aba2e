from __future__ import annotations

import pytest

from spcs.run.model import Output
from spcs.show.progress import LINES, shown

OUTPUTS = [Output(str(number), 1000) for number in range(100)]


def test_without_a_terminal_a_few_lines_tell_how_far_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    with shown(OUTPUTS) as view:
        for _ in OUTPUTS:
            view.arrived(1, 1000)
        view.notice("careful")
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "10 of 100 files, 10.0 kB of 100.0 kB"
    assert len(lines) == LINES  # the last step is for the caller to tell, and a notice is a line
    assert lines[-1] == "careful"


def test_on_a_terminal_it_is_a_bar(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with shown(OUTPUTS) as view:
        view.arrived(50, 50_000)
        view.notice("careful [now]")
    assert "careful [now]" in capsys.readouterr().err
