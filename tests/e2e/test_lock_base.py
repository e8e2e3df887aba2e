"""`inv lock --base` against a registry that gives a token to whoever asks for one, as Docker Hub does."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests import support
from tests.images import serve
from tests.support import Project

INDEX = json.dumps({"mediaType": "application/vnd.oci.image.index.v1+json", "manifests": []}).encode()
NEWEST = f"sha256:{hashlib.sha256(INDEX).hexdigest()}"
OLD = "sha256:" + "0" * 64
SETTINGS = """
# The base is
image:
  base: {host}/library/python:3.11-slim@{old}   # pinned
  python: "3.11"
jobs:
  train: {{}}
  other: {{base: "{host}/library/python:3.11-slim"}}   # {host}/library/python:3.11-slim-bookworm is another one
"""


@dataclass
class Hub:
    """A registry at `host`; `seen` are the paths it was asked for."""

    host: str = ""
    seen: list[str] = field(default_factory=list)

    async def manifest(self, request: Request) -> Response:
        self.seen.append(request.url.path)
        if request.headers.get("Authorization") != "Bearer anyone":
            scope = f"repository:library/{request.path_params['name']}:pull"
            challenge = f'Bearer realm="http://{self.host}/token",service="hub",scope="{scope}"'
            return JSONResponse({"errors": []}, 401, headers={"WWW-Authenticate": challenge})
        if request.path_params["tag"] != "3.11-slim":
            return JSONResponse({"errors": [{"code": "MANIFEST_UNKNOWN", "message": "no such tag"}]}, 404)
        return Response(INDEX, media_type="application/vnd.oci.image.index.v1+json")

    async def token(self, request: Request) -> Response:
        assert "Authorization" not in request.headers
        assert request.query_params["scope"] == "repository:library/python:pull"
        return JSONResponse({"token": "anyone"})


@pytest.fixture
def hub() -> Iterator[Hub]:
    made = Hub()
    routes = [Route("/v2/library/{name}/manifests/{tag}", made.manifest), Route("/token", made.token)]
    with serve(Starlette(routes=routes)) as made.host:
        yield made


@pytest.fixture
def project(tmp_path: Path, hub: Hub) -> Project:
    made = Project(support.copy_project(tmp_path / "project"))
    made.write("invoke.yaml", SETTINGS.format(host=hub.host, old=OLD))
    return made


def test_every_base_gets_the_digest_of_its_tag_and_nothing_else_changes(project: Project, hub: Hub) -> None:
    before = (project.root / "invoke.yaml").read_text()
    plan = project.inv("--dry", "lock", "--base")
    assert plan.code == 0, plan
    assert f"ask {hub.host} for the digest of library/python:3.11-slim\n" in plan.stdout
    assert hub.seen == []

    done = project.inv("lock", "--base")
    assert done.code == 0, done
    name = f"{hub.host}/library/python:3.11-slim"
    expected = before.replace(f"{name}@{OLD}", f"{name}@{NEWEST}").replace(f'"{name}"', f'"{name}@{NEWEST}"')
    assert (project.root / "invoke.yaml").read_text() == expected
    rows = [line.split() for line in done.stdout.splitlines()[1:]]
    assert rows == [[name, OLD[:19], NEWEST[:19]], [name, "none", NEWEST[:19]]]

    again = project.inv("lock", "--base")
    assert (again.code, again.stdout) == (0, ""), again
    assert "the newest of their tags already" in again.stderr


def test_a_base_that_is_not_in_the_file_is_told(project: Project, hub: Hub) -> None:
    elsewhere = {"INVOKE_IMAGE_BASE": f"{hub.host}/library/python:3.11-slim@sha256:{'1' * 64}"}
    before = (project.root / "invoke.yaml").read_text()
    done = project.inv("lock", "--base", env=elsewhere)
    assert done.code == 2, done
    assert "is not written in invoke.yaml" in done.stderr
    assert f"3.11-slim@{NEWEST}" in done.stderr
    assert (project.root / "invoke.yaml").read_text() == before


def test_a_tag_that_is_not_there_is_told(project: Project, hub: Hub) -> None:
    done = project.inv("lock", "--base", env={"INVOKE_IMAGE_BASE": f"{hub.host}/library/python:9"})
    assert done.code == 3, done
    assert "does not tell the digest of" in done.stderr
    assert "no such tag" in done.stderr
