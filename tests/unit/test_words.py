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
def push(c, job="", engine=""):
    print("push", job, *([engine] if engine else []))

@task
def run(c, job="", engine=""):
    print("run", job, *([engine] if engine else []))

@task(iterable=["run"])
def report(c, run=None, open=False, output=""):
    print("report", run, open, output)

@task
def logs(c, run="", follow=False):
    print("logs", run, follow)

@task
def setup(c, admin=True, json=False):
    print("setup", admin)

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
    assert done.stderr == "error: there is no task 'buidl'\n  fix: did you mean 'build'?\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["build", "--stpes", "4"], "error: there is no option '--stpes'\n  fix: did you mean '--steps'?\n"),
        (["build", "--xyz"], "error: there is no option '--xyz'\n  fix: inv --help build\n"),
        (["--jbo"], "error: there is no option '--jbo'\n  fix: inv --help\n"),
        (["xyz"], "error: there is no task 'xyz'\n  fix: inv --list\n"),
        (["--help", "psh"], "error: there is no task 'psh'\n  fix: did you mean 'push'?\n"),
        (
            ["setup", "--admin=maybe"],
            "error: the option '--admin' takes no value\n  fix: write --admin, or --no-admin\n",
        ),
        (["setup", "--json=yes"], "error: the option '--json' takes no value\n  fix: write --json\n"),
        (["push", "--job=xyz", "xyz"], "error: there is no task 'xyz'\n  fix: inv --list\n"),
        (["push", "--job"], "error: the option '--job' needs a value\n  fix: inv --help push\n"),
    ],
)
def test_every_wrong_word_is_told_in_one_voice(folder: Path, words: list[str], said: str) -> None:
    done = inv(folder, *words)
    assert done.returncode == 2
    assert done.stderr == said


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


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("jobs: null", "'jobs' must be a table, not nothing (mine.yaml)"),
        ("jobs: []", "'jobs' must be a table, not [] (mine.yaml)"),
        ("snowflake: null", "'snowflake' must be a table, not nothing (mine.yaml)"),
        ("snowflake: {compute_pool: null}", "'snowflake.compute_pool' must be a table, not nothing (mine.yaml)"),
        ("snowflake: {role: {}}", "'snowflake.role' must be a table, not 'R' (invoke.yaml)"),
        ("run: 3", "'run' must be a table, not 3 (mine.yaml)"),
        ("1: 2", "the key 1 in mine.yaml is not text"),
        ("jobs: {mine: {env: {on: 1}}}", "the key True in mine.yaml is not text"),
        (b"name: caf\xe9", "mine.yaml is not text"),
        (b"PAR1\x00\x15\x04", "mine.yaml is not YAML"),
        ("a: &a {b: *a}", "mine.yaml contains itself"),
    ],
)
def test_a_wrong_file_given_with_f_is_a_line_not_a_traceback(folder: Path, text: str | bytes, what: str) -> None:
    (folder / "invoke.yaml").write_text("jobs: {train: {}}\nsnowflake: {role: R, compute_pool: {name: P}}\n")
    (folder / "mine.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
    done = inv(folder, "-f", "mine.yaml", "build")
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith(f"error: {what}")
    assert "\n  fix: " in done.stderr


@pytest.mark.parametrize("name", ["mine.txt", "mine.json", "folder.yaml"])
def test_what_is_no_settings_file_is_told(folder: Path, name: str) -> None:
    (folder / "folder.yaml").mkdir()
    (folder / name).exists() or (folder / name).write_text("{")
    done = inv(folder, "-f", name, "build")
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith(f"error: {name} ")
    assert "\n  fix: " in done.stderr


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (b"run: 3", "'run' must be a table, not 3 (invoke.yaml)"),
        (b"1: 2", "the key 1 in invoke.yaml is not text"),
        (b"caf\xe9: 2", "invoke.yaml is not text"),
        (None, "invoke.yaml cannot be read"),
    ],
)
def test_a_wrong_file_of_the_project_is_a_line_not_a_traceback(folder: Path, text: bytes | None, what: str) -> None:
    file = folder / "invoke.yaml"
    file.mkdir() if text is None else file.write_bytes(text)
    done = inv(folder, "build")
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith(f"error: {what}")
    assert "\n  fix: " in done.stderr


def test_our_variables_are_kept_from_invoke_and_its_own_are_not(folder: Path) -> None:
    (folder / "invoke.yaml").write_text("image: {words: [a]}")
    # Invoke would crash on a variable for a list, and take any text for true.
    done = inv(folder, "build", INVOKE_IMAGE_WORDS="[b]", INVOKE_RUN_ECHO="1")
    assert done.returncode == 0, done.stderr
    assert "INVOKE_IMAGE_WORDS" in done.stdout
    assert "INVOKE_RUN_ECHO" not in done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["push", "run", "--job", "mine"], "push mine\nrun mine\n"),
        (["push", "--job", "mine", "run"], "push mine\nrun mine\n"),
        (["push", "--job", "a", "run", "--job", "b"], "push a\nrun b\n"),
        (["push", "run"], "push \nrun \n"),
        (["push", "--job", "a", "run", "--engine", "wheels"], "push a wheels\nrun a wheels\n"),
    ],
)
def test_a_job_or_engine_named_once_holds_for_the_chain(folder: Path, words: list[str], said: str) -> None:
    assert inv(folder, *words).stdout == said


A, B = "train_20261127_120217_6f3n", "Mine_20261127_120217_9wq2"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["logs", A], f"logs {A} False\n"),
        (["logs", "--follow", A], f"logs {A} True\n"),
        (["logs", "--run", A, "--follow"], f"logs {A} True\n"),
        (["report"], "report [] False \n"),
        (["report", A, B], f"report ['{A}', '{B}'] False \n"),
        (["report", A, "--open", B, "logs", B], f"report ['{A}', '{B}'] True \nlogs {B} False\n"),
        (["report", "--output", A, B], f"report ['{B}'] False {A}\n"),
        (["report", f"--run={A}", "push", "--job", B], f"report ['{A}'] False \npush {B}\n"),
    ],
)
def test_the_name_of_a_run_by_itself_is_the_run_meant(folder: Path, words: list[str], said: str) -> None:
    done = inv(folder, *words)
    assert done.stdout == said, done.stderr


def test_the_name_of_a_run_where_none_can_be_meant_is_a_wrong_word(folder: Path) -> None:
    done = inv(folder, "push", A)
    assert done.returncode == 2
    assert f"there is no task '{A}'" in done.stderr


def test_ctrl_c_leaves_with_130(folder: Path) -> None:
    done = inv(folder, "wait")
    assert done.returncode == 130
    assert done.stderr == "left with Ctrl-C\n"
