"""Real images, with every docker client at hand: the same files from each builder, and only the code is re-sent."""

from __future__ import annotations

import dataclasses
import json
import os
import secrets
import signal
import subprocess
from pathlib import Path

import pytest

from spcs.errors import BuildFailed, NotReady
from spcs.image import ImagePlan, requirement_files
from tests import indexes
from tests.engine.desk import Desk, listing, remove, use
from tests.images import NO_WHEEL, Served, lock_of, make_plan
from tests.support import Client

pytestmark = [pytest.mark.engine, pytest.mark.filterwarnings("ignore::DeprecationWarning")]


def layers(docker: Path, ref: str) -> list[str]:
    shown = subprocess.run(
        [str(docker), "image", "inspect", "-f", "{{join .RootFS.Layers \" \"}}", ref],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return shown.stdout.split()


def inside(desk: Desk, ref: str, program: str, *words: str) -> str:
    """What a program in the image says."""
    command = [str(desk.docker), "run", "--rm", "--entrypoint", program, ref, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def own(plan: ImagePlan, mark: str) -> ImagePlan:
    """The plan with steps that no other image has, made by an earlier run of the tests or by one beside this."""
    texts = {name: getattr(plan, name) for name in ("dockerfile", "dockerfile_buildkit")}
    return dataclasses.replace(
        plan, **{name: text.replace("WORKDIR", f"ENV TRIAL={mark}\nWORKDIR") for name, text in texts.items()}
    )


def test_every_client_builds_the_same_files(
    tmp_path: Path, base_image: str, served: Served, docker_clients: tuple[Client, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = {}
    for client in docker_clients:
        use(client, tmp_path / "bin", monkeypatch)
        desk = Desk(tmp_path / "project", base_image, served, client.path, set())
        ref = desk.build(desk.plan(pins={"six": "1.17.0", "packaging": "26.0"})).ref
        found[str(client)] = listing(client.path, ref)
        # The next client must not find this one's image.
        remove(client.path, desk.made)

    first, *others = found.values()
    for other in others:
        assert {path for path in first.keys() | other.keys() if first.get(path) != other.get(path)} == set()


def test_image_holds_the_code_and_nothing_stray(desk: Desk) -> None:
    found = listing(desk.docker, desk.build().ref)

    code = {path.rstrip("/"): entry for path, entry in found.items() if path.startswith("home/app")}
    names = ["__init__.py", "__main__.py", "client.txt", "tool.sh"]
    assert sorted(code) == ["home/app", "home/app/app", *(f"home/app/app/{name}" for name in names)]
    assert {path: entry[1:4] for path, entry in code.items() if "__main__" in path or "tool" in path} == {
        "home/app/app/__main__.py": (0o644, 0, 0),
        "home/app/app/tool.sh": (0o755, 0, 0),
    }
    stray = "root/.cache/", "tmp/", "var/cache/uv/", "opt/venv/.lock"
    assert not [path for path in found if path.startswith(stray)]


def test_program_is_the_first_process_of_an_unprivileged_user(desk: Desk) -> None:
    assert desk.run(desk.build().ref, "--data", "x") == "uid 1000 pid 1 cwd /home/app --data x\n"


def test_packages_are_importable_and_the_heavy_ones_compiled(desk: Desk) -> None:
    ref = desk.build(desk.plan(pins={"nvidia-nvtx-cu12": "12.4.127", "six": "1.17.0"})).ref
    program = "import six, nvidia.nvtx as heavy; open(heavy.__cached__); print(six.__version__, heavy.__file__)"
    assert inside(desk, ref, "python", "-c", program).startswith("1.17.0 /opt/venv/")


def test_labels_are_what_they_were(desk: Desk) -> None:
    words = 'say "$HOME" \\n'
    (desk.root / "app" / "new.py").write_text(f"# labels {desk.root}")  # they alone make no other image
    ref = desk.build(desk.plan(labels={"words": words})).ref
    shown = subprocess.run(
        [str(desk.docker), "image", "inspect", "-f", "{{json .Config.Labels}}", ref], capture_output=True, check=True
    )
    labels = json.loads(shown.stdout)
    assert labels["words"] == words
    assert len(labels["spcs.inputs"]) == 64


def test_pip_of_the_base_installs_into_the_environment(desk: Desk) -> None:
    own = "RUN pip --version && python -m pip --version\nENTRYPOINT"
    plan = desk.plan()
    texts = {name: getattr(plan, name).replace("ENTRYPOINT", own) for name in ("dockerfile", "dockerfile_buildkit")}
    ref = desk.build(dataclasses.replace(plan, **texts)).ref
    assert "from /opt/venv/" in inside(desk, ref, "pip", "--version")


def test_packages_come_from_where_the_pip_of_the_base_looks(desk: Desk, tmp_path: Path) -> None:
    with indexes.served(tmp_path / "index") as index:
        digest = index.add("only-there", "1.0")
        lock = lock_of({"only-there": "1.0"})
        known = dataclasses.replace(lock.requirements[0], hashes=(f"sha256:{digest}",))
        plan = desk.plan(pins={"only-there": "1.0"})
        files = (*plan.files[:-1], *requirement_files(dataclasses.replace(lock, requirements=(known,)))[-1:])
        told = f"RUN python3 -m pip config --global set global.extra-index-url {index.url}\nWORKDIR"
        texts = {name: getattr(plan, name).replace("WORKDIR", told) for name in ("dockerfile", "dockerfile_buildkit")}
        ref = desk.build(dataclasses.replace(plan, files=files, **texts)).ref
    shown = inside(desk, ref, "python", "-c", "import importlib.metadata as m; print(m.version('only-there'))")
    assert shown == "1.0\n"


def test_an_index_that_does_not_answer_is_no_reason_to_fail(desk: Desk) -> None:
    plan = own(desk.plan(), secrets.token_hex())
    impatient = "ENV UV_HTTP_RETRIES=0 PIP_RETRIES=0\nWORKDIR"
    with_index = "--no-deps --extra-index-url http://127.0.0.1:9/simple"
    texts = {
        name: getattr(plan, name).replace("WORKDIR", impatient).replace("--no-deps", with_index)
        for name in ("dockerfile", "dockerfile_buildkit")
    }
    ref = desk.build(dataclasses.replace(plan, **texts)).ref
    assert any("uv cannot do it; pip tries" in line for line in desk.said)
    assert inside(desk, ref, "python", "-c", "import six; print(six.__version__)") == "1.17.0\n"
    assert "from /opt/venv/" in inside(desk, ref, "pip", "--version")


def test_uv_is_fetched_once_where_the_builder_keeps_it(desk: Desk) -> None:
    desk.build(own(desk.plan(), secrets.token_hex()))
    plan = own(desk.plan(), secrets.token_hex())
    no_pip = "ENV PIP_CONSTRAINT=/nowhere\nWORKDIR"  # with which it installs nothing; uv does not know it
    texts = {name: getattr(plan, name).replace("WORKDIR", no_pip) for name in ("dockerfile", "dockerfile_buildkit")}
    plan = dataclasses.replace(plan, **texts)
    if desk.engine.builder == "legacy":
        with pytest.raises(BuildFailed):
            desk.build(plan)
    else:
        desk.build(plan)


def test_a_base_with_pip_in_new_environments_alone_will_do(desk: Desk) -> None:
    plan = desk.plan()
    gone = "RUN rm -r /usr/lib/python3/dist-packages/pip\nWORKDIR"
    texts = {name: getattr(plan, name).replace("WORKDIR", gone) for name in ("dockerfile", "dockerfile_buildkit")}
    ref = desk.build(dataclasses.replace(plan, **texts)).ref
    assert inside(desk, ref, "python", "-c", "import six; print(six.__version__)") == "1.17.0\n"


def test_sigterm_reaches_the_program(desk: Desk) -> None:
    ref = desk.build().ref
    with subprocess.Popen(
        [str(desk.docker), "run", "--rm", "--name", f"spcs-test-{os.getpid()}", ref, "wait"],
        stdout=subprocess.PIPE, text=True,
    ) as running:  # fmt: skip
        assert running.stdout is not None
        assert "uid 1000" in running.stdout.readline()
        running.send_signal(signal.SIGTERM)
        assert running.stdout.readline() == "asked to stop\n"
    assert running.returncode == 75


def test_edited_code_makes_one_new_layer_and_sends_only_that(desk: Desk) -> None:
    mark = secrets.token_hex()
    before = desk.build(own(desk.plan(), mark))
    desk.push(own(desk.plan(), mark))
    desk.said.clear()
    (desk.root / "app" / "__main__.py").write_text("print('edited')\n")

    after = desk.build(own(desk.plan(), mark))
    done = desk.push(own(desk.plan(), mark))

    assert after.tag != before.tag
    old, new = layers(desk.docker, before.ref), layers(desk.docker, after.ref)
    assert [a == b for a, b in zip(old, new, strict=True)].count(False) == 1
    assert f"1 of {len(new)} layers sent" in done.outcome
    assert desk.run(after.ref) == "edited\n"


def test_an_edit_that_keeps_the_size_reaches_the_image(desk: Desk) -> None:
    for text in ("print('before')\n", "print('behind')\n"):
        (desk.root / "app" / "__main__.py").write_text(text)
        assert desk.run(desk.build().ref) == text.split("'")[1] + "\n"


def test_digest_of_the_receipt_is_what_can_be_pulled(desk: Desk) -> None:
    desk.build()
    pushed = desk.push()
    repository = pushed.ref.rpartition(":")[0]
    environment = {**os.environ, "DOCKER_CONFIG": str(desk.state / "docker")}
    by_digest = f"{repository}@{pushed.digest}"
    subprocess.run([str(desk.docker), "pull", by_digest], env=environment, capture_output=True, check=True)
    desk.made.add(by_digest)


def test_nothing_changed_costs_one_request(desk: Desk) -> None:
    desk.build()
    first = desk.push()
    desk.served.seen.clear()
    found, there = desk.build(), desk.push()
    assert (found.changed, there.changed) == (False, False)
    assert there.digest == first.digest
    assert len(desk.served.seen) == 1


def test_expired_login_is_renewed_while_pushing(desk: Desk) -> None:
    desk.build()
    desk.push()
    desk.served.door.expire()
    (desk.root / "app" / "__main__.py").write_text(f"print({str(desk.root)!r})\n")
    desk.build()
    assert desk.push().changed


def test_users_own_docker_configuration_is_left_alone(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (desk.root / "app" / "new.py").write_text(str(desk.root))
    users = tmp_path / "users"
    users.mkdir()
    environment = {**os.environ, "DOCKER_CONFIG": str(users)}
    endpoint = f"host={os.environ.get('DOCKER_HOST') or 'unix:///var/run/docker.sock'}"
    for words in (["create", "mine", "--docker", endpoint], ["use", "mine"]):
        subprocess.run([str(desk.docker), "context", *words], env=environment, capture_output=True, check=True)
    before = (users / "config.json").read_bytes()
    monkeypatch.setenv("DOCKER_CONFIG", str(users))
    monkeypatch.delenv("DOCKER_HOST", raising=False)

    desk.build()
    desk.push()

    assert (users / "config.json").read_bytes() == before
    ours = json.loads((desk.state / "docker" / "config.json").read_text())
    assert ours["currentContext"] == "mine"


def test_failed_build_shows_the_last_twenty_lines(desk: Desk) -> None:
    with pytest.raises(BuildFailed) as caught:
        desk.build(desk.plan(pins={"six": "99.0"}))
    lines = caught.value.why.splitlines()
    shown = subprocess.run(
        [str(desk.docker), "ps", "-aq", "--filter", "status=exited", "--no-trunc", "--format", "{{.Command}}"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "requirements-light.txt" not in shown.stdout
    assert caught.value.code == 5
    assert len(lines) <= 21
    assert any("six==99.0" in line for line in lines)
    assert "the package indexes that the builder asks have no such version for this base" in lines[-1]
    assert "under pins in invoke.yaml" in caught.value.fix


def test_missing_base_is_said(desk: Desk) -> None:
    desk.base = "127.0.0.1:1/no/such:base"
    with pytest.raises(BuildFailed) as caught:
        desk.build()
    assert "127.0.0.1:1/no/such:base could not be fetched" in caught.value.why


def test_refused_push_is_said_with_its_cure(desk: Desk) -> None:
    plan = make_plan(desk.root, base=desk.base, repository_url=f"{desk.served.host}/db/schema/missing")
    desk.build(plan)
    with pytest.raises(BuildFailed) as caught:
        desk.push(plan)
    assert "there is no image repository db/schema/missing" in caught.value.why
    assert caught.value.fix == "inv setup"


def test_push_before_build_is_not_ready(desk: Desk) -> None:
    (desk.root / "app" / "new.py").write_text(str(desk.root))
    with pytest.raises(NotReady, match="is not built"):
        desk.push()


def test_dry_build_says_the_command_and_builds_nothing(desk: Desk) -> None:
    (desk.root / "app" / "new.py").write_text(str(desk.root))
    planned = desk.build(dry=True)
    assert f"-t {planned.ref}" in desk.said[0]
    assert desk.said[0].endswith(f"--network host {desk.state / 'context' / 'train'}")
    assert desk.engine.find(planned.ref) is None


def test_images_are_listed(desk: Desk) -> None:
    ref = desk.build().ref
    assert ref in [image.ref for image in desk.engine.images(ref.rpartition(":")[0])]


def test_an_artifact_with_another_hash_is_not_installed(desk: Desk) -> None:
    lock = lock_of({"six": "1.17.0"})
    changed = (dataclasses.replace(lock.requirements[0], hashes=(f"sha256:{NO_WHEEL}",)),)
    plan = desk.plan()
    files = (*plan.files[:-1], *requirement_files(dataclasses.replace(lock, requirements=changed)))
    with pytest.raises(BuildFailed) as caught:
        desk.build(dataclasses.replace(plan, files=files))
    assert "an index gave something else than the artifact that was locked" in caught.value.why


def test_another_light_pin_leaves_the_layers_before_it(desk: Desk) -> None:
    heavy = {"nvidia-nvtx-cu12": "12.4.127"}
    before = layers(desk.docker, desk.build(desk.plan(pins={**heavy, "six": "1.17.0"})).ref)
    after = layers(desk.docker, desk.build(desk.plan(pins={**heavy, "six": "1.16.0"})).ref)
    # The last three: the list of light packages, the packages, the code.
    assert before[:-3] == after[:-3]
    assert before[-2] != after[-2]
