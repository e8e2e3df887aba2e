from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from spcs.image.credentials import Credentials, Folder

HOST = "127.0.0.1:5000"
LOGIN = Credentials("0sessiontoken", '{"token": "s3cret", "expires_in": 3600}')


@pytest.fixture(autouse=True)
def users_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "users"))
    (tmp_path / "users").mkdir()
    return tmp_path / "users"


def test_login_is_kept_as_docker_keeps_it(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "docker")
    folder.save(HOST, LOGIN)
    assert folder.load(HOST) == LOGIN
    assert folder.load("other:1") is None
    assert json.loads(folder.file.read_text())["auths"][HOST] == {"auth": LOGIN.basic}


def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "docker")
    folder.save(HOST, LOGIN)
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    assert stat.S_IMODE(folder.file.stat().st_mode) == 0o600


def test_password_shows_in_no_repr() -> None:
    assert "s3cret" not in repr(LOGIN) + str(LOGIN)


def test_host_has_an_entry_before_docker_logs_in(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "docker")
    folder.prepare(HOST)
    assert json.loads(folder.file.read_text()) == {"auths": {HOST: {}}}
    assert folder.load(HOST) is None


def test_preparing_does_not_forget_a_login(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "docker")
    folder.save(HOST, LOGIN)
    folder.prepare(HOST)
    folder.prepare("other:1")
    assert folder.load(HOST) == LOGIN


@pytest.mark.parametrize("text", ["", "no json", "[]", '{"auths": {"127.0.0.1:5000": {"auth": "%%%"}}}'])
def test_unreadable_file_means_no_login(text: str, tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.file.write_text(text)
    assert folder.load(HOST) is None


def test_engine_the_user_chose_stays_chosen(tmp_path: Path, users_folder: Path) -> None:
    users = {"currentContext": "colima", "auths": {"secret.example": {"auth": "eA=="}}}
    (users_folder / "config.json").write_text(json.dumps(users))
    (users_folder / "contexts").mkdir()
    folder = Folder(tmp_path / "docker")
    folder.prepare(HOST)
    assert json.loads(folder.file.read_text()) == {"auths": {HOST: {}}, "currentContext": "colima"}
    assert (folder.path / "contexts").resolve() == users_folder / "contexts"
