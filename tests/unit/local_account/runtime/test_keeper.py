"""Keepers of processes, and how they are asked to end what they keep."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local_account.runtime import ProcessRuntime, keeper, process

HOLD = (
    "import fcntl, sys, time; f = open(sys.argv[1], 'w'); fcntl.flock(f, 2); print('held', flush=True); time.sleep(300)"
)
TIRELESS = "import signal, time; signal.signal(15, lambda *_: print('asked')); print('on', flush=True); time.sleep(300)"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    made = tmp_path / "jobs/a1/instances/0/main"
    made.mkdir(parents=True)
    return made


@pytest.fixture
def holder(directory: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the lock as a keeper does."""
    held = subprocess.Popen([sys.executable, "-c", HOLD, directory / "alive"], stdout=subprocess.PIPE, text=True)
    assert held.stdout is not None
    assert held.stdout.readline() == "held\n"
    yield held
    held.kill()
    held.communicate()


def keep(directory: Path, code: str) -> int:
    """Start a keeper with a Python program; returns its process id."""
    argv = [sys.executable, "-u", "-c", code]
    launch = {"argv": argv, "env": {}, "cwd": str(directory)}
    (directory / "launch.json").write_text(json.dumps(launch))
    (directory / "log").touch()
    done = subprocess.run(
        [sys.executable, "-I", keeper.__file__, directory], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout == "started\n"
    return int(json.loads((directory / "started.json").read_text())["keeper"])


def test_a_process_outlives_the_server_that_ended_while_it_began(directory: Path) -> None:
    """Its keeper has nobody to tell that it has started."""
    launch = {"argv": [sys.executable, "-c", "print('done')"], "env": {}, "cwd": str(directory)}
    (directory / "launch.json").write_text(json.dumps(launch))
    (directory / "log").touch()
    nobody, pipe = os.pipe()
    os.close(nobody)
    with os.fdopen(pipe, "wb") as closed:
        subprocess.run([sys.executable, "-I", keeper.__file__, directory], stdout=closed, check=True, timeout=120)
    deadline = time.monotonic() + 60
    while not (directory / "exit.json").exists():
        assert time.monotonic() < deadline, (directory / "keeper.log").read_text()
        time.sleep(0.02)
    assert json.loads((directory / "exit.json").read_text())["exit_code"] == 0
    assert (directory / "log").read_text().endswith("done\n")


def end_all(directory: Path) -> threading.Thread:
    ending = threading.Thread(target=ProcessRuntime.end_all, args=(directory.parents[3],), daemon=True)
    ending.start()
    return ending


def wait_for(happened: Callable[[], object]) -> None:
    deadline = time.monotonic() + 120
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def exit_code(directory: Path) -> int:
    wait_for((directory / "exit.json").exists)
    return int(json.loads((directory / "exit.json").read_text())["exit_code"])


@pytest.mark.parametrize("grace", ["0.2", "", "no number"])
def test_a_grace_that_cannot_be_read_does_not_end_the_keeper(directory: Path, grace: str) -> None:
    pid = keep(directory, TIRELESS if grace == "0.2" else "import time; time.sleep(300)")
    wait_for(lambda: grace != "0.2" or b" o on" in (directory / "log").read_bytes())
    (directory / "grace").write_text(grace)
    os.kill(pid, signal.SIGTERM)
    assert exit_code(directory) == (137 if grace == "0.2" else 143)


def test_a_keeper_that_has_not_begun_yet_is_waited_for(directory: Path, holder: subprocess.Popen[str]) -> None:
    ending = end_all(directory)
    wait_for((directory / "grace").exists)
    assert ending.is_alive()
    (directory / "started.json").write_text(json.dumps({"keeper": holder.pid}))
    ending.join(120)
    assert holder.wait(120) == -signal.SIGTERM
    assert not ending.is_alive()


@pytest.mark.usefixtures("holder")
def test_a_keeper_that_never_begins_is_not_waited_for(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_BEGIN_SECONDS", 0.1)
    ending = end_all(directory)
    ending.join(120)
    assert not ending.is_alive()


def test_a_keeper_that_ended_by_itself_is_no_error(directory: Path, holder: subprocess.Popen[str]) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait(120)
    (directory / "started.json").write_text(json.dumps({"keeper": gone.pid}))
    failed: list[BaseException] = []

    def end() -> None:
        try:
            ProcessRuntime.end_all(directory.parents[3])
        except ProcessLookupError as error:
            failed.append(error)

    ending = threading.Thread(target=end, daemon=True)
    ending.start()
    wait_for((directory / "grace").exists)
    time.sleep(0.1)
    holder.kill()
    ending.join(120)
    assert not failed
    assert not ending.is_alive()
