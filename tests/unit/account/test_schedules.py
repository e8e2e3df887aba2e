"""The text of a schedule's statements."""

from __future__ import annotations

from spcs.account import schedules


def test_a_task_runs_the_statement_under_a_new_name_each_time() -> None:
    block = schedules.job_block("EXECUTE JOB SERVICE NAME = t_x_bcdf\n  'it''s'", "t_x_bcdf", "t_", "_bcdf")
    made = schedules.create_task(
        "DB.S.T_SCHEDULE", block, cron="0 3 * * *", zone="Europe/Zurich", timeout_ms=3_600_000, comment="mine"
    )
    assert made == "\n".join(
        [
            "CREATE OR REPLACE TASK DB.S.T_SCHEDULE",
            "  SCHEDULE = 'USING CRON 0 3 * * * Europe/Zurich'",
            "  USER_TASK_TIMEOUT_MS = 3600000",
            "  COMMENT = 'mine'",
            "AS",
            "EXECUTE IMMEDIATE $$",
            "BEGIN",
            "  LET run STRING := 't_' || TO_CHAR(SYSDATE(), 'YYYYMMDD_HH24MISS') || '_bcdf';",
            "  LET job STRING := REPLACE('EXECUTE JOB SERVICE NAME = t_x_bcdf\\n  ''it''''s''', 't_x_bcdf', run);",
            "  EXECUTE IMMEDIATE :job;",
            "END",
            "$$",
        ]
    )


def test_a_block_with_dollar_signs_is_quoted_instead() -> None:
    made = schedules.create_task("T", "BEGIN '$$' END", cron="* * * * *", zone="UTC", timeout_ms=1, comment="")
    assert made.endswith("EXECUTE IMMEDIATE 'BEGIN ''$$'' END'")
