"""Calls of a client that now and then fails: a script stands for it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from local_account.runtime.argv import Client
from local_account.runtime.calls import Calls
from local_account.runtime.model import RuntimeProblem

FAILING = """#!/bin/sh
echo x >> {count}
if [ $(wc -l < {count}) -le {failures} ]; then
    echo 'Error: container 1a2b does not exist in database: {why}' >&2
    exit 125
fi
echo one two
"""


def calls(folder: Path, failures: int, why: str = "no such container") -> Calls:
    program = folder / "podman"
    program.write_text(FAILING.format(count=folder / "count", failures=failures, why=why))
    program.chmod(0o755)
    return Calls(Client(str(program), "account", "127.0.0.1", folder, True), os.environ)


def asked(folder: Path) -> int:
    return len((folder / "count").read_text().splitlines())


def test_a_list_in_which_a_container_went_is_asked_for_again(tmp_path: Path) -> None:
    assert calls(tmp_path, failures=2).ids([]) == ["one", "two"]
    assert asked(tmp_path) == 3


def test_not_for_ever(tmp_path: Path) -> None:
    with pytest.raises(RuntimeProblem, match="no such container"):
        calls(tmp_path, failures=99).ids([])
    assert asked(tmp_path) == 5


def test_any_other_refusal_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(RuntimeProblem, match="the engine does not answer"):
        calls(tmp_path, failures=1, why="permission denied").ids([])
    assert asked(tmp_path) == 1
