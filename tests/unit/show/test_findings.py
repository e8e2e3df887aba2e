from __future__ import annotations

import json

import pytest

from spcs.show.findings import FindingView

ROWS = (
    ("python", "machine", "ok", "Python 3.11.7", ""),
    ("grants", "account", "fail", "R lacks USAGE", "inv setup, or:\nGRANT USAGE"),
)


def shown(capsys: pytest.CaptureFixture[str], *, as_json: bool) -> str:
    view = FindingView(as_json=as_json)
    for row in ROWS:
        view.finding(*row)
    view.sums({"fail": 1, "warn": 0, "ok": 1})
    return capsys.readouterr().out


def test_groups_lines_and_remedies(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(capsys, as_json=False).splitlines() == [
        "machine",
        "  ok    python        Python 3.11.7",
        "account",
        "  fail  grants        R lacks USAGE",
        "                      fix: inv setup, or:",
        "                           GRANT USAGE",
        "1 fail, 1 ok",
    ]


def test_json_is_an_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    lines = [json.loads(line) for line in shown(capsys, as_json=True).splitlines()]
    assert [tuple(line.values()) for line in lines] == list(ROWS)
    assert set(lines[0]) == {"check", "group", "status", "message", "fix"}
