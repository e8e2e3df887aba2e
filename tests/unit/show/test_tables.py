from __future__ import annotations

import io
import json

import pytest

from spcs.run.model import ContainerStatus, Run, Snapshot, State
from spcs.show import tables


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


RUN = Run("train_20260827_120005_bcdf", "DB", "S", "DB.S.RUNS", pool="POOL")
ROWS: list[dict[str, object]] = [{"name": "a", "size": 10}, {"name": "longer", "size": None}]


def test_columns_line_up_without_trailing_blanks(capsys: pytest.CaptureFixture[str]) -> None:
    tables.table(("name", "size"), ROWS)
    assert capsys.readouterr().out == "name    size\na       10\nlonger\n"


def test_json_gives_a_row_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    tables.table(("name",), ROWS, as_json=True)
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == ROWS


def test_no_rows_are_said_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    tables.table(("name",), [], none="no images yet")
    assert capsys.readouterr() == ("", "no images yet\n")


def test_no_rows_are_no_lines_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    tables.table(("name",), [], as_json=True)
    assert capsys.readouterr() == ("", "")


def test_a_terminal_gets_a_table_within_its_width(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    monkeypatch.setenv("COLUMNS", "30")
    monkeypatch.setenv("NO_COLOR", "1")
    tables.table(("name", "message"), [{"name": "main", "message": "[bold] words " * 10}])
    lines = terminal.getvalue().splitlines()
    assert len(lines) > 3
    assert max(map(len, lines)) <= 30
    assert "[bold]" in terminal.getvalue()
    assert "\x1b" not in terminal.getvalue()


def test_a_cell_stays_on_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    tables.table(("message",), [{"message": "two\nlines"}])
    assert capsys.readouterr().out == "message\ntwo lines\n"


def test_a_status_shows_state_and_containers(capsys: pytest.CaptureFixture[str]) -> None:
    snapshot = Snapshot(State.FAILED, (ContainerStatus(0, "main", "FAILED", "User application error", 3),))
    tables.status(RUN, snapshot)
    out = capsys.readouterr().out
    assert "state   FAILED" in out
    assert "0         main       FAILED  3          User application error" in out


def test_a_status_in_json_is_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    tables.status(RUN, Snapshot(State.RUNNING, (ContainerStatus(0, "main", "READY", "Running"),)), as_json=True)
    entry = json.loads(capsys.readouterr().out)
    assert entry["run"] == RUN.name
    assert entry["state"] == "RUNNING"
    assert entry["containers"][0]["exit_code"] is None
