"""`python3 -m spcs.venv`, with real environments of a project that pins nothing."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from spcs import venv
from tests.support import REPO, Outcome, run


@pytest.fixture(scope="module")
def small_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("small")
    (root / "spcs").mkdir()
    shutil.copy(REPO / "spcs" / "venv.py", root / "spcs")
    (root / "requirements.txt").write_text("# nothing\n")
    (root / "requirements-test.txt").write_text("# nothing either\n")
    return root


def make(root: Path, *words: str) -> Outcome:
    return run([sys.executable, "-m", "spcs.venv", *words], root, {}, 120)


def test_first_call_makes_and_second_is_silent(small_project: Path) -> None:
    shutil.rmtree(small_project / ".venv", ignore_errors=True)
    first = make(small_project)
    assert first.code == 0, first
    assert "making .venv" in first.stdout
    assert subprocess.run([small_project / ".venv" / "bin" / "python", "-c", "import pip"], check=False).returncode == 0
    second = make(small_project)
    assert (second.code, second.stdout) == (0, "")


def test_changed_pins_are_installed_again(small_project: Path) -> None:
    make(small_project)
    (small_project / "requirements.txt").write_text("# nothing, put otherwise\n")
    again = make(small_project)
    assert "installing requirements.txt" in again.stdout
    assert "making .venv" not in again.stdout


def test_test_pins_come_on_top(small_project: Path) -> None:
    make(small_project)
    assert "installing requirements-test.txt" in make(small_project, "--test").stdout
    assert make(small_project).stdout == ""


def test_interrupted_installation_is_thrown_away(small_project: Path) -> None:
    make(small_project)
    (small_project / ".venv" / "installed.json").write_text('{"installing": "requirements.txt"}')
    again = make(small_project)
    assert "interrupted" in again.stdout
    assert "making .venv" in again.stdout


def test_environment_without_its_python_is_made_again(small_project: Path) -> None:
    make(small_project)
    python = small_project / ".venv" / "bin" / "python"
    python.unlink()
    assert "broken" in make(small_project).stdout
    assert python.exists()


def test_failing_pip_shows_its_own_words(small_project: Path) -> None:
    (small_project / "requirements.txt").write_text("./no-such-folder\n")
    failed = make(small_project)
    (small_project / "requirements.txt").write_text("# nothing\n")
    assert failed.code == 3
    assert "no-such-folder" in failed.stderr
    assert "error: pip failed" in failed.stderr


def test_old_python_is_told_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(venv, "NEEDS", (4, 0))
    assert venv.main([]) == 3
    assert "error: Python 4.0 or newer is needed" in capsys.readouterr().err


def test_missing_ensurepip_names_the_package(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert venv.main([]) == 3
    assert "\n  fix: sudo apt-get install python3." in capsys.readouterr().err
