"""An image made without an engine, pulled by one: what docker would have built of the same inputs."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from spcs.image import build, detect, push
from tests.engine.desk import Desk, listing, use
from tests.images import Served
from tests.support import Client
from tests.wheels import save_base

pytestmark = [pytest.mark.engine, pytest.mark.filterwarnings("ignore::DeprecationWarning")]

PINS = {"six": "1.17.0", "packaging": "26.0"}
OURS = re.compile(r"(?!.*(\.dist-info/(INSTALLER|RECORD)|pyvenv\.cfg)$)(opt/venv|home/app)(/.*)?|etc/(passwd|group)")
# What pip leaves beside the packages, and itself; bytecode; what shells activate it with; and what names who made it.
DOCKERS = re.compile(
    r".*/(pip|setuptools|_distutils_hack|pkg_resources|pip-.*|setuptools-.*|distutils-precedence\.pth)(/.*)?"
    r"|.*/__pycache__(/.*)?|opt/venv/bin/(pip.*|[Aa]ctivate.*)|.*\.dist-info/(REQUESTED|direct_url\.json)"
)


def wheels_image(desk: Desk, ref_of_base: str) -> str:
    """Make, push and pull the image; returns its name."""
    plan = desk.plan(base=ref_of_base, pins=PINS)
    engine, said = detect("wheels", desk.state, local_account=True), desk.said.append
    build(plan, engine, job="wheels", state=desk.state, say=said)
    done = push(plan, engine, job="wheels", state=desk.state, token=desk.served.door.token, say=said)
    pull = [str(desk.docker), "--config", str(desk.state / "docker"), "pull", done.ref]
    subprocess.run(pull, check=True, capture_output=True)
    desk.made.add(done.ref)
    return done.ref


def settings(docker: Path, ref: str) -> dict[str, Any]:
    words = [str(docker), "image", "inspect", "-f", "{{json .Config}}", ref]
    found: dict[str, Any] = json.loads(subprocess.run(words, capture_output=True, check=True).stdout)
    return found


def test_image_has_the_files_and_settings_of_the_one_that_docker_builds(
    tmp_path: Path,
    base_image: str,
    served: Served,
    docker_clients: tuple[Client, ...],
    made: set[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    use(docker_clients[0], tmp_path / "bin", monkeypatch)
    desk = Desk(tmp_path / "project", base_image, served, docker_clients[0].path, made)
    save_base(desk.docker, desk.base, desk.root / "base")
    dockers, ours = desk.build(desk.plan(pins=PINS)).ref, wheels_image(desk, "oci:base")

    by_docker, by_us = listing(desk.docker, dockers), listing(desk.docker, ours)
    mine = {path: entry for path, entry in by_us.items() if OURS.fullmatch(path)}
    theirs = {path: entry for path, entry in by_docker.items() if OURS.fullmatch(path) and not DOCKERS.fullmatch(path)}
    assert mine.keys() == theirs.keys()
    assert {path: (mine[path], theirs[path]) for path in mine if mine[path] != theirs[path]} == {}
    assert by_us.keys() <= by_docker.keys()  # the rest is the base's

    for key in ("Entrypoint", "Cmd", "Env", "User", "WorkingDir"):
        assert settings(desk.docker, ours).get(key) == settings(desk.docker, dockers).get(key), key
    assert settings(desk.docker, ours)["Labels"].keys() == settings(desk.docker, dockers)["Labels"].keys()
    assert desk.run(ours, "--x").split()[:2] == ["uid", "1000"]
    script = "import six, getpass, sys; print(six.__version__, getpass.getuser(), sys.prefix)"
    words = [str(desk.docker), "run", "--rm", "--entrypoint", "python", ours, "-c", script]
    assert subprocess.run(words, capture_output=True, text=True, check=True).stdout == "1.17.0 app /opt/venv\n"
