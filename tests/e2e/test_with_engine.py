"""The main job in real containers: built, pushed to the local account's registry, pulled from it by digest, and run."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests import support
from tests.support import Outcome, Project
from tests.wheels import save_base

pytestmark = pytest.mark.engine

RUN = re.compile(r"(?:train|tiny|hungry|old)_\d{8}_\d{6}_[a-z0-9]{4}")
# Jobs without packages: their images are made in seconds. One runs out of memory, one ends with 3.
JOBS = """
jobs:
  tiny:
    command: [python, tiny.py]
    code: [tiny.py]
    pins: {}
  hungry:
    command: [python, hungry.py]
    code: [hungry.py]
    pins: {}
    resources: {requests: {memory: 64Mi}, limits: {memory: 64Mi}}
  broken:
    command: [python, tiny.py]
    code: [tiny.py]
    pins: {}
    dockerfile: broken.j2
  old:
    args: [--data, DIGITS, --steps, "200"]
    pins:
      torch: "2.13.0"
      torchdata: "0.11.0"
      safetensors: "0.8.0"
      numpy: "2.4.6"
      pyarrow: "26.0.1"
      snowflake-connector-python: "4.8.1"
"""
TINY = "import os, sys\nprint('user', os.getuid())\nprint('last words', flush=True)\nsys.exit(3)\n"
BROKEN = """{% extends "Dockerfile.j2" %}\n{% block packages %}\nRUN echo no such luck && false\n{% endblock %}\n"""
HUNGRY = "held = []\nwhile True:\n    held.append(bytearray(8 << 20))\n"


def project(folder: Path, env: dict[str, str]) -> Project:
    made = Project(support.copy_project(folder), env)
    made.write("tiny.py", TINY)
    made.write("hungry.py", HUNGRY)
    made.write("broken.j2", BROKEN)
    made.edit("invoke.yaml", "\njobs:\n", JOBS)
    return made


@pytest.fixture(scope="module")
def machine(engine_account: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project on the local account with an engine, with some more jobs."""
    return project(tmp_path_factory.mktemp("machine") / "project", engine_account)


@pytest.fixture(scope="module")
def first(machine: Project, one_by_one: Callable[[], AbstractContextManager[None]]) -> Outcome:
    with one_by_one():
        built = machine.inv("setup", "build", timeout=1200)
    assert built.code == 0, built
    done = machine.inv("data", "build", "push", "run", timeout=600)
    assert done.code == 0, done
    return done


def docker(*words: str) -> str:
    path = support.clients()[0][0].path
    done = support.run([str(path), *words], support.REPO, {}, 60)
    assert done.code == 0, done
    return done.stdout


def digest_of(project: Project, job: str) -> str:
    return str(json.loads((project.root / ".spcs" / "images" / f"{job}.json").read_text())["digest"])


def test_the_run_trains_in_a_container_pulled_by_digest(machine: Project, first: Outcome) -> None:
    accuracy = re.search(r"accuracy\s+(0\.\d+)", first.stderr)
    assert accuracy
    assert float(accuracy.group(1)) >= 0.95
    name = RUN.search(first.stderr)
    assert name
    found = docker("ps", "-aq", "--filter", f"label=spcs.service=TRAINING_DB.TRAINING.{name.group().upper()}").split()
    assert found
    images = {docker("inspect", "-f", "{{.Config.Image}}", container).strip() for container in found}
    assert any(image.endswith(f"@{digest_of(machine, 'train')}") for image in images), images
    fetched = machine.inv("fetch")
    assert fetched.code == 0, fetched
    assert (machine.root / "runs" / name.group() / "metrics.json").exists()


def test_an_edit_of_the_code_sends_one_layer(machine: Project, first: Outcome) -> None:
    before = digest_of(machine, "train")
    with (machine.root / "app" / "__init__.py").open("a") as file:
        file.write("\n# edited\n")
    done = machine.inv("build", "push", "run", timeout=600)
    assert done.code == 0, done
    sent = re.search(r"pushed training:\S+ in [\d.]+ s: (\d+) of \d+ layers sent", done.stderr)
    assert sent, done
    assert int(sent.group(1)) == 1
    assert digest_of(machine, "train") != before
    again = machine.inv("build", "push")
    assert again.code == 0, again
    assert "(unchanged)" in again.stderr
    assert "already there" in again.stderr


