"""What the desk makes of the files that the local account leaves."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from spcs import local
from spcs.account import resolve
from spcs.errors import NotReady

SERVER = {"host": "127.0.0.1", "port": 1, "runtime": "process", "reason": "none found"}
BROKEN = [
    "",
    "{",
    "[]",
    "3",
    "null",
    '"text"',
    "{}",
    json.dumps(SERVER | {"port": "x"}),
    json.dumps(SERVER | {"host": 3}),
]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("SPCS_LOCAL_ROOT", raising=False)
    (tmp_path / ".local").mkdir()
    return tmp_path


@pytest.fixture
def port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize("text", BROKEN)
def test_a_broken_file_is_no_server(root: Path, text: str) -> None:
    (root / ".local" / "server.json").write_text(text)
    assert local.running(root) is None
    assert local.identity(root) == ""


@pytest.mark.parametrize("text", ["[]", "3", "null"])
def test_credentials_that_are_no_object_are_not_ready(root: Path, text: str) -> None:
    (root / ".local" / "server.json").write_text(json.dumps(SERVER))
    (root / ".local" / "credentials").write_text(text)
    with pytest.raises(NotReady, match="cannot be read"):
        resolve("local", root)


def test_a_server_that_listens_is_found(root: Path, port: int) -> None:
    (root / ".local" / "server.json").write_text(json.dumps(SERVER | {"port": port}))
    assert (local.running(root) or {})["port"] == port
    assert local.identity(root) == f"127.0.0.1:{port}"
