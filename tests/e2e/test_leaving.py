"""Leaving a run and coming back to it, as typed: from here, and from a machine that has nothing but the account."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import support
from tests.e2e.conftest import without_engine
from tests.support import INVOKE, Outcome, Project
from tests.terminal import Terminal

JOB = """
import os, time
me = os.environ.get("SNOWFLAKE_JOB_INDEX", "0")
for step in range(3):
    print("replica", me, "step", step, flush=True)
time.sleep(600)
"""
SETTINGS = "job: mine\njobs:\n  mine: {command: [python, x.py], replicas: 2}\n"


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A project whose job, of two replicas, goes on until it is cancelled."""
    made = without_engine(tmp_path_factory.mktemp("leaving"))
    try:
        made.write("x.py", JOB)
        made.write("mine.yaml", SETTINGS)
        done = made.inv("-f", "mine.yaml", "setup", "build", "push")
        assert done.code == 0, done
        yield made
    finally:
        made.close()


@pytest.fixture
def there(here: Project, tmp_path: Path) -> Project:
    """Another machine: a fresh clone that reaches the same account."""
    return Project(support.copy_project(tmp_path / "there"), here.env)


@pytest.fixture(scope="module")
def run(here: Project) -> str:
    """A run that goes on, started and left; its name is all that went to stdout. One test ends it."""
    done = here.inv("-f", "mine.yaml", "run", "--detach")
    assert done.code == 0, done
    name = done.stdout.strip()
    assert re.fullmatch(r"mine_\d{8}_\d{6}_[a-z0-9]{4}", name), done
    assert f"come back with: inv logs --run {name} --follow" in done.stderr
    while len(lines(here.inv("logs", "--run", name, "--grep", "step 2", "--json"))) < 2:  # both replicas have begun
        assert json.loads(here.inv("status", "--run", name, "--json").stdout)["state"] == "RUNNING"
    return name


def lines(done: Outcome) -> list[dict[str, Any]]:
    assert done.code == 0, done
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_the_lines_that_are_wanted_are_chosen(here: Project, run: str) -> None:
    chosen = lines(here.inv("logs", "--replica", "1", "--container", "main", "--grep", "step [12]", "--json"))
    assert [(line["instance"], line["text"]) for line in chosen] == [(1, f"replica 1 step {i}") for i in (1, 2)]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:]{8}\.\d{9}Z", line["time"]) for line in chosen)
    assert lines(here.inv("logs", "--since", "2100-01-01T00:00:00Z", "--json")) == []
    assert len(lines(here.inv("logs", "--since", "1h", "--grep", "step", "--json"))) == 6


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["logs", "--since", "yesterday"], "--since 'yesterday' is no span of time"),
        (["logs", "--replica", "first"], "--replica 'first' is no number"),
        (["logs", "--replica", "2"], "has no replica 2"),
        (["logs", "--grep", "("], "is no regular expression"),
        (["wait", "--timeout", "soon"], "--timeout 'soon' is no span of time"),
        (["-f", "mine.yaml", "run", "--timeout", "soon"], "--timeout 'soon' is no span of time"),
    ],
)
def test_words_that_are_wrong_start_nothing(here: Project, run: str, words: list[str], said: str) -> None:
    done = here.inv(*words)
    assert done.code == 2, done
    assert said in done.stderr
    assert json.loads(here.inv("status", "--json").stdout)["run"] == run


def test_another_machine_finds_follows_and_ends_the_run(there: Project, run: str) -> None:
    status = there.inv("status", "--json")
    assert json.loads(status.stdout)["run"] == run, status
    assert json.loads(status.stdout)["state"] == "RUNNING"
    waited = there.inv("wait", "--timeout", "1s")
    assert waited.code == 3, waited
    assert f"the run {run} has not ended within 1 s; it goes on" in waited.stderr
    assert there.inv("cancel", "--run", run).code == 0
    ended = there.inv("wait", "--run", run, "--json")
    assert ended.code == 1, ended
    assert json.loads(ended.stdout)["state"] == "CANCELLED"
    followed = there.inv("logs", "--follow", "--run", run)
    assert followed.code == 1, followed
    assert followed.stdout.count(" step ") == 6
    assert f"cancelled: {run}" in followed.stderr


def test_a_time_limit_and_a_question_at_the_terminal(here: Project) -> None:
    limited = here.inv("-f", "mine.yaml", "run", "--timeout", "2s")
    assert limited.code == 3, limited
    assert "has not ended within 2 s; it goes on" in limited.stderr
    terminal = Terminal([str(INVOKE), "logs", "--follow"], here.root, here.env)
    terminal.until("step 2")
    terminal.type("\x03")
    terminal.until("Enter leaves it running] ")
    terminal.type("y\r")
    assert terminal.end() == 1, terminal.shown
    assert "cancelled: " in terminal.shown
