"""The output folder as a stage volume: tests/stage_mount refuses what object storage cannot do."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import REPO

Python = Callable[..., subprocess.Popen[str]]
Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(python: Python, tmp_path: Path) -> Run:
    """Runs Python on the words given, to its end, with the mount as output folder; returns the code and the talk."""
    (tmp_path / "output").mkdir()
    env = {
        "PYTHONPATH": os.pathsep.join([str(REPO / "tests" / "stage_mount"), str(REPO)]),
        "STAGE_MOUNT": str(tmp_path / "output"),
        "STAGE_LOG": str(tmp_path / "made"),
    }

    def to_the_end(*words: str) -> tuple[int, str]:
        process = python(*words, env=env)
        out, err = process.communicate(timeout=240)
        return process.returncode, out + err

    return to_the_end


@pytest.mark.parametrize(
    "attempt",
    [
        "open(there, 'a')",
        "open(there, 'r+')",
        "open(there, 'w')",
        "open(there, 'rb').seek(1)",
        "open(new, 'wb').seek(1)",
        "os.open(there, os.O_WRONLY | os.O_APPEND)",
        "os.rename(there, new)",
        "os.replace(elsewhere, new)",
        "os.link(there, new)",
        "os.truncate(there, 0)",
        "pathlib.Path(there).open('a')",
        "pathlib.Path(there).rename(new)",
    ],
)
def test_the_mount_refuses_what_object_storage_cannot_do(run: Run, attempt: str) -> None:
    code, said = run(
        "-c",
        f"""
import os, pathlib
output = pathlib.Path(os.environ["STAGE_MOUNT"])
there, new, elsewhere = str(output / "there"), str(output / "new"), str(output.parent / "elsewhere")
pathlib.Path(there).write_bytes(b"abc"), pathlib.Path(elsewhere).write_bytes(b"abc")
assert open(there).read() == "abc" and pathlib.Path(there).read_bytes() == b"abc"
{attempt}
""",
    )
    assert code == 1
    assert "not on a stage" in said


def test_a_run_and_the_one_that_goes_on_do_without(run: Run, tmp_path: Path) -> None:
    words = ("--threads", "1", "--save-every", "20", "--eval-every", "20", "--log-every", "10", "--image", "8x8")
    for more in (("--steps", "40"), ("--steps", "60", "--processes", "2")):
        code, said = run("-m", "app", *words, *more)
        assert code == 0, said
    assert "resumed_from=40" in said
    made = set((tmp_path / "made").read_text().splitlines())
    kept = {str(path) for path in (tmp_path / "output").rglob("*") if path.is_file()}
    assert len(kept) == 10 + 2 * 2
    assert kept <= made
