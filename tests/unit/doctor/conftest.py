"""The ground that checks stand on: of this project's own settings, with whatever a test puts in its place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from spcs.account import Account
from spcs.config import ComputePool, Job, Settings
from spcs.doctor import Ground
from spcs.image import Engine
from spcs.image.credentials import Folder
from spcs.image.docker import ContainerEngine
from spcs.image.engines import Client
from spcs.image.oci import OciEngine
from spcs.run.names import new_run
from spcs.spec import parse
from tests.images import make_plan, write_code

SPEC = """
spec:
  containers:
  - name: main
    image: /db/s/images/training:1
    resources: {requests: {cpu: 1, memory: 2Gi}}
  volumes:
  - {name: output, source: stage, stageConfig: {name: "@DB.S.RUNS/x"}}
"""
DOCKER = Client("docker", "docker", "28.2.2", "20.10.24")

Make = Callable[..., Ground]


@pytest.fixture
def ground(tmp_path: Path) -> Make:
    """`ground(spec=…, job=…, engine=…)`: a Ground that asks no account, and whatever of it a test names."""
    write_code(tmp_path)

    def make(**named: Any) -> Ground:
        spec: str = named.pop("spec", SPEC)
        engine: Engine = named.pop("engine", None) or without_engine(tmp_path)
        values: dict[str, Any] = {
            "root": tmp_path,
            "receipts": tmp_path / ".spcs",
            "settings": Settings(),
            "name": "train",
            "job": Job(),
            "pool": ComputePool(),
            "opened": Account({}, name="local", dry=True),
            "runtime": "",
            "engine": lambda: engine,
            "plan": lambda: make_plan(tmp_path),
            "image": lambda: "/db/s/images/training:1",
            "service": lambda: parse(spec),
            "setup_sql": lambda: "",
            "run_name": lambda: new_run("train"),
        }
        return Ground(**(values | named))

    return make


def without_engine(folder: Path) -> OciEngine:
    return OciEngine(folder / "images", Folder(folder / "docker"), "no container engine found (docker, podman)")


def with_docker(folder: Path) -> ContainerEngine:
    return ContainerEngine(DOCKER, Folder(folder / "docker"))
