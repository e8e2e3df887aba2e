"""`inv lock` as typed: the locks of this repository, and those of a project whose packages lie on an index of ours."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import support
from tests.indexes import Index, served
from tests.support import Outcome, Project

EXAMPLES = sorted(str(path.relative_to(support.REPO)) for path in support.REPO.glob("examples/*/invoke.yaml"))
SETTINGS = """
pins:
  app: "1.0"
image:
  indexes: {cpu: [], gpu: []}
jobs:
  train: {}
"""
CONTAINERS = {"INVOKE_CONNECTION": "mine"}  # a real account, which runs images with packages in them


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The project as a clone has it. Do not edit its files."""
    return Project(support.copy_project(tmp_path_factory.mktemp("clone") / "project"))


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    with served(tmp_path / "index") as index:
        yield index


@pytest.fixture
def small(tmp_path: Path, index: Index) -> Project:
    """A project with one pin, which needs one package more."""
    index.add("app", "1.0", "helper")
    index.add("app", "1.1", "helper")
    index.add("app", "2.0", "helper<1")
    index.add("helper", "1.0")
    env = {"UV_DEFAULT_INDEX": index.url, "UV_CACHE_DIR": str(tmp_path / "cache"), "UV_FIND_LINKS": ""}
    made = Project(support.copy_project(tmp_path / "project"), env)
    made.write("invoke.yaml", SETTINGS)
    for lock in (made.root / "locks").iterdir():
        lock.unlink()
    return made


def publish(project: Project, index: Index, name: str, version: str) -> None:
    """Have the index get a package that uv has not heard of before."""
    index.add(name, version)
    project.env["UV_CACHE_DIR"] += "x"


def ended(done: Outcome, code: int, *said: str) -> Outcome:
    assert done.code == code, done
    assert "Traceback" not in done.stderr, done
    for text in said:
        assert text in done.stderr, done
    return done


@pytest.mark.parametrize("settings", ["", *EXAMPLES])
def test_the_locks_of_this_repository_fit_its_settings(clone: Project, settings: str) -> None:
    laid_over = ["-f", settings] if settings else []
    done = ended(clone.inv(*laid_over, "lock", "--check"), 0, "the locks fit the settings: locks/cpu.txt")
    assert ("locks/finetune-cpu.txt" in done.stderr) == ("finetune" in settings)


def test_an_edit_of_the_pins_asks_for_one_command_which_moves_only_what_must(small: Project, index: Index) -> None:
    ended(small.inv("lock"), 0, "locks/cpu.txt: 2 packages")
    publish(small, index, "helper", "1.1")
    small.edit("invoke.yaml", '"1.0"', '"1.1"')

    ended(small.inv("lock", "--check"), 3, "app: 1.0 when it was made, 1.1 now", "fix: inv lock")
    ended(small.inv("render", env=CONTAINERS), 3, "locks/cpu.txt was made for other pins", "fix: inv lock")
    done = ended(small.inv("lock"), 0, "resolving locks/cpu.txt")
    assert done.stdout.split() == ["lock", "package", "before", "after", "locks/cpu.txt", "app", "1.0", "1.1"]
    ended(small.inv("lock", "--check"), 0)
    ended(small.inv("lock"), 0, "locks/cpu.txt: 2 packages (unchanged)")
    assert index.url not in "".join(path.read_text() for path in (small.root / "locks").iterdir())
    bill = json.loads((small.root / "locks" / "cpu.cdx.json").read_text())
    assert [each["name"] for each in bill["components"][1:]] == ["app", "helper"]


def test_the_command_that_mends_knows_of_a_file_laid_over(small: Project) -> None:
    small.write("mine.yaml", 'pins: {app: "1.1"}')
    ended(small.inv("lock"), 0)
    ended(small.inv("-f", "mine.yaml", "lock", "--check"), 3, "fix: inv -f mine.yaml lock\n")
    ended(small.inv("-f", "mine.yaml", "render", env=CONTAINERS), 3, "fix: inv -f mine.yaml lock\n")
    ended(small.inv("render", env={**CONTAINERS, "INVOKE_RUNTIME_CONFIG": "mine.yaml"}), 3, "fix: inv lock\n")


def test_upgrade_moves_what_is_no_pin_and_shows_it(small: Project, index: Index) -> None:
    ended(small.inv("lock"), 0)
    ended(small.inv("lock", "--upgrade"), 0, "nothing moves")
    publish(small, index, "helper", "1.1")
    done = ended(small.inv("lock", "--upgrade", "Helper"), 0)
    assert done.stdout.splitlines()[1].split() == ["locks/cpu.txt", "helper", "1.0", "1.1"]
    ended(small.inv("lock", "--upgrade=app"), 2, "app is a pin", "change app under pins in invoke.yaml, then inv lock")
    ended(small.inv("lock", "--upgrade=helpr"), 2, "no lock has a package helpr", "did you mean 'helper'?")
    ended(small.inv("lock", "--check", "--upgrade"), 2, "--check changes nothing")


def test_pins_that_cannot_be_had_leave_the_lock_as_it_was(small: Project) -> None:
    ended(small.inv("lock"), 0)
    before = (small.root / "locks" / "cpu.txt").read_bytes()
    small.edit("invoke.yaml", '"1.0"', '"2.0"')
    ended(small.inv("lock"), 2, "the pins of locks/cpu.txt cannot be had together", "helper<1")
    assert (small.root / "locks" / "cpu.txt").read_bytes() == before


def test_a_plan_shows_what_uv_is_asked_and_writes_nothing(small: Project) -> None:
    done = ended(small.inv("--dry", "lock"), 0)
    assert '"app==1.0",' in done.stdout
    assert "uv pip compile .spcs/locks/cpu/pyproject.toml" in done.stdout
    assert done.stdout.endswith("write locks/cpu.txt, locks/cpu.cdx.json\n")
    assert list((small.root / "locks").iterdir()) == []


def test_a_bill_that_is_not_that_of_its_lock_is_made_anew(small: Project) -> None:
    ended(small.inv("lock"), 0)
    bill = small.root / "locks" / "cpu.cdx.json"
    right = bill.read_text()
    bill.write_text("{}")
    ended(small.inv("lock", "--check"), 3, "locks/cpu.cdx.json is not the bill of materials of locks/cpu.txt")
    ended(small.inv("lock"), 0)
    assert bill.read_text() == right
