"""A server that cannot be started says why in a sentence."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from local_account.__main__ import main
from local_account.root import Root


@pytest.mark.parametrize("command", ["up", "serve"])
@pytest.mark.parametrize("place", ["file", "file/inside"])
def test_a_state_folder_that_is_a_file_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], place: str, command: str
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("SPCS_LOCAL_ROOT", str(tmp_path / place))
    assert main([command]) == 3
    said = capsys.readouterr().err
    assert said.startswith(f"error: the local account cannot keep its state in {tmp_path / place} (")
    assert said.count("\n") == 1


@pytest.mark.parametrize("command", ["up", "status", "down", "reset"])
def test_a_state_folder_of_someone_else_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    def refuse(path: Path, *_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    # Tests may run as root, whom no mode of a folder stops.
    monkeypatch.setattr(Path, "open", refuse)
    monkeypatch.setattr(Root, "make", lambda root: refuse(root.path))
    monkeypatch.setenv("SPCS_LOCAL_ROOT", str(tmp_path))
    assert main([command]) == 3
    assert "Permission denied" in capsys.readouterr().err


@pytest.mark.parametrize("file", ["state.db", "tables/tables.duckdb", "credentials"])
def test_a_state_that_cannot_be_read_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], file: str
) -> None:
    root = Root(tmp_path / ".local")
    root.make()
    (root.path / file).write_bytes(b"no database " * 1000)
    monkeypatch.setenv("SPCS_LOCAL_ROOT", str(root.path))
    assert main(["up", "--runtime", "process"]) == 3
    said = capsys.readouterr().err
    assert said.startswith(f"error: the state in {root.path} cannot be read (")
    assert said.count("\n") == 1
