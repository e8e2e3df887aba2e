"""The registry as docker clients use it. `docker_client` is each client that there is."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from local_account.runtime import pause
from tests.images import Served, registry
from tests.support import Client

pytestmark = pytest.mark.engine


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with registry(tmp_path / "registry") as found:
        yield found


@pytest.fixture
def image(served: Served, docker_client: Client) -> Iterator[str]:
    """A tiny image, by the name under which the registry takes it."""
    name = f"{served.repository_url}/pause:1"
    docker(docker_client, "import", "--change", 'ENTRYPOINT ["/pause"]', "-", name, data=pause.archive())
    yield name
    docker(docker_client, "rmi", "-f", name)


def docker(client: Client, *words: str, data: bytes = b"", code: int = 0) -> str:
    done = subprocess.run([str(client.path), *words], input=data, capture_output=True, check=False)
    said = (done.stdout + done.stderr).decode()
    assert done.returncode == code, said
    return said


def logged_in(served: Served, client: Client, folder: Path) -> tuple[str, str]:
    """Options of a client that has logged in over stdin, its login kept in a folder of the test's own."""
    options = ("--config", str(folder / "docker"))
    words = ("login", "--username", "0sessiontoken", "--password-stdin", served.host)
    docker(client, *options, *words, data=served.door.token().encode())
    return options


def test_an_image_goes_in_and_comes_out_by_digest(
    served: Served, docker_client: Client, image: str, tmp_path: Path
) -> None:
    options = logged_in(served, docker_client, tmp_path)
    said = docker(docker_client, *options, "push", image)
    digest = said.split("digest: ")[1].split()[0]
    before = docker(docker_client, "inspect", "--format", "{{.Id}}", image)
    docker(docker_client, "rmi", "-f", image)
    docker(docker_client, *options, "pull", f"{served.repository_url}/pause@{digest}")
    assert docker(docker_client, "inspect", "--format", "{{.Id}}", f"{served.repository_url}/pause@{digest}") == before
    docker(docker_client, "rmi", "-f", f"{served.repository_url}/pause@{digest}")
    docker(docker_client, *options, "pull", image)


def test_a_second_push_sends_no_layer(served: Served, docker_client: Client, image: str, tmp_path: Path) -> None:
    options = logged_in(served, docker_client, tmp_path)
    docker(docker_client, *options, "push", image)
    served.seen.clear()
    docker(docker_client, *options, "push", image)
    assert not [request for request in served.seen if request.startswith("PATCH")]


def test_a_push_without_login_is_refused(served: Served, docker_client: Client, image: str, tmp_path: Path) -> None:
    said = docker(docker_client, "--config", str(tmp_path / "none"), "push", image, code=1)
    assert "Authentication Failure" in said or "no basic auth credentials" in said or "unauthorized" in said


def test_an_expired_token_is_refused(served: Served, docker_client: Client, image: str, tmp_path: Path) -> None:
    options = logged_in(served, docker_client, tmp_path)
    served.door.expire()
    assert "unauthorized" in docker(docker_client, *options, "push", image, code=1)


def test_a_repository_that_does_not_exist_is_named(
    served: Served, docker_client: Client, image: str, tmp_path: Path
) -> None:
    options = logged_in(served, docker_client, tmp_path)
    other = f"{served.host}/db/schema/other/pause:1"
    docker(docker_client, "tag", image, other)
    said = docker(docker_client, *options, "push", other, code=1)
    docker(docker_client, "rmi", other)
    assert "image repository DB.SCHEMA.OTHER does not exist" in said
    assert "CREATE IMAGE REPOSITORY" in said
