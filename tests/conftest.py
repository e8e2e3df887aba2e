"""Fixtures for tests that run the project as a user does. `tests/support.py` holds what they are made of.

A test marked `engine` runs real containers with docker, one marked `engine("podman")` with podman; one marked `browser`
opens pages in Chromium. Without it the test is skipped with the reason; where `.ci/` has promised it (PROMISES), a
missing one fails the run instead.
"""

from __future__ import annotations

import fcntl
import gc
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import browser, support
from tests.support import Client, Outcome, Project

OLD_CONNECTOR = "snowflake-connector-python==4.8.1"
BUILD_SECONDS = 1800  # the first test with an engine installs torch into an image, and pushes it
PROMISES = {"docker": "SPCS_TEST_DOCKERS", "podman": "SPCS_TEST_PODMAN", "chromium": "SPCS_TEST_CHROMIUM"}


def pytest_configure(config: pytest.Config) -> None:
    # Some tests press Ctrl-C in what they start. Started in the background, by a CI for one, a process ignores it, and
    # so would all that it starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    support.leave_make()
    # Processes that share the tests get their environment from this one: they set them aside for themselves.
    if hasattr(config, "workerinput") or config.getoption("dist", "no") == "no":
        support.set_aside_the_machines_settings()


def pytest_unconfigure() -> None:
    # The training freezes what is there when it begins; frozen at the end, duckdb's objects are reported as leaked.
    gc.unfreeze()


def pytest_report_header() -> str:
    found, why = support.clients()
    return "engine: " + (", ".join(f"{c} (engine {c.engine})" for c in found) or f"none; {why}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    terminalreporter.write_line(pytest_report_header())


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "docker_client" in metafunc.fixturenames:
        found, _ = support.clients()
        metafunc.parametrize("docker_client", found or [None], ids=[c.version for c in found] or ["none"])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        mark = item.get_closest_marker("engine")
        if mark:
            item.add_marker(pytest.mark.timeout(BUILD_SECONDS))
        needed = {engine: support.lacking(engine) for engine in (mark.args or ("docker",))} if mark else {}
        if item.get_closest_marker("browser"):
            needed["chromium"] = browser.lacking()
        for what, why in needed.items():
            if why and PROMISES[what] in os.environ:
                raise pytest.UsageError(f"{what} was promised by {PROMISES[what]}: {why}")
            if why:
                item.add_marker(pytest.mark.skip(reason=why))


@pytest.fixture
def docker_clients() -> tuple[Client, ...]:
    """All docker commands that reach the engine. To run once with each, ask for `docker_client`."""
    return support.clients()[0]


@pytest.fixture
def base_image() -> str:
    """The base that images are built from in this run."""
    return support.base_image()


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[browser.Browser]:
    """One browser for the tests of a file."""
    with browser.browser(tmp_path_factory.mktemp("chromium")) as window:
        yield window


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Callable[..., Project]]:
    """Makes projects: `project()`, `project(docker=client)` for one docker command, `project(engine=False)` for none.

    Each is what a fresh clone has, with a local account, a Snowflake home and nothing else of its own. Their accounts
    are reset at the end.
    """
    made: list[Project] = []

    def make(*, engine: bool = True, docker: Client | None = None) -> Project:
        folder = tmp_path / f"project{len(made) or ''}"
        home = tmp_path / "snowflake"
        home.mkdir(exist_ok=True)
        env = {"SPCS_LOCAL_ROOT": str(folder / ".local"), "SNOWFLAKE_HOME": str(home)}
        if engine:
            env |= support.MACHINES_SETTINGS
        else:
            nowhere = f"unix://{tmp_path / 'no-engine.sock'}"
            env |= {"DOCKER_HOST": nowhere, "CONTAINER_HOST": nowhere}
        if docker:
            first = tmp_path / f"bin{len(made)}"
            first.mkdir()
            (first / "docker").symlink_to(docker.path)
            env["PATH"] = f"{first}{os.pathsep}{os.environ['PATH']}"
        made.append(Project(support.copy_project(folder), env))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def inv(project: Callable[..., Project]) -> Callable[..., Outcome]:
    """`inv("build", "push")`: the tasks as typed, in one project for the whole test."""
    return project().inv


@pytest.fixture(scope="session")
def old_connector(request: pytest.FixtureRequest) -> Path:
    """A folder with the newest 4.x connector and what it needs, to be first on PYTHONPATH. Installed once a machine."""
    assert request.config.cache is not None
    cache = request.config.cache.mkdir("connectors")
    folder = cache / f"{OLD_CONNECTOR.replace('==', '-')}-py{sys.version_info.major}{sys.version_info.minor}"
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            partial = folder.with_name(f"{folder.name}.partial")
            shutil.rmtree(partial, ignore_errors=True)
            pip = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(partial), OLD_CONNECTOR]
            done = support.run(pip, support.REPO, {}, 280)
            assert done.code == 0, done
            partial.rename(folder)
    return folder


@pytest.fixture(scope="session", autouse=True)
def nothing_left_behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Fails the run (at its last test) if a server, a job's process or a container outlives it; ends them, too."""
    yield
    left = support.end_strays(tmp_path_factory.getbasetemp())
    assert not left, "left behind by the tests and ended now:\n" + "\n".join(left)
