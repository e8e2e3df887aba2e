"""The statements of a schedule: a TASK that runs a job, each time under a new name. Pure functions."""

from __future__ import annotations

from spcs.account.quoting import literal, qualified


def create_task(name: str, body: str, *, cron: str, zone: str, timeout_ms: int, comment: str) -> str:
    """Make the task, or anew; it is suspended then. Without a warehouse Snowflake's own machines run its SQL.

    `body` is a block of Snowflake Scripting. It stands between dollar signs, or quoted where it has those itself.
    """
    lines = [
        f"CREATE OR REPLACE TASK {qualified(name)}",
        f"  SCHEDULE = {literal(f'USING CRON {cron} {zone}')}",
        f"  USER_TASK_TIMEOUT_MS = {timeout_ms}",
        f"  COMMENT = {literal(comment)}",
        "AS",
        f"EXECUTE IMMEDIATE {literal(body) if '$$' in body else f'$${body}$$'}",
    ]
    return "\n".join(lines)


def job_block(statement: str, placeholder: str, prefix: str, suffix: str) -> str:
    """Return a block that executes `statement` with a new run's name for `placeholder`: prefix, the moment, suffix.

    The statement waits for the job's end and fails if the job does, and so does the task.
    """
    moment = "TO_CHAR(SYSDATE(), 'YYYYMMDD_HH24MISS')"
    return "\n".join(
        [
            "",
            "BEGIN",
            f"  LET run STRING := {literal(prefix)} || {moment} || {literal(suffix)};",
            f"  LET job STRING := REPLACE({literal(statement)}, {literal(placeholder)}, run);",
            "  EXECUTE IMMEDIATE :job;",
            "END",
            "",
        ]
    )


def resume_task(name: str) -> str:
    return f"ALTER TASK {qualified(name)} RESUME"


def suspend_task(name: str) -> str:
    return f"ALTER TASK {qualified(name)} SUSPEND"


def drop_task(name: str) -> str:
    return f"DROP TASK {qualified(name)}"


def execute_task(name: str) -> str:
    """Run it now, whatever its schedule says; the statement does not wait for the end."""
    return f"EXECUTE TASK {qualified(name)}"


def show_tasks(schema: str) -> str:
    return f"SHOW TASKS IN SCHEMA {qualified(schema)}"


def task_history(database: str) -> str:
    """Ask how the tasks of a database went lately, newest first."""
    columns = "NAME, SCHEMA_NAME, STATE, ERROR_MESSAGE, QUERY_START_TIME"
    return (
        f"SELECT {columns} FROM TABLE({qualified(database)}.INFORMATION_SCHEMA.TASK_HISTORY())\n"
        "  ORDER BY QUERY_START_TIME DESC"
    )
