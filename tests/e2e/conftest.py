"""Projects for whole chains: one without an engine, set up and pushed once, that the tests of a session share."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from tests import support
from tests.support import Project


@pytest.fixture(scope="session")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A project whose local account has everything and whose image is pushed; no engine. Do not edit its files."""
    made = without_engine(tmp_path_factory.mktemp("desk"))
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


@pytest.fixture(scope="session")
def one_by_one(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], AbstractContextManager[None]]:
    """For the first build of an image with torch, by whichever process of the tests: built twice at once it would be
    there in two versions, and the layers of an edited one could be those of the other."""
    file = tmp_path_factory.getbasetemp().parent / "first-build.lock"

    @contextmanager
    def alone() -> Iterator[None]:
        with file.open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    return alone


TINY = """
  tiny:
    command: [python, tiny.py, --lr, "0.5"]
    args: [--wait=0]
    code: [tiny.py]
    pins: {}
    env: {SOME_TOKEN: correct-horse-battery}
"""
TINY_PROGRAM = """
import argparse, json, os, pathlib, time
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float)
parser.add_argument("--wait", type=float)
said = parser.parse_args()
print(f"lr={said.lr}", flush=True)
time.sleep(said.wait)
if said.lr > 1:
    raise SystemExit("diverged")
out = pathlib.Path(os.environ["MOUNT_PATH"])
(out / "deep").mkdir(exist_ok=True)
(out / "deep" / "weights.bin").write_bytes(bytes(range(256)) * 100)
(out / "metrics.json").write_text(json.dumps({"loss": (said.lr - 0.25) ** 2, "steps": 3}))
"""


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """As `desk`, with a job `tiny` that needs no torch: its loss is (lr - 0.25) squared, and more than 1 fails."""
    made = without_engine(tmp_path_factory.mktemp("tiny"))
    try:
        made.edit("invoke.yaml", "\njobs:\n", f"\njobs:{TINY}")
        made.write("tiny.py", TINY_PROGRAM)
        done = made.inv("setup", "build", "push", "--job", "tiny")
        assert done.code == 0, done
        yield made
    finally:
        made.close()


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Project]:
    """A project of the test's own, to edit; no engine, nothing set up, no account running."""
    made = without_engine(tmp_path)
    yield made
    made.close()


def without_engine(folder: Path) -> Project:
    """A copy of the project below `folder`, with an account of its own and no engine."""
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
