"""The first command of a newcomer: `make run`, from a clone to a trained model."""

from __future__ import annotations

import hashlib
import json
import platform
import re
import sys
from pathlib import Path

from tests.support import Project, run


def lend_environment(root: Path) -> None:
    """Have `spcs.venv` find this Python's packages as the project's own, so that nothing is installed."""
    folder = root / ".venv"
    folder.mkdir()
    (folder / "bin").symlink_to(Path(sys.prefix) / "bin")
    pins = hashlib.sha256((root / "requirements.txt").read_bytes()).hexdigest()
    stamp = {"requirements.txt": pins, "python": platform.python_version(), "folder": str(folder.resolve())}
    (folder / "installed.json").write_text(json.dumps(stamp))


def test_make_run_goes_the_whole_way_and_says_how_to_go_on(fresh: Project) -> None:
    lend_environment(fresh.root)
    env = {**fresh.env, "PATH": "/usr/bin:/bin"}  # as in a terminal where .venv is not active
    done = run(["make", "run", f"PYTHON={sys.executable}"], fresh.root, env, 240)
    assert done.code == 0, done
    assert done.stdout.startswith("inv setup data build push run\n"), done
    assert "no Docker or Podman answers here, so the job runs as a plain Python process" in done.stderr
    assert re.search(r"^done: train_\w+ in ", done.stderr, re.MULTILINE), done
    assert done.stderr.endswith("first: source .venv/bin/activate\n"), done

    again = run(["make", "daily", "JOB=trian", f"PYTHON={sys.executable}"], fresh.root, env, 60)
    assert again.code == 2, again
    assert "there is no job 'trian'" in again.stderr
    assert "first: source .venv/bin/activate\n" in again.stderr