def test_an_image_without_an_engine_runs_the_same_job_with_the_same_result(machine: Project, first: Outcome) -> None:
    save_base(support.clients()[0][0].path, support.base_image(), machine.root / "base")
    machine.write("wheels.yaml", "image: {base: oci:base, engine: wheels, indexes: {cpu: [], gpu: []}}\n")
    done = machine.inv("-f", "wheels.yaml", "build", "push", "run", timeout=900)
    assert done.code == 0, done
    assert "(image.engine: wheels)" in done.stderr
    assert figures(done) == figures(first)


def figures(done: Outcome) -> list[str]:
    """What the training has come to: the same for the same seed and the same packages."""
    found = re.findall(r"^ +(?:accuracy|loss|best_loss|best_step|rows) .*", done.stderr, re.MULTILINE)
    assert len(found) == 5, done
    return found


def test_the_container_talks_to_the_account_with_connector_4(machine: Project, first: Outcome) -> None:
    refused = machine.inv("build", env={"INVOKE_JOB": "old"})
    assert refused.code == 3, refused
    assert "there is no locks/old-cpu.txt" in refused.stderr
    done = machine.inv("lock", "build", "push", "run", env={"INVOKE_JOB": "old"}, timeout=900)
    assert done.code == 0, done
    assert re.search(r"accuracy\s+0\.\d+", done.stderr), done


def test_a_container_that_exits_3_gives_its_code_and_last_lines(machine: Project, first: Outcome) -> None:
    done = machine.inv("build", "push", "run", env={"INVOKE_JOB": "tiny"}, timeout=300)
    assert done.code == 1, done
    for text in ("exit code 3", "the last 2 log lines:", "last words", "fix: correct what the log says"):
        assert text in done.stderr, done
    assert "user 1000" in done.stdout


def test_a_container_out_of_memory_is_told_so(machine: Project, first: Outcome) -> None:
    done = machine.inv("build", "push", "run", env={"INVOKE_JOB": "hungry"}, timeout=300)
    assert done.code == 1, done
    for text in ("ran out of memory", "resources.limits.memory"):
        assert text in done.stderr, done


def test_the_doctor_finds_nothing_amiss(machine: Project, first: Outcome) -> None:
    done = machine.inv("build", "push", "doctor", "--json", env={"INVOKE_JOB": "tiny"}, timeout=300)
    assert done.code == 0, done
    checks = {line["check"]: line for line in map(json.loads, done.stdout.splitlines())}
    assert not [name for name, each in checks.items() if each["status"] == "fail"], done
    assert checks["image"]["message"].endswith(" as pushed")
    assert checks["registry"]["message"].endswith(" takes the token of the session")


def test_a_build_that_fails_shows_its_last_lines(machine: Project, first: Outcome) -> None:
    done = machine.inv("build", env={"INVOKE_JOB": "broken"}, timeout=300)
    assert done.code == 5, done
    assert "Traceback" not in done.stderr
    for text in ("no such luck", "fix: "):
        assert text in done.stderr, done


def test_a_push_that_is_refused_says_why(machine: Project, first: Outcome) -> None:
    receipt = machine.root / ".spcs" / "repository.json"
    known = json.loads(receipt.read_text())
    wrong = known["url"].replace("/images", "/no_such_repository")
    receipt.write_text(json.dumps({**known, "url": wrong}))
    try:
        done = machine.inv("build", "push", env={"INVOKE_JOB": "tiny"}, timeout=300)
    finally:
        receipt.write_text(json.dumps(known))
    assert done.code == 5, done
    assert "Traceback" not in done.stderr
    assert "fix: inv setup" in done.stderr, done


def test_reset_removes_the_containers(tmp_path: Path) -> None:
    machine = project(tmp_path / "project", {**support.MACHINES_SETTINGS, "SPCS_LOCAL_ROOT": str(tmp_path / "account")})
    done = machine.inv("setup", "build", "push", "run", env={"INVOKE_JOB": "tiny"}, timeout=300)
    assert "last words" in done.stdout, done
    account, port = ((tmp_path / "account" / name).read_text() for name in ("id", "port"))
    assert docker("ps", "-aq", "--filter", f"label=spcs.local.account={account}").split()
    assert machine.inv("local.reset", "--yes").code == 0
    support.remove_images(port)
    assert not docker("ps", "-aq", "--filter", f"label=spcs.local.account={account}").split()
