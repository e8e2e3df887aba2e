"""The workflow of docs/ci.md: it is YAML, its commands are commands, and no secret is in an argument."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import Any

import yaml

from tests.support import REPO

PARSE = """
import json, sys
import tasks
from invoke.parser import Parser
for words in json.loads(sys.argv[1]):
    Parser(contexts=tasks.ns.to_contexts()).parse_argv(words)
"""


def steps() -> list[dict[str, Any]]:
    workflow = yaml.safe_load((REPO / "examples" / "github" / "train.yml").read_text())
    found: list[dict[str, Any]] = workflow["jobs"]["train"]["steps"]
    return found


def test_its_commands_are_commands_of_ours() -> None:
    typed = [
        line.split()[1:] for step in steps() for line in step.get("run", "").splitlines() if line.startswith("inv ")
    ]
    assert ["build", "push"] in typed
    assert any(words[0] == "report" for words in typed)
    command = [sys.executable, "-c", PARSE, json.dumps(typed)]
    done = subprocess.run(command, cwd=REPO, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_no_secret_and_nothing_from_outside_stands_in_a_script() -> None:
    for step in steps():
        assert "${{" not in step.get("run", ""), step
    told = [step for step in steps() if "secrets." in json.dumps(step)]
    assert [list(step) for step in told] == [["name", "env", "run"]]
    assert "umask 077" in told[0]["run"]


def test_the_report_is_written_whatever_became_of_the_run() -> None:
    after = [step for step in steps() if re.search("inv report|upload-artifact", json.dumps(step))]
    assert [step["if"] for step in after] == ["${{ !cancelled() }}"] * 2
