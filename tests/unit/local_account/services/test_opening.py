"""What a reset removes, and what it cannot."""

from __future__ import annotations

from pathlib import Path

import pytest

from local_account.root import Root
from local_account.services import remove_all
from local_account.services.opening import account_id

ANSWERING = """#!/bin/sh
echo "$@" >> {calls}
case "$*" in
    info*) echo '{{"ServerVersion": "1", "NCPU": 1, "Runtimes": {{}}}}' ;;
    context*) echo unix:///nowhere ;;
    *" ps "*) exit {code} ;;
esac
"""


@pytest.fixture
def root(tmp_path: Path) -> Root:
    made = Root(tmp_path / ".local")
    made.make()
    return made


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder where commands are looked for."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/bin")
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    for name in ("docker", "podman"):
        program(folder, name, "#!/bin/sh\nexit 1\n")
    return folder


def program(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text)
    (folder / name).chmod(0o755)


def used(root: Root, engine: str) -> str:
    (root.path / "engine").mkdir()
    (root.path / "engine" / f"{engine}.used").touch()
    return account_id(root)


@pytest.mark.usefixtures("programs")
def test_an_account_that_had_no_engine_leaves_nothing(root: Root) -> None:
    assert remove_all(root) == ""


def test_an_engine_that_answers_is_emptied(root: Root, programs: Path, tmp_path: Path) -> None:
    account = used(root, "docker")
    program(programs, "docker", ANSWERING.format(calls=tmp_path / "calls", code=0))
    assert remove_all(root) == ""
    assert f"label=spcs.local.account={account}" in (tmp_path / "calls").read_text()
    assert not (root.path / "id").exists()
    assert not (root.path / "engine").exists()


@pytest.mark.parametrize("answers", [False, True])
def test_an_engine_that_does_not_answer_is_named_and_its_containers_can_be_found_later(
    root: Root, programs: Path, tmp_path: Path, answers: bool
) -> None:
    account = used(root, "docker")
    if answers:  # and stops before its containers are listed
        program(programs, "docker", ANSWERING.format(calls=tmp_path / "calls", code=1))
    assert remove_all(root).startswith("docker does not answer")
    assert account_id(root) == account
    assert remove_all(root).startswith("docker does not answer")


def test_an_engine_that_the_account_never_had_is_not_asked_to_remove_anything(
    root: Root, programs: Path, tmp_path: Path
) -> None:
    used(root, "docker")
    for engine in ("docker", "podman"):
        program(programs, engine, ANSWERING.format(calls=tmp_path / engine, code=0))
    assert remove_all(root) == ""
    assert "label=spcs.local.account" in (tmp_path / "docker").read_text()
    assert "label=spcs.local.account" not in (tmp_path / "podman").read_text()
