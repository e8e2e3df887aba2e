"""The lock that an image takes, as it lies in the project: whether it still fits, and that nothing is built if not."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from spcs.config import Job, Settings
from spcs.config.model import Image, Version
from spcs.errors import NotReady
from spcs.lock import Inputs, Lock, Requirement, Wanted, read, text
from spcs.project import Project
from spcs.steps.image import image_plan
from tests.images import lock_of
from tests.support import REPO

INPUTS = Inputs("cpu", "3.11", "linux/amd64", ("numpy==2.4.6", "six==1.17.0"))
WANTED = Wanted("locks/cpu.txt", INPUTS, "python:3.11")
HASH = ("sha256:" + "0" * 64,)
LOCK = Lock(INPUTS, (Requirement("numpy", "2.4.6", HASH), Requirement("six", "1.17.0", HASH)))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "locks").mkdir()
    (tmp_path / "locks" / "cpu.txt").write_text(text(LOCK))
    return tmp_path


def wanting(**changed: object) -> Wanted:
    return dataclasses.replace(WANTED, inputs=dataclasses.replace(INPUTS, **changed))  # type: ignore[arg-type]


def test_one_that_fits_is_read(root: Path) -> None:
    assert read(root, WANTED) == LOCK


@pytest.mark.parametrize(
    ("now", "said"),
    [
        ({"pins": ("numpy==2.4.7", "six==1.17.0")}, "numpy: 2.4.6 when it was made, 2.4.7 now"),
        ({"pins": ("numpy==2.4.6",)}, "six: 1.17.0 when it was made, not there now"),
        ({"pins": (*INPUTS.pins, "torch==2.13.0")}, "torch: not there when it was made, 2.13.0 now"),
        ({"python": "3.12"}, "python: 3.11 when it was made, 3.12 now"),
    ],
)
def test_one_that_was_made_for_something_else_is_refused(root: Path, now: dict[str, object], said: str) -> None:
    with pytest.raises(NotReady) as caught:
        read(root, wanting(**now))
    assert (caught.value.code, caught.value.why, caught.value.fix) == (3, said, "inv lock")


def test_one_that_is_missing_or_no_lock_is_refused(root: Path) -> None:
    file = root / "locks" / "cpu.txt"
    file.write_text(file.read_text().replace("six==1.17.0 \\", "six==1.16.0 \\").replace("\n\n", "\n# note\n\n"))
    with pytest.raises(NotReady, match="changed by hand"):
        read(root, WANTED)
    file.unlink()
    with pytest.raises(NotReady, match=r"there is no locks/cpu\.txt"):
        read(root, WANTED)


def project(folder: Path, engine: str) -> Project:
    """One whose account runs containers, unless it is to do without an engine."""
    (folder / "Dockerfile.j2").write_text((REPO / "Dockerfile.j2").read_text())
    (folder / "locks").mkdir()
    (folder / "x.py").write_text("")
    image = Image(engine="none" if engine == "none" else "auto")
    connection = "local" if engine == "none" else "mine"
    return Project(folder, Settings(connection=connection, image=image, pins={"six": Version("1.17.0")}), dry=False)


def test_an_image_installs_what_its_lock_names_with_hashes(tmp_path: Path) -> None:
    made = project(tmp_path, "docker")
    (tmp_path / "locks" / "cpu.txt").write_text(text(lock_of({"six": "1.17.0"})))
    plan = image_plan(made, Job(code=("x.py",)), url="r")
    (requirements,) = [file.content.decode() for file in plan.files if file.path == "requirements-light.txt"]
    assert requirements.startswith("six==1.17.0 \\\n    --hash=sha256:4721f391ed90")
    assert "--require-hashes --no-deps" in plan.dockerfile
    assert plan.lock == lock_of({"six": "1.17.0"})


def test_an_image_is_not_planned_without_its_lock(tmp_path: Path) -> None:
    with pytest.raises(NotReady, match=r"there is no locks/cpu\.txt"):
        image_plan(project(tmp_path, "docker"), Job(code=("x.py",)), url="r")


def test_an_image_that_is_made_without_an_engine_needs_none(tmp_path: Path) -> None:
    plan = image_plan(project(tmp_path, "none"), Job(code=("x.py",)), url="r")
    assert [file.path for file in plan.files] == ["x.py"]
    assert "requirements-light.txt" in plan.dockerfile  # what inv render shows is how an engine would make it
