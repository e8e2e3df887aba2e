"""Invoke's rough edges, each shown on the installed Invoke through a task file of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
TASKS = """
from invoke import task
from spcs.words import environment, smooth
smooth()

@task
def build(c, steps=3):
    print(c.config.get("image"), sorted(environment), steps)

@task
def wait(c):
    raise KeyboardInterrupt
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "tasks.py").write_text(TASKS)
    return tmp_path


def inv(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "invoke", *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_an_unknown_task_gets_a_hint_and_exit_code_2(folder: Path) -> None:
    done = inv(folder, "buidl")
    assert done.returncode == 2
    assert "No idea what 'buidl' is!" in done.stderr
    assert "did you mean 'build'?" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_number_that_is_none_is_a_line_not_a_traceback(folder: Path) -> None:
    done = inv(folder, "build", "--steps", "abc")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "abc" in done.stderr


@pytest.mark.parametrize(
    ("text", "what"),
    [("image: [", "invoke.yaml:2 is not YAML"), ("- a\n- b\n", "invoke.yaml must be a table of settings")],
)
def test_a_broken_settings_file_is_named_with_its_line(folder: Path, text: str, what: str) -> None:
    (folder / "invoke.yaml").write_text("\n" + text if text.startswith("image") else text)
    done = inv(folder, "build")
    assert done.returncode == 2
    assert what in done.stderr
    assert "Traceback" not in done.stderr


def test_our_variables_are_kept_from_invoke_and_its_own_are_not(folder: Path) -> None:
    (folder / "invoke.yaml").write_text("image: {words: [a]}")
    # Invoke would crash on a variable for a list, and take any text for true.
    done = inv(folder, "build", INVOKE_IMAGE_WORDS="[b]", INVOKE_RUN_ECHO="1")
    assert done.returncode == 0, done.stderr
    assert "INVOKE_IMAGE_WORDS" in done.stdout
    assert "INVOKE_RUN_ECHO" not in done.stdout


def test_ctrl_c_leaves_with_130(folder: Path) -> None:
    done = inv(folder, "wait")
    assert done.returncode == 130
    assert "Traceback" not in done.stderr
