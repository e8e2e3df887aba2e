"""Logs in files: the keeper's and podman's."""

from __future__ import annotations

from pathlib import Path

import pytest

from local_account.runtime import logfile
from local_account.runtime.model import LogLine

BASE = 1_729_559_549_000_000_000


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "log"
    lines = [f"2024-10-22T01:12:29.{i:09d}Z {'e' if i % 2 else 'o'} line {i}" for i in range(5)]
    path.write_text("\n".join(lines) + "\n2024-10-22T01:12:30.000000000Z o being writ")
    return path


def texts(lines: list[LogLine]) -> list[str]:
    return [line.text for line in lines]


def test_lines_come_in_order_and_without_the_one_being_written(log: Path) -> None:
    lines = logfile.read(log, None, None, None)
    assert texts(lines) == [f"line {i}" for i in range(5)]
    assert [line.stream for line in lines[:2]] == ["stdout", "stderr"]


def test_bounds_are_inclusive_and_tail_takes_the_newest(log: Path) -> None:
    assert texts(logfile.read(log, BASE + 1, BASE + 3, None)) == ["line 1", "line 2", "line 3"]
    assert texts(logfile.read(log, None, BASE + 3, 2)) == ["line 2", "line 3"]
    assert logfile.read(log, None, None, 0) == []


def test_an_empty_log_has_no_lines(tmp_path: Path) -> None:
    (tmp_path / "log").touch()
    assert logfile.read(tmp_path / "log", None, None, None) == []


def test_pieces_of_a_line_are_joined_in_podmans_log(tmp_path: Path) -> None:
    path = tmp_path / "ctr.log"
    path.write_text(
        "2024-10-22T03:12:29.000000001+02:00 stdout P one \n"
        "2024-10-22T03:12:29.000000002+02:00 stderr F other\n"
        "2024-10-22T03:12:29.000000003+02:00 stdout F line\n"
        "2024-10-22T03:12:29.000000004+02:00 stdout F \n"
        "2024-10-22T03:12:29.000000005+02:00 stdout P end\n"
    )
    assert logfile.read_podman(path, None, None, None) == [
        LogLine(BASE + 1, "stdout", "one line"),
        LogLine(BASE + 2, "stderr", "other"),
        LogLine(BASE + 4, "stdout", ""),
        LogLine(BASE + 5, "stdout", "end"),
    ]
    assert texts(logfile.read_podman(path, BASE + 2, None, 1)) == ["end"]
