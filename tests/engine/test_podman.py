"""The main job where podman is the only engine: built, pushed, pulled by digest and run, with `inv` as typed."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import support
from tests.support import Outcome, Project

pytestmark = pytest.mark.engine("podman")

RUN = re.compile(r"(?:ends|hungry)_\d{8}_\d{6}_[a-z0-9]{4}")
# Two jobs without packages that share an image: one writes a file and ends with 3, one runs out of memory.
JOBS = """
jobs:
  ends:
    command: [python, ends.py]
    code: [ends.py, hungry.py]
    pins: {}
    secrets: [{name: HUB, env: HUB_TOKEN}, {name: HUB, mount: /secrets/hub}]
  hungry:
    command: [python, hungry.py]
    code: [ends.py, hungry.py]
    pins: {}
    resources: {requests: {memory: 64Mi}, limits: {memory: 64Mi}}
"""
ENDS = """
import os, pathlib, sys, urllib.request
account = f"http://{os.environ['SNOWFLAKE_HOST']}:{os.environ['SNOWFLAKE_PORT']}/"
print('user', os.getuid(), 'account', urllib.request.urlopen(account).status)
in_file = pathlib.Path('/secrets/hub/secret_string').read_text()
print('secret', os.environ['HUB_TOKEN'] == in_file == "it's, two\\nlines")
pathlib.Path(os.environ['MOUNT_PATH'], 'result.txt').write_text('made by podman')
print('last words', flush=True)
sys.exit(3)
"""
USERS_LOGINS = '{"auths": {}, "credHelpers": {"example.com": "mine"}}'
# It ends by itself far above its limit: where that has no effect, it must not take the whole machine's memory.
HUNGRY = "held = [bytearray(8 << 20) for _ in range(64)]\n"


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A project on a machine whose only container engine is podman, set up. Its images are removed at the end."""
    folder = tmp_path_factory.mktemp("podman")
    (folder / "users.json").write_text(USERS_LOGINS)
    env = {"SPCS_LOCAL_ROOT": str(folder / "account"), "SNOWFLAKE_HOME": str(folder), "PATH": without_docker(folder)}
    env["REGISTRY_AUTH_FILE"] = str(folder / "users.json")
    made = Project(support.copy_project(folder / "project"), {**env, **support.MACHINES_SETTINGS})
    made.write("ends.py", ENDS)
    made.write("hungry.py", HUNGRY)
    made.edit("invoke.yaml", "\njobs:\n", JOBS)
    try:
        done = made.inv("setup", "--job", "ends", env={"SPCS_SECRET_HUB": "it's, two\nlines"})
        assert done.code == 0, done
        assert "podman" in done.stderr + done.stdout
        yield made
    finally:
        try:
            made.close()
        finally:
            if built := images_of(made):
                podman("image", "rm", "--force", *built)


@pytest.fixture(scope="module")
def ended(machine: Project) -> Outcome:
    """`inv build push run` of the job that ends with 3."""
    return machine.inv("build", "push", "run", env={"INVOKE_JOB": "ends"})


def without_docker(folder: Path) -> str:
    """A PATH of one folder: links to all commands of this machine but docker."""
    links = folder / "bin"
    links.mkdir()
    for place in os.get_exec_path():
        for command in Path(place).glob("*"):
            if command.name != "docker" and not (links / command.name).is_symlink():
                (links / command.name).symlink_to(command)
    return str(links)


def podman(*words: str) -> str:
    done = support.run([str(shutil.which("podman")), *words], support.REPO, {}, 120)
    assert done.code == 0, done
    return done.stdout


def receipt(project: Project, job: str) -> dict[str, str]:
    kept: dict[str, str] = json.loads((project.root / ".spcs" / "images" / f"{job}.json").read_text())
    return kept


def images_of(project: Project) -> set[str]:
    return {receipt(project, file.stem)["image_id"] for file in (project.root / ".spcs" / "images").glob("*.json")}


def account_id(project: Project) -> str:
    return (Path(project.env["SPCS_LOCAL_ROOT"]) / "id").read_text()


def test_a_container_that_exits_3_gives_its_code_and_last_lines(ended: Outcome) -> None:
    assert ended.code == 1, ended
    assert "with podman (buildah builder)" in ended.stderr
    for text in ("exit code 3", "the last 3 log lines:", "last words", "fix: "):
        assert text in ended.stderr, ended
    assert "user 1000 account 200" in ended.stdout
    assert "secret True" in ended.stdout


def test_each_layer_that_went_over_has_a_line_and_the_users_logins_stay_as_they_were(
    machine: Project, ended: Outcome
) -> None:
    assert re.search(r"^layer [0-9a-f]{12}: \S+ .?B sent in ", ended.stderr, re.MULTILINE), ended
    assert Path(machine.env["REGISTRY_AUTH_FILE"]).read_text() == USERS_LOGINS


def test_it_ran_from_the_image_that_was_pushed_pulled_by_digest(machine: Project, ended: Outcome) -> None:
    name = RUN.search(ended.stderr)
    assert name
    service = f"label=spcs.service=TRAINING_DB.TRAINING.{name.group().upper()}"
    (container,) = podman("ps", "-aq", "--filter", service).split()
    shown = json.loads(podman("inspect", container))[0]
    assert shown["ImageName"].endswith(f"@{receipt(machine, 'ends')['digest']}")


def test_what_it_wrote_is_on_the_stage(machine: Project, ended: Outcome) -> None:
    name = RUN.search(ended.stderr)
    assert name
    done = machine.inv("fetch", "--run", name.group())
    assert done.code == 0, done
    assert (machine.root / "runs" / name.group() / "result.txt").read_text() == "made by podman"


def test_a_container_out_of_memory_is_told_so(machine: Project, ended: Outcome) -> None:
    if "memory" not in json.loads(podman("info", "--format", "{{json .Host.CgroupControllers}}")):
        pytest.skip("podman cannot limit memory here")
    done = machine.inv("build", "push", "run", env={"INVOKE_JOB": "hungry"})
    assert done.code == 1, done
    for text in ("(unchanged)", "already there", "ran out of memory", "resources.limits.memory"):
        assert text in done.stderr, done


def test_reset_removes_the_containers_and_the_network(machine: Project, ended: Outcome) -> None:
    account = account_id(machine)
    assert podman("ps", "-aq", "--filter", f"label=spcs.local.account={account}").split()
    assert machine.inv("local.reset", "--yes").code == 0
    assert not podman("ps", "-aq", "--filter", f"label=spcs.local.account={account}").split()
    assert account not in podman("network", "ls")
