"""`inv render --diff` as typed: what has changed since the last run, and that nothing has."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.support import Outcome, Project

DIFF = ("render", "--diff", "--job", "tiny")
JOB = "\njobs:\n  tiny: {command: [python, tiny.py], code: [tiny.py], pins: {}}\n"


def changed(done: Outcome) -> tuple[set[str], set[str]]:
    """The files that differ, and the lines that are other in them."""
    assert done.code == 0, done
    lines = done.stdout.splitlines()
    files = {line.removeprefix("+++ now/") for line in lines if line.startswith("+++ now/")}
    return files, {line for line in lines if line[:1] in "+-" and line[:3] not in ("+++", "---")}


def test_nothing_to_compare_with_is_said_and_no_account_started(fresh: Project) -> None:
    done = fresh.inv("render", "--diff")
    assert done.code == 3, done
    assert "no run of job 'train' is known over the connection 'local'" in done.stderr
    assert "fix: inv build push run --job train" in done.stderr
    assert not Path(fresh.env["SPCS_LOCAL_ROOT"]).exists()


def test_what_changed_since_the_last_run(fresh: Project) -> None:
    fresh.edit("invoke.yaml", "\njobs:\n", JOB)
    fresh.write("tiny.py", "print('tiny')\n")
    done = fresh.inv("setup", "build", "push", "run", "--job", "tiny")
    assert done.code == 0, done
    done = fresh.inv(*DIFF)
    assert (done.code, done.stdout) == (0, ""), done
    assert "unchanged since tiny_" in done.stderr
    assert not (fresh.root / ".spcs" / "build").exists()

    fresh.write("tiny.py", "print('other')\n")
    files, lines = changed(fresh.inv(*DIFF))
    assert files == {"spec.yaml"}
    assert [line[:13] for line in sorted(lines)] == ['+    image: "', '-    image: "']

    fresh.edit("Dockerfile.j2", "USER 1000:1000", "RUN true\nUSER 1000:1000")
    done = fresh.inv(*DIFF, env={"INVOKE_SNOWFLAKE_COMPUTE_POOL_MAX_NODES": "2", "INVOKE_JOBS_TINY_SHM": "1Gi"})
    files, lines = changed(done)
    assert files == {"Dockerfile", "spec.yaml", "setup.sql"}
    assert {"+RUN true", '+      mountPath: "/dev/shm"'} <= lines
    assert any(line.startswith("+") and "MAX_NODES = 2" in line for line in lines)
    assert "unchanged" not in done.stderr

    shutil.rmtree(fresh.root / ".spcs" / "runs")
    done = fresh.inv(*DIFF)
    assert changed(done)[0] == {"Dockerfile", "spec.yaml"}
    assert "it is not known" not in done.stderr
    assert fresh.inv("--dry", *DIFF).code == 0
    assert fresh.inv("render", "--diff", "--job", "train").code == 3


def test_a_run_needs_no_setup_sql_to_be_compared_with(fresh: Project) -> None:
    fresh.edit("invoke.yaml", "\njobs:\n", JOB)
    fresh.write("tiny.py", "print('tiny')\n")
    assert fresh.inv("setup").code == 0
    whole = (fresh.root / "templates" / "setup.sql.j2").read_text()
    fresh.write("templates/setup.sql.j2", "{{ nothing }}\n")
    done = fresh.inv("build", "push", "run", "--job", "tiny")
    assert done.code == 0, done
    fresh.write("templates/setup.sql.j2", whole)
    done = fresh.inv(*DIFF)
    assert done.code == 0, done
    assert "had: setup.sql" in done.stderr
    assert ": Dockerfile, spec.yaml\n" in done.stderr
