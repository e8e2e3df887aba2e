"""The cure of a full disk, run by each engine: it removes the images made here and no other."""

from __future__ import annotations

import secrets
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from spcs.image.engines import INPUTS_LABEL, MAKE_ROOM
from tests.support import Client


@pytest.mark.engine
def test_docker_removes_the_images_made_here(base_image: str, docker_client: Client) -> None:
    removes_the_images_made_here(str(docker_client.path), base_image)


@pytest.mark.engine("podman")
def test_podman_removes_the_images_made_here(base_image: str) -> None:
    removes_the_images_made_here(str(shutil.which("podman")), base_image)


def removes_the_images_made_here(program: str, base: str) -> None:
    own = secrets.token_hex()
    names = {label: f"spcs-test/{secrets.token_hex(8)}:1" for label in (INPUTS_LABEL, "of.another")}

    def ask(*words: str, stdin: str = "") -> str:
        done = subprocess.run([program, *words], input=stdin, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def there(*filters: str) -> set[str]:
        listed = ask("image", "ls", *filters, "--format", "{{.Repository}}:{{.Tag}}").split()
        return {name.removeprefix("localhost/") for name in listed} & set(names.values())

    for label, name in names.items():
        ask("build", "-t", name, f"--label={label}={own}", "-", stdin=f"FROM {base}\n")
    images, builder = (shlex.split(half)[1:] for half in MAKE_ROOM.format(engine=Path(program).name).split(" && "))
    by_label = images[images.index("--filter") :]
    assert there(*by_label) == {names[INPUTS_LABEL]}
    # With the value, it spares what other projects have on this machine; --force answers its question.
    ask(*images[: -len(by_label)], by_label[0], f"{by_label[1]}={own}", "--force")
    left = there()
    ask("image", "rm", *left)
    assert left == {names["of.another"]}
    ask(*builder, "--help")
