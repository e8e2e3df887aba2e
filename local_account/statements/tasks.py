"""Tasks: kept, shown, and run by EXECUTE TASK. No clock runs them."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

from local_account.account import Account
from local_account.catalog import Object, Path
from local_account.errors import SqlError, invalid_value
from local_account.parse.tasks import (
    AlterTask,
    CreateTask,
    DescribeTask,
    DropTask,
    ExecuteTask,
    Immediate,
    ShowTasks,
    TaskHistory,
    variables,
)
from local_account.sessions import Session
from local_account.statements.result import SELECT, Column, Result, rows, status, text, timestamp
from local_account.statements.show import moment, narrowed, place

KIND = "TASK"
SERVERLESS = "COMPUTE_SERVICE_WH"
"""What a task without a warehouse of its own has in USE: Snowflake's own machines stand behind such a name."""
_CRON = re.compile(r"USING\s+CRON(\s+[\dA-Z*/,-]+){5}\s+\S+", re.IGNORECASE)
_EVERY = re.compile(r"\d+\s+(HOUR|MINUTE|SECOND)S?|\d+\s+[HMS]", re.IGNORECASE)
_TABLES = """
CREATE TABLE IF NOT EXISTS task_runs (
    query TEXT PRIMARY KEY, task INTEGER NOT NULL, state TEXT NOT NULL, error TEXT, started REAL NOT NULL, ended REAL);
"""


def create(account: Account, session: Session, wanted: CreateTask) -> Result:
    path = session.qualify(wanted.name)
    account.catalog.get("SCHEMA", Path(path.database, "", path.schema))
    properties = dict(wanted.properties)
    schedule = str(properties.get("SCHEDULE") or "")
    if schedule and not (_CRON.fullmatch(schedule) or _EVERY.fullmatch(schedule)):
        raise invalid_value(schedule, "SCHEDULE")
    _parsed(wanted.definition)
    comment = str(properties.pop("COMMENT", "") or "")
    made = account.catalog.create(
        KIND,
        path,
        session.role,
        properties | {"definition": wanted.definition, "suspended": True},
        or_replace=wanted.or_replace,
        if_not_exists=wanted.if_not_exists,
        comment=comment,
    )
    if not made:
        return status(f"{path.name} already exists, statement succeeded.")
    account.grants.add("OWNERSHIP", KIND, str(path), "ROLE", session.role, session.role, option=True)
    return status(f"Task {path.name} successfully created.")


def alter(account: Account, session: Session, wanted: AlterTask) -> Result:
    path = session.qualify(wanted.name)
    found = account.catalog.find(KIND, path) if wanted.if_exists else account.catalog.get(KIND, path)
    if found:
        account.catalog.update(found, properties={"suspended": None if wanted.resume else True})
    return status("Statement executed successfully.")


def drop(account: Account, session: Session, wanted: DropTask) -> Result:
    path = session.qualify(wanted.name)
    if not account.catalog.drop(KIND, path, if_exists=wanted.if_exists):
        return status("Drop statement executed successfully (object already dropped).")
    account.grants.forget(KIND, str(path))
    return status(f"{path.name} successfully dropped.")


_COLUMNS: list[Column | str] = [
    timestamp("created_on"),
    *("name", "id", "database_name", "schema_name", "owner", "comment", "warehouse", "schedule", "predecessors"),
    *("state", "definition", "condition", "allow_overlapping_execution", "error_integration"),
    timestamp("last_committed_on"),
    timestamp("last_suspended_on"),
    *("owner_role_type", "config", "budget"),
]


def show(account: Account, session: Session, wanted: ShowTasks) -> Result:
    found = account.catalog.list(KIND, *place(account, session, wanted.scope))
    return rows(_COLUMNS, narrowed([(task.name, _row(task)) for task in found], wanted.scope))


def describe(account: Account, session: Session, wanted: DescribeTask) -> Result:
    return rows(_COLUMNS, [_row(account.catalog.get(KIND, session.qualify(wanted.name)))])


