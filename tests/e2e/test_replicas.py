"""A job in several containers, as typed: it trains, it is stopped and gone on from, it loses a replica.

Once as processes, once in real containers on the local account's network.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import support
from tests.support import Project

RUN = re.compile(r"(?:train_multinode|apart)_\d{8}_\d{6}_[a-z0-9]{4}")
JOB = "--job=train_multinode"
# What the default job has, but for the connector: the data is in the image.
APART = """
jobs:
  apart:
    args: [--data, data/digits.parquet, --steps, "100"]
    code: [app, data/digits.parquet]
    replicas: 2
    compute_pool: {name: TRAINING_MULTINODE_POOL, instance_family: CPU_X64_S, max_nodes: 2}
    pins:
      torch: "2.13.0"
      torchdata: "0.11.0"
      safetensors: "0.8.0"
      numpy: "2.4.6"
      pyarrow: "26.0.1"
"""
LONG = ("--steps", "1000000", "--log-every", "20", "--save-every", "200")


def env(*args: str, replicas: int = 2) -> dict[str, str]:
    """The settings of one run: more arguments of the program, and how many replicas."""
    return {
        "INVOKE_JOBS_TRAIN_MULTINODE_ARGS": json.dumps(["--data", "DIGITS", *args]),
        "INVOKE_JOBS_TRAIN_MULTINODE_REPLICAS": str(replicas),
    }


@pytest.fixture(scope="module", params=["process", pytest.param("docker", marks=pytest.mark.engine)])
def at(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A project that is set up and whose image is pushed: without an engine, and with one."""
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "docker":
        own = request.getfixturevalue("engine_account")
    else:
        nowhere = f"unix://{folder / 'no-engine.sock'}"
        own = {"SPCS_LOCAL_ROOT": str(folder / "account"), "SNOWFLAKE_HOME": str(folder)}
        own |= {"DOCKER_HOST": nowhere, "CONTAINER_HOST": nowhere}
    made = Project(support.copy_project(folder / "project"), own)
    try:
        with request.getfixturevalue("one_by_one")():
            built = made.inv("setup", "--job", "train_multinode", "build", timeout=1200)
        assert built.code == 0, built
        done = made.inv("data", "push", "--job", "train_multinode", timeout=600)
        assert done.code == 0, done
        yield made
    finally:
        if request.param == "process":
            made.close()


class Going:
    """A run that is followed and has come so far that it logs its steps."""

    def __init__(self, at: Project, *args: str) -> None:
        self.process = at.start("run", JOB, env=env(*args))
        self.said = ""
        assert self.process.stdout
        for text in self.process.stdout:
            self.said += text
            if " step=" in text or text.startswith("step="):
                return
        raise AssertionError(f"it ended before its first step:\n{self.said}\n{self.process.communicate()}")

    def end(self) -> tuple[int, str]:
        """The exit code, and all that was said."""
        more, talk = self.process.communicate(timeout=240)
        return self.process.returncode, self.said + more + talk


def name_of(said: str) -> str:
    found = RUN.search(said)
    assert found, said
    return found.group()


def outputs(at: Project, run: str) -> dict[str, str]:
    """The files of a run on the stage, and what is in them."""
    folder = Path(at.env["SPCS_LOCAL_ROOT"]) / "stages" / "TRAINING_DB" / "TRAINING" / "RUNS" / "runs" / run / "output"
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.parametrize("replicas", [2, 4])
def test_replicas_that_meet_where_the_account_says_train_one_model(at: Project, replicas: int) -> None:
    done = at.inv("run", JOB, env=env("--steps", "100", replicas=replicas))
    assert done.code == 0, done
    meetings = re.findall(rf"^(\d)/main \| replica=\1 replicas={replicas} meeting=(\S+):(\d+)$", done.stdout, re.M)
    assert sorted(index for index, *_ in meetings) == [str(index) for index in range(replicas)]
    assert len({port for *_, port in meetings}) == 1
    if "DOCKER_HOST" not in at.env:
        assert {(address.count("."), port) for _, address, port in meetings} == {(3, "29500")}
        assert len({address for _, address, _ in meetings}) == 1
    assert f"processes={replicas}" in done.stdout
    left = outputs(at, name_of(done.stderr))
    assert "metrics.json" in left
    assert not any(path.startswith("rendezvous/") for path in left)


def test_replicas_whose_image_lacks_the_connector_meet_through_their_output_folder(at: Project) -> None:
    at.edit("invoke.yaml", "\njobs:\n", APART)
    lock = ["lock"] if "DOCKER_HOST" not in at.env else []  # without an engine nothing is installed
    done = at.inv(*lock, "build", "push", "run", "--job=apart", timeout=600)
    assert done.code == 0, done
    assert "processes=2" in done.stdout
    run = name_of(done.stderr)
    # Without an engine it runs with the packages of this Python, among which it is.
    assert (f"rendezvous/{run}.txt" in outputs(at, run)) == ("DOCKER_HOST" not in at.env)


