"""Detection, with small programs named docker and podman on the PATH."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from spcs.errors import NotReady
from spcs.image.detect import Setting, detect
from spcs.image.engines import Engine

DOCKER = {"Client": {"Version": "28.2.2", "ApiVersion": "1.41"}, "Server": {"Version": "20.10.24"}}
DOCKER_ALONE = {"Client": {"Version": "28.2.2", "ApiVersion": "1.41"}, "Server": None}
PODMAN = {"Client": {"APIVersion": "5.4.0", "Version": "5.4.0"}}
SILENT = "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?"


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def put(folder: Path, name: str, versions: object, complaint: str = "") -> None:
    script = f"#!/bin/sh\necho '{json.dumps(versions)}'\n"
    if complaint:
        script += f"echo '{complaint}' >&2\nexit 1\n"
    (folder / name).write_text(script)
    (folder / name).chmod(stat.S_IRWXU)


def chosen(setting: Setting, tmp_path: Path, local_account: bool = True) -> Engine:
    return detect(setting, tmp_path / ".spcs", local_account=local_account)


@pytest.mark.parametrize("local_account", [True, False])
def test_docker_that_answers_comes_first(programs: Path, tmp_path: Path, local_account: bool) -> None:
    put(programs, "docker", DOCKER)
    put(programs, "podman", PODMAN)
    engine = chosen("auto", tmp_path, local_account)
    assert (engine.name, engine.kind) == ("docker", "container")
    assert engine.reason == "docker 20.10.24 (its engine answers)"


def test_podman_alone_is_taken(programs: Path, tmp_path: Path) -> None:
    put(programs, "podman", PODMAN)
    assert chosen("auto", tmp_path).reason == "podman 5.4.0 (its engine answers)"


def test_podman_is_taken_when_docker_is_silent(programs: Path, tmp_path: Path) -> None:
    put(programs, "docker", DOCKER_ALONE, SILENT)
    put(programs, "podman", PODMAN)
    assert chosen("auto", tmp_path).name == "podman"


def test_podman_under_the_name_of_docker_is_spoken_to_as_podman(programs: Path, tmp_path: Path) -> None:
    put(programs, "docker", PODMAN)
    engine = chosen("auto", tmp_path)
    assert engine.name == "podman"
    assert engine.commands_to_push("127.0.0.1:1/a/b/c/d:e")[1][:2] == ["docker", "push"]


def test_without_any_engine_python_alone_does(programs: Path, tmp_path: Path) -> None:
    engine = chosen("auto", tmp_path)
    assert (engine.name, engine.kind) == ("none", "process")
    assert engine.reason == (
        "no Docker or Podman is installed here: "
        "the image holds your code only, and the job runs as a plain Python process"
    )


def test_silent_engine_is_said_when_the_local_account_does_without(programs: Path, tmp_path: Path) -> None:
    put(programs, "docker", DOCKER_ALONE, SILENT)
    engine = chosen("auto", tmp_path)
    assert engine.kind == "process"
    assert engine.reason.startswith("docker is installed but its engine does not answer (Cannot connect to the Docker")


def test_engine_none_is_obeyed_beside_a_running_docker(programs: Path, tmp_path: Path) -> None:
    put(programs, "docker", DOCKER)
    assert chosen("none", tmp_path).reason.startswith("no container engine (image.engine: none): ")


@pytest.mark.parametrize("local_account", [True, False])
def test_engine_wheels_is_obeyed_beside_a_running_docker(programs: Path, tmp_path: Path, local_account: bool) -> None:
    put(programs, "docker", DOCKER)
    engine = chosen("wheels", tmp_path, local_account)
    assert (engine.name, engine.kind, engine.builder) == ("wheels", "container", "none")
    assert engine.reason.startswith("no container engine (image.engine: wheels)")


@pytest.mark.parametrize(("setting", "local_account"), [("docker", True), ("docker", False), ("auto", False)])
def test_silent_engine_is_not_ready_and_says_how_to_start_it(
    programs: Path, tmp_path: Path, setting: Setting, local_account: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    put(programs, "docker", DOCKER_ALONE, SILENT)
    with pytest.raises(NotReady) as caught:
        chosen(setting, tmp_path, local_account)
    assert caught.value.what == "docker is installed, but its engine is not running"
    assert caught.value.why == SILENT
    assert caught.value.fix == "sudo systemctl start docker"


def test_socket_of_others_is_told_apart_from_a_stopped_engine(programs: Path, tmp_path: Path) -> None:
    put(programs, "docker", DOCKER_ALONE, "permission denied while trying to connect to the Docker daemon socket")
    with pytest.raises(NotReady) as caught:
        chosen("docker", tmp_path)
    assert "usermod -aG docker" in caught.value.fix


@pytest.mark.parametrize(
    ("setting", "local_account", "missing"),
    [("docker", True, "docker"), ("podman", True, "podman"), ("auto", False, "docker or podman")],
)
def test_missing_engine_is_not_ready_and_says_how_to_get_one(
    programs: Path, tmp_path: Path, setting: Setting, local_account: bool, missing: str
) -> None:
    with pytest.raises(NotReady) as caught:
        chosen(setting, tmp_path, local_account)
    assert caught.value.what == f"there is no container engine on this machine: {missing} is not installed"
    assert "https://docs.docker.com/engine/install/" in caught.value.fix
    assert ("inv build push --engine wheels" in caught.value.fix) == (setting == "auto")
    assert caught.value.code == 3