def _row(task: Object) -> tuple[Any, ...]:
    path, properties = task.path, task.properties
    state = "suspended" if properties.get("suspended") else "started"
    return (
        *(moment(task.created_on), path.name, str(task.id), path.database, path.schema, task.owner, task.comment),
        *(properties.get("WAREHOUSE"), properties.get("SCHEDULE"), "[]", state, properties["definition"], None),
        *("false", None, None, None, "ROLE", None, None),
    )


def execute(account: Account, session: Session, wanted: ExecuteTask) -> Result:
    """Start it in a session of its owner's, in the task's own schema; how it ended is in TASK_HISTORY."""
    account.state.tables(_TABLES)
    task = account.catalog.get(KIND, session.qualify(wanted.name))
    own = Session(session.id, session.user, task.owner, task.path.database, task.path.schema)
    own.warehouse = str(task.properties.get("WAREHOUSE") or SERVERLESS)
    key = f"{task.id}-{time.time_ns()}"
    sql = "INSERT INTO task_runs (query, task, state, started) VALUES (?, ?, 'EXECUTING', ?)"
    account.state.execute(sql, (key, task.id, time.time()))
    account.queries.submit(session.id, "", task.properties["definition"], lambda: _run(account, own, task, key))
    return status(f"Task {task.name} is scheduled to run immediately.")


def _run(account: Account, own: Session, task: Object, key: str) -> Result:
    state, error = "FAILED", "the local account failed"
    try:
        done = _do(account, own, str(task.properties["definition"]))
        state, error = "SUCCEEDED", ""
        return done
    except SqlError as problem:
        error = problem.message
        raise
    finally:
        sql = "UPDATE task_runs SET state = ?, error = ?, ended = ? WHERE query = ?"
        account.state.execute(sql, (state, error or None, time.time(), key))


def _do(account: Account, own: Session, sql: str) -> Result:
    from local_account.statements import dispatch  # which knows this file

    return dispatch.execute(account, own, sql, {})


def run_block(account: Account, session: Session, wanted: Immediate) -> Result:
    """EXECUTE IMMEDIATE of a block: its variables one after the other, then the statement in one of them."""
    known: dict[str, str] = {}
    for let in wanted.lets:
        answer = account.engine.run(session, f"SELECT {variables(let.expression, known)}", {}, arrow=False)
        known[let.name] = str(answer.rows[0][0])
    return _do(account, session, known[wanted.variable])


def _parsed(sql: str) -> object:
    from local_account.parse import parse

    return parse(sql)


_HISTORY = {
    **{name: text(name) for name in ("NAME", "DATABASE_NAME", "SCHEMA_NAME", "STATE", "ERROR_MESSAGE")},
    **{name: timestamp(name) for name in ("QUERY_START_TIME", "COMPLETED_TIME")},
}


def history(account: Account, session: Session, wanted: TaskHistory) -> Result:
    """The runs of the tasks of this database, newest first."""
    account.state.tables(_TABLES)
    tasks = {task.id: task for task in account.catalog.list(KIND, session.need_database())}
    found = account.state.read("SELECT * FROM task_runs ORDER BY started DESC", ())
    told = []
    for row in found:
        task = tasks.get(row["task"])
        if task and wanted.task in ("", task.name):
            ended = moment(row["ended"]) if row["ended"] else None
            place = (task.name, task.path.database, task.path.schema)
            line = (*place, row["state"], row["error"], moment(row["started"]), ended)
            values = dict(zip(_HISTORY, line, strict=True))
            told.append(tuple(values[name] for name in wanted.columns))
    return Result([_HISTORY[name] for name in wanted.columns], told[: wanted.limit], statement_type=SELECT)


HANDLERS: dict[type, Callable[[Account, Session, Any], Result]] = {
    CreateTask: create,
    AlterTask: alter,
    DropTask: drop,
    ShowTasks: show,
    DescribeTask: describe,
    ExecuteTask: execute,
    Immediate: run_block,
    TaskHistory: history,
}
