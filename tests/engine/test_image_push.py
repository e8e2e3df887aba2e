"""Real pushes of docker: over a line that drops, with the progress of each layer, and out of a virtual machine."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from spcs.errors import BuildFailed
from spcs.image import login
from spcs.image.credentials import Credentials
from spcs.image.registry import Registry
from tests.engine.desk import REPORTS, Desk, far_docker, remove
from tests.faults import Fault, line_to

pytestmark = [pytest.mark.engine, pytest.mark.filterwarnings("ignore::DeprecationWarning")]


def new_layer(desk: Desk, size: int = 32) -> None:
    """Code of this test's own, so that its image and its last layer are in no registry."""
    (desk.root / "app" / "new.bin").write_bytes(os.urandom(size))


def test_each_layer_is_heard_of_with_its_bytes(desk: Desk) -> None:
    new_layer(desk, 30 << 20)
    desk.build()
    assert desk.push().changed
    large = [layer for layer in desk.heard if layer.total > 20 << 20]
    assert large[-1].state == "sent"
    assert any(0 < layer.done < layer.total for layer in desk.heard)


def test_push_whose_last_step_fails_is_made_again(desk: Desk) -> None:
    new_layer(desk)
    with line_to(desk.served.host) as line:
        line.faults = [Fault("PUT", "/manifests/", status=503)]
        plan = desk.plan(repository_url=f"{line.host}/db/schema/images")
        desk.build(plan)
        pushed = desk.push(plan)
    assert line.met
    assert pushed.digest.startswith("sha256:")
    assert [text for text in desk.said if text.endswith("(try 2 of 3)")]


def test_push_that_is_not_allowed_is_made_once(desk: Desk) -> None:
    new_layer(desk)
    with line_to(desk.served.host) as line:
        line.faults = [Fault("PUT", "/manifests/", times=9, status=403)]
        plan = desk.plan(repository_url=f"{line.host}/db/schema/images")
        desk.build(plan)
        with pytest.raises(BuildFailed) as caught:
            desk.push(plan)
    assert len(line.met) == 1
    assert "may not write to the image repository" in caught.value.why


def test_same_inputs_by_another_name_are_tagged_not_built(desk: Desk) -> None:
    new_layer(desk)
    first = desk.build()
    other = desk.build(desk.plan(name="other"))
    assert other.outcome == f"found other:{first.tag} as {first.ref}, and gave it this name too"
    assert desk.engine.find(other.ref) == first.image_id


def test_image_that_another_machine_pushed_is_not_built(desk: Desk) -> None:
    new_layer(desk)
    desk.build()
    pushed = desk.push()
    remove(desk.docker, desk.made)
    found = desk.build()
    assert found.outcome.startswith("already there: ")
    assert (found.digest, desk.engine.find(found.ref)) == (pushed.digest, None)


@pytest.fixture
def desktop(desk: Desk, tmp_path: Path, request: pytest.FixtureRequest) -> Desk:
    """The desk whose engine says that it runs in a virtual machine, and does not reach this machine's loopback."""
    program = tmp_path / "bin" / "docker"
    program.unlink()
    far_docker(program, desk.docker, getattr(request, "param", "named"))
    return desk


@pytest.mark.parametrize("desktop", sorted(REPORTS), indirect=True)
def test_engine_in_a_virtual_machine_hands_the_image_over(desktop: Desk) -> None:
    new_layer(desktop)
    built = desktop.build()
    pushed = desktop.push()

    assert pushed.changed
    assert [layer.state for layer in desktop.heard][-1] == "sent"
    assert not list(desktop.state.glob("saved-*"))
    # What was pushed is whole: the engine itself, the real one, pulls it and gets the image it built.
    by_digest = f"{pushed.ref.rpartition(':')[0]}@{pushed.digest}"
    environment = {**os.environ, "DOCKER_CONFIG": str(desktop.state / "docker")}
    remove(desktop.docker, {built.ref})
    subprocess.run([str(desktop.docker), "pull", by_digest], env=environment, capture_output=True, check=True)
    desktop.made.add(by_digest)
    assert desktop.engine.find(by_digest) == built.image_id


def test_only_what_the_registry_lacks_leaves_the_virtual_machine(desktop: Desk) -> None:
    desktop.build()
    desktop.push()
    new_layer(desktop)
    desktop.build()
    assert desktop.push().outcome.split(": ")[-1].startswith("1 of ")


def test_login_needs_no_engine_that_reaches_the_registry(desktop: Desk) -> None:
    login(desktop.engine, desktop.served.host, desktop.served.door.token)
    kept = json.loads((desktop.state / "docker" / "config.json").read_text())["auths"][desktop.served.host]
    assert kept["auth"]
    Registry(desktop.served.host, Credentials("0sessiontoken", desktop.served.door.token())).check()


HELPER = "#!/bin/sh\necho \"$0 $*\" >> '{calls}'\ncat > /dev/null\nexit 1\n"


def test_no_key_store_of_the_user_is_asked_or_told(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = tmp_path / "calls"
    for name in ("pass", *(f"docker-credential-{store}" for store in ("pass", "secretservice", "desktop", "mine"))):
        (tmp_path / "bin" / name).write_text(HELPER.format(calls=calls))
        (tmp_path / "bin" / name).chmod(0o755)
    users = tmp_path / "users"
    users.mkdir()
    settings = {"credsStore": "desktop", "credHelpers": {desk.served.host: "mine"}}
    (users / "config.json").write_text(json.dumps(settings))
    new_layer(desk)
    desk.build()  # in the user's own configuration: the base may need the user's login
    calls.unlink(missing_ok=True)
    monkeypatch.setenv("DOCKER_CONFIG", str(users))

    login(desk.engine, desk.served.host, desk.served.door.token)
    assert desk.push().changed

    assert not calls.exists()
    assert json.loads((users / "config.json").read_text()) == settings
    ours = json.loads((desk.state / "docker" / "config.json").read_text())
    assert ours["auths"][desk.served.host]["auth"]
    assert "credsStore" not in ours
