from __future__ import annotations

from pathlib import Path

import pytest

from spcs.image.credentials import Folder
from spcs.image.docker import (
    Builder,
    ContainerEngine,
    build_argv,
    build_environment,
    dockerfile_of,
    login_argv,
    login_environment,
    push_argv,
)
from spcs.image.engines import Build, Client
from tests.images import make_plan, write_code

DOCKER = Client("docker", "docker", "28.2.2", "20.10.24")
PODMAN = Client("podman", "podman", "5.4.0", "5.4.0")
REF = "127.0.0.1:5000/db/schema/images/training:0123456789ab"
LOGINS = Folder(Path(".spcs/docker"))


@pytest.fixture
def made(tmp_path: Path) -> Build:
    write_code(tmp_path)
    return Build(make_plan(tmp_path), REF, Path(".spcs/context/train"), ("--network", "host"), {"b": "2", "a": "1 x"})


NAMED = ["--platform", "linux/amd64", "-t", REF]
LABELS = ["--label=a=1 x", "--label=b=2"]


@pytest.mark.parametrize(
    ("client", "builder", "head", "labels"),
    [
        (DOCKER, "legacy", ["docker", "build", "--rm", "--force-rm"], []),
        (DOCKER, "buildkit", ["docker", "build", "--rm", "--progress=plain"], LABELS),
        (DOCKER, "buildx", ["docker", "buildx", "build", "--rm", "--load", "--progress=plain"], LABELS),
        (PODMAN, "buildah", ["podman", "build", "--rm", "--format=docker"], LABELS),
    ],
)
def test_build_command_of(client: Client, builder: Builder, head: list[str], labels: list[str], made: Build) -> None:
    wanted = [*head, *NAMED, *labels, "--network", "host", ".spcs/context/train"]
    assert build_argv(client, builder, made) == wanted


def test_only_the_legacy_builder_has_the_labels_in_its_dockerfile(made: Build) -> None:
    assert dockerfile_of("legacy", made) == f'{made.plan.dockerfile}LABEL a="1 x" b="2"\n'
    assert dockerfile_of("buildkit", made) == made.plan.dockerfile_buildkit


@pytest.mark.parametrize(("builder", "switch"), [("legacy", "0"), ("buildkit", "1"), ("buildx", "1")])
def test_environment_names_the_builder_and_forbids_attestations(builder: Builder, switch: str) -> None:
    assert build_environment(builder) == {"DOCKER_BUILDKIT": switch, "BUILDX_NO_DEFAULT_ATTESTATIONS": "1"}


def test_login_and_push_of_docker_use_the_private_folder() -> None:
    assert login_argv(DOCKER, "host:1", "0sessiontoken", LOGINS) == [
        "docker", "login", "host:1", "-u", "0sessiontoken", "--password-stdin",
    ]  # fmt: skip
    assert push_argv(DOCKER, REF, LOGINS) == ["docker", "push", REF]
    assert login_environment(LOGINS) == {"DOCKER_CONFIG": str(Path(".spcs/docker").absolute())}


def test_podman_is_told_the_file_and_that_loopback_has_no_tls() -> None:
    file = "--authfile=.spcs/docker/config.json"
    assert push_argv(PODMAN, REF, LOGINS) == ["podman", "push", file, "--tls-verify=false", REF]
    assert login_argv(PODMAN, "org-a.registry.example.com", "u", LOGINS) == [
        "podman", "login", file, "org-a.registry.example.com", "-u", "u", "--password-stdin",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("client", "buildx", "builder"),
    [
        ("28.2.2", False, "legacy"),
        ("23.0.1", False, "legacy"),
        ("20.10.24+dfsg1", False, "buildkit"),
        ("28.2.2", True, "buildx"),
        ("20.10.24", True, "buildx"),
    ],
)
def test_builder_of_docker_client(client: str, buildx: bool, builder: str, tmp_path: Path) -> None:
    program = tmp_path / "docker"
    program.write_text(f"#!/bin/sh\n[ \"$*\" = 'buildx version' ] && exit {0 if buildx else 1}\nexit 9\n")
    program.chmod(0o755)
    assert ContainerEngine(Client(str(program), "docker", client, "20.10.24"), LOGINS).builder == builder


@pytest.mark.parametrize(("version", "builder"), [("5.4.0", "buildah"), ("4.3.1", "buildah"), ("3.4.4", "legacy")])
def test_builder_of_podman_knows_mounts_since_version_4(version: str, builder: str) -> None:
    assert ContainerEngine(Client("podman", "podman", version, version), LOGINS).builder == builder
