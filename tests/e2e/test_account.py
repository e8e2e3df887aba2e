"""The account's objects as typed: made once, seen again, warned of where they differ, and taken down."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from tests.support import Outcome, Project, run

OBJECTS = (
    "role TRAINING_ROLE",
    "database TRAINING_DB",
    "warehouse TRAINING_WH",
    "security integration SNOWSERVICES_INGRESS_OAUTH",
    "compute pool TRAINING_POOL",
    "schema TRAINING",
    "image repository IMAGES",
    "stage RUNS",
)


def sql(project: Project, *statements: str) -> None:
    script = (
        "import sys; from pathlib import Path; from spcs.account import Account, resolve;"
        "a = Account(resolve('local', Path('.')), name='local');"
        "[a.query(statement) for statement in sys.argv[1:]]"
    )
    done = run([sys.executable, "-c", script, *statements], project.root, project.env, 60)
    assert done.code == 0, done


def told(done: Outcome, state: str) -> tuple[str, ...]:
    """The objects of which a set-up said `state`."""
    assert done.code == 0, done
    return tuple(re.findall(rf"^{state} +(.+)$", done.stderr, re.MULTILINE))


def test_a_set_up_says_what_it_made_and_the_next_one_what_it_found(fresh: Project) -> None:
    plan = fresh.inv("--dry", "setup")
    assert "what the account holds is not known: the local account does not run" in plan.stderr
    assert not Path(fresh.env["SPCS_LOCAL_ROOT"]).exists(), "an account was started"
    first = fresh.inv("setup")
    assert told(first, "created") == OBJECTS
    assert told(first, "exists") == ()
    second = fresh.inv("setup")
    assert (told(second, "created"), told(second, "exists"), told(second, "differs")) == ((), OBJECTS, ())
    again = fresh.inv("--dry", "setup")
    assert again.stdout == plan.stdout
    assert told(again, "exists") == OBJECTS


def test_what_differs_is_warned_of_and_stays(fresh: Project) -> None:
    assert fresh.inv("setup").code == 0
    sql(
        fresh,
        "ALTER COMPUTE POOL TRAINING_POOL SET MAX_NODES = 3 AUTO_SUSPEND_SECS = 3600",
        "DROP STAGE TRAINING_DB.TRAINING.RUNS",
        "CREATE STAGE TRAINING_DB.TRAINING.RUNS",
    )
    family = {"INVOKE_SNOWFLAKE_COMPUTE_POOL_INSTANCE_FAMILY": "CPU_X64_M"}
    for words in (("--dry", "setup"), ("setup",), ("setup",)):
        done = fresh.inv(*words, env=family)
        assert told(done, "differs") == (
            "compute pool TRAINING_POOL has machines of CPU_X64_S, the settings say CPU_X64_M",
            "compute pool TRAINING_POOL has MAX_NODES 3 and AUTO_SUSPEND_SECS 3600, the settings say 1 and 300",
            "stage RUNS is encrypted by SNOWFLAKE_FULL, the settings say SNOWFLAKE_SSE",
        )
        assert "fix: ALTER COMPUTE POOL TRAINING_POOL SET MAX_NODES = 1 AUTO_SUSPEND_SECS = 300\n" in done.stderr
    sql(fresh, "ALTER COMPUTE POOL TRAINING_POOL SET MAX_NODES = 1 AUTO_SUSPEND_SECS = 300")
    assert "differs  compute pool" not in fresh.inv("setup").stderr


def test_the_plan_says_what_is_missing(fresh: Project) -> None:
    assert fresh.inv("local.up").code == 0
    done = fresh.inv("--dry", "setup")
    assert told(done, "missing") == OBJECTS
    assert told(fresh.inv("setup"), "created") == OBJECTS
