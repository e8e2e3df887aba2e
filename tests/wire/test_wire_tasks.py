"""Tasks of the local account, and schedules: kept, shown, and run by EXECUTE TASK to the verdict of their job."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from spcs.account import schedules, sql
from tests.accounts import LocalAccount, local_account, spec
from tests.wire import images

EVERY_NIGHT = "SCHEDULE = 'USING CRON 0 3 * * * UTC'"


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAccount]:
    with local_account(tmp_path_factory.mktemp("tasks"), "process") as made:
        images.push(f"{made.host}/db/s/images", made.registry_password())
        yield made


def ended(account: LocalAccount, task: str) -> dict[str, Any]:
    """Run the task now, and return the line of its history once it is written."""
    before = len(history(account, task))
    account.query(f"EXECUTE TASK {task}")
    while len(found := history(account, task)) == before or found[0]["STATE"] == "EXECUTING":
        pass  # every look is a round over the wire
    return found[0]


def history(account: LocalAccount, task: str) -> list[dict[str, Any]]:
    return account.query(f"SELECT * FROM TABLE(DB.INFORMATION_SCHEMA.TASK_HISTORY(TASK_NAME => '{task}'))")


def schedule(account: LocalAccount, task: str, code: str, suffix: str) -> None:
    """As `inv schedule` makes it, for runs called t_<moment>_<suffix>."""
    name = f"t_20200101_000000_{suffix}"
    statement = sql.execute_job(f"DB.S.{name}", pool="POOL", spec=spec(code))
    block = schedules.job_block(statement, name, "t_", f"_{suffix}")
    account.query(schedules.create_task(task, block, cron="0 3 * * *", zone="UTC", timeout_ms=60_000, comment="c"))


def test_a_new_task_is_suspended_and_shown_as_it_was_made(account: LocalAccount) -> None:
    account.query(f"CREATE TASK T_SHOWN WAREHOUSE = W {EVERY_NIGHT} COMMENT = 'mine' AS SELECT 'a;b'")
    (task,) = account.query("SHOW TASKS LIKE 'T_SHOWN' IN SCHEMA DB.S")
    assert (task["state"], task["schedule"], task["definition"], task["comment"], task["warehouse"]) == (
        *("suspended", "USING CRON 0 3 * * * UTC", "SELECT 'a;b'", "mine", "W"),
    )
    account.query("ALTER TASK T_SHOWN RESUME")
    assert account.query("DESCRIBE TASK T_SHOWN")[0]["state"] == "started"
    account.query("ALTER TASK T_SHOWN SUSPEND")
    assert account.query("DESCRIBE TASK T_SHOWN")[0]["state"] == "suspended"
    assert account.one("DROP TASK T_SHOWN") == "T_SHOWN successfully dropped."
    assert account.refused("EXECUTE TASK T_SHOWN").errno == 2003


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TASK T_BAD SCHEDULE = 'USING CRON 0 3 * * UTC' AS SELECT 1",
        "CREATE TASK T_BAD SCHEDULE = 'now and then' AS SELECT 1",
        "CREATE TASK T_BAD AFTER T_OTHER AS SELECT 1",
        "CREATE TASK T_BAD AS SELCT 1",
        "CREATE TASK T_BAD AS EXECUTE IMMEDIATE $$BEGIN RETURN 1; END$$",
        "CREATE TASK T_BAD AS EXECUTE IMMEDIATE $$BEGIN LET a := 1; EXECUTE IMMEDIATE :b; END$$",
        "CREATE TASK T_BAD AS",
    ],
)
def test_what_is_not_known_here_is_refused_when_the_task_is_made(account: LocalAccount, statement: str) -> None:
    account.refused(statement)
    assert account.query("SHOW TASKS LIKE 'T_BAD' IN SCHEMA DB.S") == []


def test_a_task_ends_as_its_statement_does(account: LocalAccount) -> None:
    account.query("CREATE TASK T_GOOD AS CREATE TABLE DB.S.MADE_BY_TASK (I INT)")
    first = ended(account, "T_GOOD")
    assert (first["STATE"], first["ERROR_MESSAGE"]) == ("SUCCEEDED", None)
    second = ended(account, "T_GOOD")
    assert second["STATE"] == "FAILED"
    assert "already exists" in second["ERROR_MESSAGE"]


def test_a_schedule_runs_its_job_under_a_new_name_and_waits_for_it(account: LocalAccount) -> None:
    schedule(account, "T_JOB", """print('it\\'s', "$HOME", '\\\\n')""", "bcdf")
    assert ended(account, "T_JOB")["STATE"] == "SUCCEEDED"
    (job,) = [row["name"] for row in account.query("SHOW JOB SERVICES LIKE 't_20%_bcdf' IN SCHEMA DB.S")]
    assert re.fullmatch(r"T_20\d{6}_\d{6}_BCDF", job)
    assert account.status(job) == "DONE"
    assert account.logs(job) == [r"it's $HOME \n"]


def test_a_schedule_fails_as_its_job_does(account: LocalAccount) -> None:
    schedule(account, "T_FAILS", "raise SystemExit(3)  # costs $$", "ghjk")
    told = ended(account, "T_FAILS")
    assert told["STATE"] == "FAILED"
    assert "failed to complete" in told["ERROR_MESSAGE"]
