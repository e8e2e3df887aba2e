"""What can be done with runs that are over, as typed: compared, fetched, pruned."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from tests.support import Outcome, Project

RUN = ("run", "--job", "tiny")


def name_of(done: Outcome) -> str:
    """The name of the run that a command started."""
    assert done.code == 0, done
    return next(line.split()[1] for line in done.stderr.splitlines() if line.startswith("started tiny_"))


@pytest.fixture(scope="module")
def two(tiny: Project) -> tuple[str, str]:
    return name_of(tiny.inv(*RUN)), name_of(tiny.inv(*RUN, "--set", "lr=0.3"))


def test_diff_shows_how_two_runs_differ(tiny: Project, two: tuple[str, str]) -> None:
    done = tiny.inv("diff", *two)
    assert done.code == 0, done
    assert "set.lr" in done.stdout
    assert "loss" in done.stdout
    assert '+    command: ["python", "tiny.py", "--lr", "0.3"]' in done.stdout
    assert "Dockerfile" not in done.stdout
    (line,) = tiny.inv("diff", "--json", *two).stdout.splitlines()
    assert json.loads(line)["runs"] == list(two)
    done = tiny.inv("diff", two[0], "tiny_20200101_000000_bcdf")
    assert done.code == 3, done


def test_fetch_brings_what_lacks_and_only_what_is_asked_for(tiny: Project, two: tuple[str, str]) -> None:
    target = tiny.root / "runs" / two[0]
    done = tiny.inv("fetch", "--run", two[0], "--only", "*.json")
    assert done.code == 0, done
    assert [file.name for file in target.rglob("*") if file.is_file()] == ["metrics.json"]
    done = tiny.inv("fetch", "--run", two[0])
    assert "fetching 1 file, 25.6 kB; 1 of 2 are here already" in done.stderr
    assert (target / "deep" / "weights.bin").read_bytes() == bytes(range(256)) * 100
    done = tiny.inv("fetch", "--run", two[0], "--only", "weight.bin")
    assert done.code == 3, done
    assert "did you mean 'deep/weights.bin'?" in done.stderr


def test_prune_asks_removes_what_no_rule_keeps_and_leaves_what_goes_on(fresh_runs: Project) -> None:
    project = fresh_runs
    old, new = name_of(project.inv(*RUN)), name_of(project.inv(*RUN, "--set", "lr=0.3"))
    going = project.start(*RUN, "--set", "wait=300")
    assert going.stdout is not None
    while "lr=" not in going.stdout.readline():
        assert going.poll() is None
    going.send_signal(signal.SIGINT)
    going.communicate(timeout=120)

    assert project.inv("prune", "--yes").code == 2
    assert project.inv("prune", "--keep", "1").code == 2  # nobody is here to be asked
    dry = project.inv("--dry", "prune", "--keep-best", "1")
    assert dry.code == 0, dry
    assert f"REMOVE @TRAINING_DB.TRAINING.RUNS/runs/{old}/" in dry.stdout
    assert new not in dry.stdout

    done = project.inv("prune", "--keep-best", "1", "--yes")
    assert done.code == 0, done
    assert f"remove   {old}: done, 4 files" in done.stderr
    assert "keep     1 run: it is running" in done.stderr
    assert "keep     1 run: among the best of tiny (1)" in done.stderr
    assert "1 of 3 runs go" in done.stderr
    listed = [json.loads(line) for line in project.inv("jobs", "--json").stdout.splitlines()]
    assert [each["state"] for each in listed] == ["RUNNING", "DONE"]
    assert listed[1]["run"] == new
    assert not (project.root / ".spcs" / "runs" / f"{old}.json").exists()
    assert project.inv("fetch", "--run", old).code == 3
    assert project.inv("cancel", "--run", listed[0]["run"]).code == 0


@pytest.fixture
def fresh_runs(fresh: Project, tiny: Project) -> Project:
    """A project of the test's own with the job `tiny`, and no runs."""
    for file in ("invoke.yaml", "tiny.py"):
        fresh.write(file, (Path(tiny.root) / file).read_text())
    done = fresh.inv("setup", "build", "push", "--job", "tiny")
    assert done.code == 0, done
    return fresh
