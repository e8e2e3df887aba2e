"""Whole images without a container engine: from a base image and wheels to the local account's registry, over HTTP."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import io
import json
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from spcs.errors import BuildFailed, NotReady, Problem
from spcs.image import ImagePlan, Receipt, build, detect, push
from spcs.image.credentials import Credentials
from spcs.image.inputs import ContextFile
from spcs.image.registry import Registry
from spcs.image.wheels import engine as engine_of_wheels
from tests.images import Served, make_plan, registry, write_code
from tests.wheels import locked, make_base, make_layer, make_wheel, usual_layers

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the server

PACKAGES = "opt/venv/lib/python3.11/site-packages"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with registry(tmp_path_factory.mktemp("registry")) as served:
        yield served


@pytest.fixture(autouse=True)
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where pip finds wheels, by its own settings; nothing else does it find."""
    folder = tmp_path / "index"
    folder.mkdir()
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


class Desk:
    """A project folder, what its lock says, and the registry it pushes to."""

    def __init__(self, root: Path, served: Served, heavy: bytes, light: bytes) -> None:
        self.root, self.served, self.heavy, self.light = root, served, heavy, light
        self.state = root / ".spcs"
        self.said: list[str] = []
        write_code(root)
        make_base(root / "base")

    def plan(self, **settings: Any) -> ImagePlan:
        made = make_plan(
            self.root,
            repository_url=self.served.repository_url,
            **{"base": "oci:base", "pins": {"torch": "2.13.0", "six": "1.17.0"}} | settings,
        )
        files = {file.path: file for file in made.files}
        files |= {
            name: ContextFile(name, lines)
            for name, lines in (("requirements-heavy.txt", self.heavy), ("requirements-light.txt", self.light))
        }
        return dataclasses.replace(made, files=tuple(files.values()))

    def build(self, plan: ImagePlan | None = None) -> Receipt:
        engine = detect("wheels", self.state, local_account=False)
        return build(plan or self.plan(), engine, job="train", state=self.state, say=self.said.append)

    def push(self, plan: ImagePlan | None = None) -> Receipt:
        engine, token = detect("wheels", self.state, local_account=False), self.served.door.token
        return push(
            plan or self.plan(), engine, job="train", state=self.state, token=token, say=self.said.append,
            local_account=False,
        )  # fmt: skip

    def pulled(self, receipt: Receipt) -> tuple[dict[str, Any], list[bytes]]:
        """The image's configuration and the tars of its layers, from the registry."""
        blobs = {path.name: path for path in self.served.blobs.glob("*/*")}

        def read(digest: str) -> bytes:
            content = blobs[digest.removeprefix("sha256:")].read_bytes()
            assert f"sha256:{hashlib.sha256(content).hexdigest()}" == digest
            return content

        manifest = json.loads(read(receipt.digest))
        config = json.loads(read(manifest["config"]["digest"]))
        tars = [gzip.decompress(read(layer["digest"])) for layer in manifest["layers"]]
        assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(tar).hexdigest()}" for tar in tars]
        return config, tars


@pytest.fixture
def desk(tmp_path: Path, served: Served, index: Path) -> Desk:
    return make_desk(tmp_path / "project", served, index)


def make_desk(root: Path, served: Served, index: Path) -> Desk:
    heavy = make_wheel(index, "torch", "2.13.0+cpu", tag="cp311-cp311-manylinux_2_28_x86_64")
    six = make_wheel(index, "six", "1.17.0", {"six.py": os.urandom(5000).hex().encode()})
    tool = make_wheel(index, "some_tool", "2.0", entry_points="[console_scripts]\ntool = some_tool:main\n")
    return Desk(root, served, locked(heavy), locked(six, tool))


def entries(tars: list[bytes]) -> dict[str, tarfile.TarInfo]:
    """What the file system of an image holds, by path."""
    found: dict[str, tarfile.TarInfo] = {}
    for tar in tars:
        with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
            found |= {entry.name: entry for entry in archive}
    return found


