"""Logs for tests of what is read from them. Those in `unit/run/logs/` are what torch 2.13.0 and Python 3.11 wrote, with
the paths that they have in an image."""

from __future__ import annotations

from spcs.run.model import LogLine
from spcs.run.tracebacks import Traceback, pick
from tests.support import REPO

LOGS = REPO / "tests" / "unit" / "run" / "logs"


def log(text: str, instance: int = 0, start: int = 0) -> list[LogLine]:
    return [LogLine(start + at, instance, "main", line) for at, line in enumerate(text.splitlines())]


def stored(name: str) -> list[LogLine]:
    return log((LOGS / f"{name}.txt").read_text())


def picked(lines: list[LogLine]) -> Traceback:
    found = pick(lines)
    assert found is not None
    return found
