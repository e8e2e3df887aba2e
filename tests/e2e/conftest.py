"""Projects for whole chains: one without an engine, set up and pushed once, that the tests of a session share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import support
from tests.support import Project


@pytest.fixture(scope="session")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A project whose local account has everything and whose image is pushed; no engine. Do not edit its files."""
    made = _without_engine(tmp_path_factory.mktemp("desk"))
    try:
        done = made.inv("setup", "data", "build", "push")
        assert done.code == 0, done
        yield made
    finally:
        made.close()


@pytest.fixture(scope="session")
def engine_account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of projects that run containers on one account, so that torch is pushed to it once. A project's
    own files and runs are its own; reset at the end of the session."""
    folder = tmp_path_factory.mktemp("engine")
    env = {**support.MACHINES_SETTINGS, "SPCS_LOCAL_ROOT": str(folder / "account"), "SNOWFLAKE_HOME": str(folder)}
    yield env
    Project(support.REPO, env).close()


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Project]:
    """A project of the test's own, to edit; no engine, nothing set up, no account running."""
    made = _without_engine(tmp_path)
    yield made
    made.close()


def _without_engine(folder: Path) -> Project:
    nowhere = f"unix://{folder / 'no-engine.sock'}"
    home = folder / "snowflake"
    home.mkdir()
    env = {
        "SPCS_LOCAL_ROOT": str(folder / "account"),
        "SNOWFLAKE_HOME": str(home),
        "DOCKER_HOST": nowhere,
        "CONTAINER_HOST": nowhere,
    }
    return Project(support.copy_project(folder / "project"), env)