def test_image_holds_base_packages_and_code_and_starts_as_its_dockerfile_says(desk: Desk) -> None:
    desk.build()
    config, tars = desk.pulled(desk.push())

    settings = config["config"]
    assert (config["os"], config["architecture"]) == ("linux", "amd64")
    assert settings["Entrypoint"] == ["python", "-m", "app"]
    assert "Cmd" not in settings  # the base's own would be taken for arguments
    assert (settings["User"], settings["WorkingDir"]) == ("1000:1000", "/home/app")
    assert "PATH=/opt/venv/bin:/usr/local/bin:/usr/bin:/bin" in settings["Env"]
    assert settings["Labels"]["base"] == "yes"
    assert len(settings["Labels"]["spcs.inputs"]) == 64
    assert len(config["history"]) == len(tars)

    found = entries(tars)
    assert found["opt/venv/bin/python3"].linkname == "/usr/local/bin/python3"
    assert {f"{PACKAGES}/torch.py", f"{PACKAGES}/six.py", "opt/venv/bin/tool", "home/app/app/tool.sh"} <= set(found)
    assert (found["home/app"].uid, found["home/app"].mode) == (1000, 0o755)
    assert (found["home/app/app/__main__.py"].uid, found["home/app/app/tool.sh"].mode) == (0, 0o755)
    assert not [name for name in found if name.endswith((".pyc", ".env"))]

    with tarfile.open(fileobj=io.BytesIO(tars[2])) as archive:
        lists = [archive.extractfile(name) for name in ("etc/passwd", "etc/group")]
        users, groups = [stream.read().decode().splitlines() for stream in lists if stream]
    assert users == ["root:x:0:0:root:/root:/bin/bash", "app:x:1000:1000::/home/app:/bin/sh"]
    assert groups == ["root:x:0:", "app:x:1000:"]


def test_same_inputs_give_the_same_digest_on_another_desk(desk: Desk, tmp_path: Path, served: Served) -> None:
    other = Desk(tmp_path / "elsewhere", served, desk.heavy, desk.light)
    assert desk.build().image_id == other.build().image_id
    assert desk.push().digest == other.push().digest


def test_edit_of_the_code_makes_and_sends_the_code_alone(desk: Desk, index: Path) -> None:
    desk.build()
    first = desk.push()
    for wheel in index.iterdir():
        wheel.unlink()  # pip could not bring it again
    (desk.root / "app" / "__main__.py").write_text("print('edited')\n")
    desk.said.clear()

    desk.build()
    second = desk.push()

    assert first.digest != second.digest
    assert "1 of 8 layers" in second.outcome
    assert not [line for line in desk.said if "fetch" in line or "packed" in line]


def test_new_version_of_a_light_package_leaves_the_heavy_layer_as_it_is(desk: Desk, index: Path) -> None:
    desk.build()
    desk.light = locked(make_wheel(index, "six", "1.18.0"), *index.glob("some_tool-*"))
    desk.said.clear()
    desk.build()
    assert "fetching six==1.18.0 for Python 3.11 on linux/amd64 (glibc 2.36)" in desk.said
    assert not [line for line in desk.said if "packed torch" in line]


def test_wheel_for_the_pools_processor_is_taken(desk: Desk, index: Path) -> None:
    arm = make_wheel(index, "torch", "2.13.0+cpu", tag="cp311-cp311-manylinux_2_28_aarch64")
    desk.heavy = desk.heavy.rstrip() + b" \\\n" + locked(arm).splitlines()[1] + b"\n"
    make_base(desk.root / "arm", architecture="arm64")
    plan = dataclasses.replace(desk.plan(base="oci:arm"), platform="linux/arm64")
    desk.build(plan)
    config, tars = desk.pulled(desk.push(plan))
    assert config["architecture"] == "arm64"
    assert "Tag: cp311-cp311-manylinux_2_28_aarch64" in content(tars, f"{PACKAGES}/torch-2.13.0+cpu.dist-info/WHEEL")
    assert not list((desk.state / "wheels").glob("wheels/*/torch-*"))  # its layer is all that is kept of it


def content(tars: list[bytes], path: str) -> str:
    for tar in tars:
        with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
            if path in archive.getnames() and (stream := archive.extractfile(path)):
                return stream.read().decode()
    raise AssertionError(f"no {path}")


