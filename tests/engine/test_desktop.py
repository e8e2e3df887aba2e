"""A job where the engine does not reach this machine's loopback, as in a virtual machine: built, sent and run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import support
from tests.engine.desk import far_docker
from tests.support import Project, clients

pytestmark = pytest.mark.engine

JOBS = """
jobs:
  tiny:
    command: [python, tiny.py]
    code: [tiny.py]
    pins: {}
"""


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Project]:
    (tmp_path / "bin").mkdir()
    far_docker(tmp_path / "bin" / "docker", clients()[0][0].path, "named")
    path = f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"
    env = {"SPCS_LOCAL_ROOT": str(tmp_path / "account"), "SNOWFLAKE_HOME": str(tmp_path), "PATH": path}
    made = Project(support.copy_project(tmp_path / "project"), {**env, **support.MACHINES_SETTINGS})
    made.write("tiny.py", "print('ran in a container')\n")
    made.edit("invoke.yaml", "\njobs:\n", JOBS)
    yield made
    made.close()


def test_job_runs_from_the_image_that_its_engine_built_and_handed_over(machine: Project) -> None:
    done = machine.inv("setup", "build", "push", "run", env={"INVOKE_JOB": "tiny"})
    assert done.code == 0, done
    assert "ran in a container" in done.stdout
    assert " sent in " in done.stderr
