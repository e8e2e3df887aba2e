"""The account's objects as typed: made once, seen again, warned of where they differ, and taken down."""

from __future__ import annotations

import hashlib
import json
import os
import pty
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from tests.support import INVOKE, REPO, Outcome, Project, run

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
    fresh.sql(
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
    fresh.sql("ALTER COMPUTE POOL TRAINING_POOL SET MAX_NODES = 1 AUTO_SUSPEND_SECS = 300")
    assert "differs  compute pool" not in fresh.inv("setup").stderr


def names(project: Project, statement: str) -> list[str]:
    script = (
        "import sys; from pathlib import Path; from spcs.account import Account, resolve;"
        "a = Account(resolve('local', Path('.')), name='local');"
        "[print(row['name']) for row in a.query(sys.argv[1])]"
    )
    done = run([sys.executable, "-c", script, statement], project.root, project.env, 60)
    assert done.code == 0, done
    return done.stdout.split()


def answered(project: Project, answer: str, *words: str, prompt: str = "[y/N] ") -> Outcome:
    """Run `inv WORDS…` with a terminal of its own as its stdin, on which somebody types `answer` after the prompt."""
    typed, terminal = pty.openpty()
    env, pipe = {**os.environ, **project.env}, subprocess.PIPE
    process = subprocess.Popen(
        [str(INVOKE), *words], cwd=project.root, env=env, stdin=terminal, stdout=pipe, stderr=subprocess.STDOUT,
        text=True, start_new_session=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        said = ""
        while not said.endswith(prompt):
            letter = process.stdout.read(1)
            assert letter, said
            said += letter
        os.write(typed, f"{answer}\n".encode())
        rest, _ = process.communicate(timeout=120)
        return Outcome(process.returncode, "", said + rest, 0)
    finally:
        process.kill()
        os.close(typed)
        os.close(terminal)


def test_somebody_at_a_terminal_is_asked(fresh: Project) -> None:
    assert fresh.inv("setup").code == 0
    no = answered(fresh, "", "teardown")
    assert (no.code, "nothing dropped" in no.stderr) == (0, True), no
    assert told(fresh.inv("--dry", "setup"), "exists") == OBJECTS
    assert answered(fresh, "y", "teardown").code == 0
    assert told(fresh.inv("--dry", "setup"), "exists") == OBJECTS[:5]


def test_what_was_made_goes_and_can_be_made_anew(fresh: Project) -> None:
    settings = {"INVOKE_JOBS_TRAIN_ENV": "{TRAIN_STEPS: 20}"}
    done = fresh.inv("setup", "data", "build", "push", "run", env=settings)
    assert done.code == 0, done

    asked = fresh.inv("teardown", "--admin")
    assert asked.code == 2, asked
    assert "fix: inv teardown --admin --yes\n" in asked.stderr
    for text in (
        "drop     the logs and states of 1 run\n",
        "drop     image repository TRAINING_DB.TRAINING.IMAGES: 1 image\n",
        "drop     table TRAINING_DB.TRAINING.DIGITS: 1797 rows\n",
        " of 1 run, ",
        "drop     role TRAINING_ROLE\n",
        "stays    the integration SNOWSERVICES_INGRESS_OAUTH stays: the whole account shares it\n",
    ):
        assert text in asked.stderr, asked
    assert told(fresh.inv("--dry", "setup"), "exists") == OBJECTS

    plan = fresh.inv("--dry", "teardown", "--admin")
    assert plan.code == 0, plan
    assert re.findall(r"^DROP (\S+ ?\S*) IF", plan.stdout, re.MULTILINE) == [
        *("SERVICE", "IMAGE REPOSITORY", "TABLE", "STAGE", "SCHEMA", "DATABASE"),
        *("COMPUTE POOL", "WAREHOUSE", "ROLE"),
    ]
    assert told(fresh.inv("--dry", "setup"), "exists") == OBJECTS

    gone = fresh.inv("teardown", "--admin", "--yes")
    assert gone.code == 0, gone
    assert names(fresh, "SHOW DATABASES") == []
    assert told(fresh.inv("--dry", "setup"), "exists") == ("security integration SNOWSERVICES_INGRESS_OAUTH",)
    twice = fresh.inv("teardown", "--admin")
    assert twice.code == 0, twice
    assert "there is nothing to drop" in twice.stderr

    anew = fresh.inv("setup", "data", "build", "push", "run", env=settings)
    assert anew.code == 0, anew
    assert len(told(anew, "created")) == len(OBJECTS) - 1


def test_without_admin_what_an_administrator_made_stays(fresh: Project) -> None:
    assert fresh.inv("setup", "data").code == 0
    kept = fresh.inv("teardown", "--keep-data", "--yes")
    assert kept.code == 0, kept
    assert told(fresh.inv("--dry", "setup"), "missing") == ("image repository IMAGES",)
    assert fresh.inv("teardown", "--yes").code == 0
    assert told(fresh.inv("--dry", "setup"), "exists") == OBJECTS[:5]
    again = fresh.inv("teardown")
    assert again.code == 0, again
    assert "there is nothing to drop; pool, warehouse, role and database: --admin" in again.stderr
    assert told(fresh.inv("setup", "--no-admin"), "created") == OBJECTS[5:]


def test_what_the_set_up_did_not_make_stays(fresh: Project) -> None:
    assert fresh.inv("local.up").code == 0
    fresh.sql("CREATE WAREHOUSE TRAINING_WH")
    assert fresh.inv("setup").code == 0
    fresh.sql(
        "CREATE TABLE TRAINING_DB.TRAINING.MINE (A INT)",
        "CREATE SCHEMA TRAINING_DB.OTHERS",
        "CREATE TABLE TRAINING_DB.PUBLIC.THEIRS (A INT)",
    )
    done = fresh.inv("teardown", "--admin", "--yes")
    assert told(done, "stays")[:4] == (
        "schema TRAINING_DB.TRAINING: it holds what inv setup did not make: MINE",
        "database TRAINING_DB: it holds what inv setup did not make: OTHERS, TRAINING, THEIRS",
        "warehouse TRAINING_WH: its comment does not say 'made by inv setup'",
        "role TRAINING_ROLE: it owns database TRAINING_DB",
    )
    assert sorted(names(fresh, "SHOW TABLES IN DATABASE TRAINING_DB")) == ["MINE", "THEIRS"]
    assert names(fresh, "SHOW STAGES IN DATABASE TRAINING_DB") == []
    assert names(fresh, "SHOW COMPUTE POOLS") == []


def test_a_pool_that_others_use_stays(fresh: Project) -> None:
    assert fresh.inv("setup", "build", "push").code == 0
    going_on = {
        "INVOKE_JOBS_TRAIN_COMMAND": "[python, -c, 'import time; time.sleep(600)']",
        "INVOKE_JOBS_TRAIN_ARGS": "[]",
    }
    started = fresh.inv("run", "--no-follow", env=going_on)
    assert started.code == 0, started
    other = {"INVOKE_SNOWFLAKE_SCHEMA": "ELSEWHERE"}
    assert fresh.inv("setup", env=other).code == 0
    done = fresh.inv("teardown", "--admin", "--yes", env=other)
    assert done.code == 0, done
    assert re.search(r"stays +compute pool TRAINING_POOL: others use it: TRAINING_DB.TRAINING.TRAIN_", done.stderr)
    assert names(fresh, "SHOW COMPUTE POOLS") == ["TRAINING_POOL"]
    mine = fresh.inv("teardown", "--admin", "--yes")
    assert mine.code == 0, mine
    assert "drop     the logs and states of 1 run, 1 still going on\n" in mine.stderr
    assert names(fresh, "SHOW COMPUTE POOLS") == []


def test_the_plan_says_what_is_missing(fresh: Project) -> None:
    assert fresh.inv("local.up").code == 0
    done = fresh.inv("--dry", "setup")
    assert told(done, "missing") == OBJECTS
    assert told(fresh.inv("setup"), "created") == OBJECTS


def logins(project: Project) -> int:
    """How many sessions the local account has ever had."""
    file = Path(project.env["SPCS_LOCAL_ROOT"]) / "state.db"
    with closing(sqlite3.connect(file, timeout=60)) as state:
        return int(state.execute("SELECT seq FROM sqlite_sequence WHERE name = 'sessions'").fetchone()[0])


HUB = """
  hub:
    command: [python, hub.py]
    code: [hub.py]
    network: [huggingface.co]
    secrets: [{name: HUB_TOKEN, env: HF_TOKEN}]
    log_level: ERROR
"""
PROGRAM = "import hashlib, os; print('digest', hashlib.sha256(os.environ['HF_TOKEN'].encode()).hexdigest())\n"
ACCESS = (
    "schema TRAINING_DB.TRAINING_NETWORK",
    "network rule TRAINING_DB.TRAINING_NETWORK.HUB",
    "external access integration TRAINING_DB_TRAINING_HUB_ACCESS",
)


def test_a_job_gets_its_secret_and_its_hosts_and_both_are_taken_down(fresh: Project) -> None:
    value = "it's a token with $$ and ? in it"
    fresh.write("invoke.yaml", (REPO / "invoke.yaml").read_text() + HUB)
    fresh.write("hub.py", PROGRAM)
    level, given = {"INVOKE_SNOWFLAKE_LOG_EVENT_LEVEL": "INFO"}, {"SPCS_SECRET_HUB_TOKEN": value}
    plan = fresh.inv("--dry", "setup", "--job", "hub", env=level | given)
    assert "SECRET_STRING = ?" in plan.stdout
    without = fresh.inv("setup", "--job", "hub", env=level)
    assert told(without, "created")[5:8] == ACCESS
    assert "fix: export SPCS_SECRET_HUB_TOKEN=…, then inv setup --no-admin --job hub\n" in without.stderr
    assert told(without, "missing") == ("secret HUB_TOKEN",)
    assert "ok       ALTER DATABASE TRAINING_DB SET LOG_EVENT_LEVEL = INFO\n" in without.stderr
    refused = fresh.inv("build", "push", "run", "--job", "hub")
    assert (refused.code, "TRAINING_DB.TRAINING.HUB_TOKEN does not exist" in refused.stderr) == (3, True), refused

    typed = answered(fresh, value, "setup", "--no-admin", "--job", "hub", prompt="leave it out): ")
    assert typed.code == 0, typed
    assert "created  secret HUB_TOKEN\n" in typed.stderr
    assert "value of the secret HUB_TOKEN (not shown" in typed.stderr
    assert value not in typed.stderr
    assert told(fresh.inv("setup", "--job", "hub"), "created") == ()
    before = logins(fresh)
    done = fresh.inv("setup", "build", "push", "run", "--job", "hub")
    assert done.code == 0, done
    assert logins(fresh) == before + 1, "a chain logs in once"
    assert f"digest {hashlib.sha256(value.encode()).hexdigest()}" in done.stdout + done.stderr

    looked = [json.loads(line) for line in fresh.inv("doctor", "--job", "hub", "--json").stdout.splitlines()]
    found = {each["check"]: each["status"] for each in looked if "check" in each}
    assert [found[check] for check in ("grants", "secrets", "integrations")] == ["ok"] * 3, looked

    fresh.edit("invoke.yaml", "network: [huggingface.co]", "network: [huggingface.co, example.org]")
    differs = fresh.inv("setup", "--job", "hub")
    (line,) = told(differs, "differs")
    rule = "network rule TRAINING_DB.TRAINING_NETWORK.HUB"
    assert line == f"{rule} lets out to huggingface.co, the settings say huggingface.co, example.org"
    fix = "ALTER NETWORK RULE TRAINING_DB.TRAINING_NETWORK.HUB SET VALUE_LIST = ('huggingface.co', 'example.org')"
    assert f"fix: {fix}\n" in differs.stderr
    fresh.sql(fix)
    assert told(fresh.inv("setup", "--job", "hub"), "differs") == ()

    kept = fresh.inv("teardown", "--keep-data", "--yes")
    assert kept.code == 0, kept
    assert names(fresh, "SHOW SECRETS IN ACCOUNT") == ["HUB_TOKEN"]
    gone = fresh.inv("teardown", "--admin", "--yes")
    assert gone.code == 0, gone
    assert names(fresh, "SHOW DATABASES") == []
    assert names(fresh, "SHOW INTEGRATIONS") == ["SNOWSERVICES_INGRESS_OAUTH"]