def test_layer_that_a_base_has_twice_is_read_once(desk: Desk) -> None:
    system, python = usual_layers()
    empty = make_layer()
    make_base(desk.root / "twice", [system, empty, python, empty])
    desk.build(desk.plan(base="oci:twice"))
    _, tars = desk.pulled(desk.push(desk.plan(base="oci:twice")))
    assert tars[:4] == [system, empty, python, empty]
    assert "fetching 3 layers of the base image" in "\n".join(desk.said)


def test_old_images_go_with_the_layers_that_only_they_had(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_of_wheels, "KEPT_IMAGES", 1)
    kept = desk.state / "wheels"
    for number in range(3):
        (desk.root / "app" / "__main__.py").write_text(f"print({number})\n")
        desk.build()
    (index,) = kept.glob("images/*/index.json")
    blobs = {path.name for path in (kept / "blobs" / "sha256").iterdir()}
    assert blobs < {path.name for path in (index.parent / "blobs" / "sha256").iterdir()}
    assert len(blobs) == 8


def test_plan_says_what_is_put_together_and_does_nothing(desk: Desk) -> None:
    engine = detect("wheels", desk.state, local_account=False)
    build(desk.plan(), engine, job="train", state=desk.state, say=desk.said.append, dry=True)
    assert desk.said[0] == "FROM oci:base"
    assert "COPY app /home/app/app" in desk.said
    assert [line for line in desk.said if line.startswith("pip download ") and "requirements-heavy.txt" in line]
    assert not desk.state.exists()


def refused(desk: Desk, problem: type[Problem], **settings: Any) -> Problem:
    with pytest.raises(problem) as caught:
        desk.build(desk.plan(**settings))
    assert caught.value.fix
    return caught.value


def test_package_that_comes_as_sources_only_is_refused_by_its_name(desk: Desk, index: Path) -> None:
    sources = index / "old_thing-1.0.tar.gz"
    sources.write_bytes(b"sources")
    desk.light += locked(sources).replace(b"1.0.tar.gz", b"1.0")
    problem = refused(desk, BuildFailed)
    assert problem.what == "there is no wheel of old-thing==1.0 for Python 3.11 on linux/amd64 (glibc 2.36)"
    assert "pin a version that has one" in problem.fix
    assert problem.code == 5


def test_wheel_with_other_bytes_than_the_lock_names_is_refused(desk: Desk, index: Path) -> None:
    make_wheel(index, "six", "1.17.0", {"six.py": b"evil"})
    problem = refused(desk, BuildFailed)
    assert problem.what == "a package index has other artifacts than the lock names"
    assert "inv lock" in problem.fix


def test_pins_that_are_not_locked_are_refused(desk: Desk) -> None:
    desk.light = b"six==1.17.0\n"
    assert refused(desk, NotReady).fix == "inv lock"


def test_lock_for_another_python_is_refused(desk: Desk) -> None:
    made = desk.plan()
    assert made.lock
    inputs = dataclasses.replace(made.lock.inputs, python="3.12")
    with pytest.raises(NotReady) as caught:
        desk.build(dataclasses.replace(made, lock=dataclasses.replace(made.lock, inputs=inputs)))
    assert caught.value.what == "the lock was made for Python 3.12, and the base image oci:base has 3.11"
    assert 'python: "3.11"' in caught.value.fix


def test_base_that_is_not_there_or_for_another_processor_is_refused(desk: Desk) -> None:
    assert "no OCI image layout" in refused(desk, BuildFailed, base="oci:nowhere").why
    make_base(desk.root / "arm", architecture="arm64")
    why = refused(desk, BuildFailed, base="oci:arm").why
    assert why == "it is there for linux/arm64, linux/s390x, not for linux/amd64"


def test_base_is_read_from_a_registry_that_wants_a_login(desk: Desk) -> None:
    """The image of one desk is the base of another: pushed, then read with the login that the push needed."""
    desk.build()
    first = desk.push()
    plan = desk.plan(base=first.ref, pins={"six": "1.17.0"})
    desk.build(plan)
    second = desk.push(plan)
    assert Registry(desk.served.host, Credentials("0sessiontoken", desk.served.door.token())).digest(
        "db/schema/images/training", second.tag
    )
    config, tars = desk.pulled(second)
    assert f"{PACKAGES}/torch.py" in entries(tars)
    assert len(config["history"]) == len(tars)
