"""`inv pool` as typed."""

from __future__ import annotations

import json

from tests.support import Outcome, Project


def shown(done: Outcome) -> dict[str, object]:
    assert done.code == 0, done
    return dict(json.loads(done.stdout))


def test_the_pool_is_shown_suspended_and_resumed(desk: Project) -> None:
    before = shown(desk.inv("pool", "--json"))
    assert (before["pool"], before["instance_family"], before["max_nodes"]) == ("TRAINING_POOL", "CPU_X64_S", 1)
    assert before["credits_per_hour"] is None, "the local account bills nothing"
    assert shown(desk.inv("pool", "--suspend", "--json"))["state"] == "SUSPENDED"
    assert shown(desk.inv("pool", "--resume", "--json"))["state"] == "IDLE"
    lines = desk.inv("pool", "--status").stdout.splitlines()
    assert lines[:2] == ["pool        TRAINING_POOL", "state       IDLE"]
    assert "suspends    after 300 s without any" in lines


def test_a_plan_and_wrong_words(desk: Project) -> None:
    done = desk.inv("--dry", "pool", "--suspend")
    assert done.stdout.splitlines()[0] == "ALTER COMPUTE POOL TRAINING_POOL SUSPEND;"
    both = desk.inv("pool", "--suspend", "--resume")
    assert (both.code, "--suspend and --resume are opposites" in both.stderr) == (2, True)
    missing = desk.inv("pool", "--job", "train_gpu")
    assert (missing.code, "fix: inv setup --job train_gpu" in missing.stderr) == (3, True)
