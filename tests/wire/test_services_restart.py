"""Jobs outlive their server: killed with -9 and started again, it knows what became of them."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import support
from tests.accounts import LocalAccount, local_account, spec
from tests.wire import images


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAccount]:
    with local_account(tmp_path_factory.mktemp("restart"), "process") as made:
        images.push(f"{made.host}/db/s/images", made.registry_password())
        yield made


def until_gone(flag: str) -> str:
    """A program that runs until a file has been deleted."""
    return f"import os, time\nprint('running')\nwhile os.path.exists({flag!r}): time.sleep(0.02)\nprint('over')"


def again(account: LocalAccount) -> None:
    account.up()
    account.query("USE SCHEMA DB.S")


@pytest.fixture
def flag(tmp_path: Path) -> Path:
    (tmp_path / "flag").touch()
    return tmp_path / "flag"


def test_a_job_that_runs_on_is_watched_again(account: LocalAccount, flag: Path) -> None:
    job = account.start(spec(until_gone(str(flag))))
    account.wait_for_line(job, "running")
    account.kill()
    again(account)
    assert account.status(job) == "RUNNING"
    flag.unlink()
    assert account.wait(job) == "DONE"
    assert account.logs(job) == ["running", "over"]


def test_an_end_while_the_server_was_down_is_heard(account: LocalAccount, flag: Path) -> None:
    job = account.start(spec(until_gone(str(flag)) + "\nraise SystemExit(7)"))
    account.wait_for_line(job, "running")
    account.kill()
    flag.unlink()
    wait_for_all_to_end(account.root / "jobs")
    again(account)
    assert account.wait(job) == "FAILED"
    assert account.containers(job)[0]["last_exit_code"] == 7
    assert account.logs(job) == ["running", "over"]


def wait_for_all_to_end(jobs: Path) -> None:
    deadline = time.monotonic() + 120
    started = len(list(jobs.glob("*/instances/*/*/started.json")))
    while len(list(jobs.glob("*/instances/*/*/exit.json"))) < started:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_job_whose_keeper_was_killed_is_failed_in_plain_words(account: LocalAccount, flag: Path) -> None:
    job = account.start(spec(until_gone(str(flag))))
    account.wait_for_line(job, "running")
    account.kill()
    (running,) = [
        path
        for path in (account.root / "jobs").glob("*/instances/0/main/started.json")
        if not (path.parent / "exit.json").exists()
    ]
    started = json.loads(running.read_text())
    os.kill(started["keeper"], signal.SIGKILL)
    os.killpg(started["pid"], signal.SIGKILL)
    again(account)
    assert account.wait(job) == "FAILED"
    assert "its process was lost" in account.containers(job)[0]["message"]


def test_a_failure_that_was_noted_as_the_server_died_ends_the_others(account: LocalAccount, flag: Path) -> None:
    job = account.start(spec(until_gone(str(flag)), until_gone(str(flag))))
    account.wait_for_line(job, "running")
    account.wait_for_line(job, "running", "side1")
    account.kill()
    with contextlib.closing(sqlite3.connect(account.root / "state.db")) as state, state:
        state.execute(
            "UPDATE service_containers SET status = 'FAILED', ended_on = 1 WHERE container = 'side1' AND service_id ="
            " (SELECT id FROM services WHERE name = ?)",
            (job,),
        )
    again(account)
    deadline = time.monotonic() + 120
    while account.containers(job)[0]["last_exit_code"] != 143:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_clean_stop_leaves_jobs_running(account: LocalAccount, flag: Path) -> None:
    job = account.start(spec(until_gone(str(flag))))
    account.wait_for_line(job, "running")
    account.connection.close()
    account.command("down")
    again(account)
    assert account.status(job) == "RUNNING"
    flag.unlink()
    assert account.wait(job) == "DONE"


def test_what_was_dropped_while_the_server_died_is_removed(account: LocalAccount, flag: Path) -> None:
    before = set((account.root / "jobs").iterdir())
    job = account.start(spec(until_gone(str(flag))))
    account.wait_for_line(job, "running")
    (dropped,) = set((account.root / "jobs").iterdir()) - before
    account.query(f"DROP SERVICE {job}")
    account.kill()
    again(account)
    wait_until_gone(dropped)


def test_what_a_removal_that_was_cut_short_left_is_removed(account: LocalAccount, flag: Path) -> None:
    """Killed in the midst of it, a server leaves a directory without any container in it."""
    flag.unlink()
    before = set((account.root / "jobs").iterdir())
    job = account.start(spec(until_gone(str(flag))))
    account.wait(job)
    (left,) = set((account.root / "jobs").iterdir()) - before
    kept = left.with_name("kept")
    shutil.copytree(left, kept)
    account.query(f"DROP SERVICE {job}")
    wait_until_gone(left)
    account.kill()
    shutil.rmtree(kept / "instances")
    kept.rename(left)
    again(account)
    wait_until_gone(left)


def test_a_reset_ends_what_runs(tmp_path: Path, flag: Path) -> None:
    with local_account(tmp_path, "process") as own:
        images.push(f"{own.host}/db/s/images", own.registry_password())
        job = own.start(spec(until_gone(str(flag))))
        own.wait_for_line(job, "running")
        own.command("reset")
        assert not list(support.stray_processes(own.root))


def wait_until_gone(directory: Path) -> None:
    deadline = time.monotonic() + 120
    while directory.exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