def test_two_processes_of_one_container_train_one_model(at: Project) -> None:
    done = at.inv("run", JOB, env=env("--steps", "100", "--processes", "2", replicas=1))
    assert done.code == 0, done
    assert "processes=2" in done.stdout
    assert "replica=" not in done.stdout


def test_a_run_that_was_stopped_is_gone_on_from_and_stays_as_it_is(at: Project) -> None:
    going = Going(at, *LONG)
    run = json.loads(at.inv("status", "--json").stdout.splitlines()[0])["run"]
    assert at.inv("cancel", "--run", run).code == 0
    code, said = going.end()
    assert code == 1, said
    assert f"fix: inv run --resume {run}" in said
    assert "exit code 75" in said
    before = outputs(at, run)
    assert any(path.endswith("manifest.json") for path in before), before

    stopped_at = int(re.findall(r"stopped_at=(\d+)", said)[0])
    more = env("--steps", str(stopped_at + 20), "--log-every", "20")
    done = at.inv("run", "--resume", run, env=more)
    assert done.code == 0, done
    assert f"it goes on from {run}" in done.stderr
    assert f"resumed_from={stopped_at}" in done.stdout
    assert outputs(at, run) == before
    assert name_of(done.stderr) != run
    assert "metrics.json" in outputs(at, name_of(done.stderr))


def test_a_run_that_goes_on_is_not_gone_on_from(at: Project) -> None:
    going = Going(at, *LONG)
    run = json.loads(at.inv("status", "--json").stdout.splitlines()[0])["run"]
    refused = at.inv("run", "--resume", run)
    assert refused.code == 3, refused
    assert f"the run {run} has not ended" in refused.stderr
    assert f"fix: inv cancel --run {run}" in refused.stderr
    assert at.inv("cancel", "--run", run).code == 0
    going.end()


def test_a_run_that_left_nothing_is_explained_and_not_gone_on_from(at: Project) -> None:
    failed = at.inv("run", JOB, env=env("--no-such-flag"))
    assert failed.code == 1, failed
    assert "ended with exit code 2 (in app/: wrong settings or data)" in failed.stderr
    refused = at.inv("run", "--resume", name_of(failed.stderr))
    assert refused.code == 3, refused
    assert "left no files to go on from" in refused.stderr
    assert "fix: inv run --job train_multinode" in refused.stderr


@pytest.mark.parametrize(
    ("name", "code", "said"),
    [
        ("train_20260101_000000_bcdf", 3, "there is no run train_20260101_000000_bcdf to go on from"),
        ("yesterday", 2, "'yesterday' is not the name of a run"),
    ],
)
def test_a_name_that_means_no_run(at: Project, name: str, code: int, said: str) -> None:
    refused = at.inv("run", "--resume", name)
    assert (refused.code, said in refused.stderr) == (code, True), refused
    assert "fix: " in refused.stderr


def test_what_would_be_gone_on_from_is_shown_before(at: Project) -> None:
    shown = at.inv("--dry", "run", "--resume", "train_multinode_20260101_000000_bcdf")
    assert shown.code == 0, shown
    for text in (
        'RESUME_PATH: "/opt/earlier-output"',
        'name: "@TRAINING_DB.TRAINING.RUNS/runs/train_multinode_20260101_000000_bcdf/output/"',
        "REPLICAS = 2",
    ):
        assert text in shown.stdout, shown


def test_a_replica_that_is_lost_ends_the_others_and_is_named(at: Project) -> None:
    going = Going(at, *LONG)
    _kill_replica(at, 1)
    killed = time.monotonic()
    code, said = going.end()
    assert code == 1, said
    assert time.monotonic() - killed < 30
    assert "instance 1 ended with exit code 137 (SIGKILL)" in said


def _kill_replica(at: Project, instance: int) -> None:
    """End what runs of one replica as a lost machine would: with a signal that nobody can catch."""
    if "DOCKER_HOST" not in at.env:
        docker, account = str(support.clients()[0][0].path), (Path(at.env["SPCS_LOCAL_ROOT"]) / "id").read_text()
        labels = {"local.account": account.strip(), "instance": instance, "container": "main"}
        filters = [word for name, value in labels.items() for word in ("--filter", f"label=spcs.{name}={value}")]
        listed = subprocess.run([docker, "ps", "-q", *filters], capture_output=True, text=True, check=True)
        (container,) = listed.stdout.split()
        subprocess.run([docker, "kill", container], capture_output=True, check=True)
        return
    started = Path(at.env["SPCS_LOCAL_ROOT"]).glob(f"jobs/*/instances/{instance}/main/started.json")
    alive = [json.loads(path.read_text())["pid"] for path in started if not (path.parent / "exit.json").exists()]
    (pid,) = alive
    subprocess.run(["kill", "-KILL", str(pid)], check=True)
