"""The text of every statement."""

from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from spcs.account import sql
from spcs.errors import SettingsProblem

JOB = "TRAINING_DB.TRAINING.train_20261123_081500_bcdf"


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (sql.use_role("my role"), 'USE ROLE "my role"'),
        (sql.use_warehouse("WH"), "USE WAREHOUSE WH"),
        (sql.use_database("DB"), "USE DATABASE DB"),
        (sql.use_schema("DB.S"), "USE SCHEMA DB.S"),
        (
            sql.put(Path("/w/spec.yaml"), "@DB.S.RUNS/runs/x/"),
            "PUT file:///w/spec.yaml @DB.S.RUNS/runs/x/ AUTO_COMPRESS=FALSE OVERWRITE=TRUE",
        ),
        (sql.get("@DB.S.RUNS/runs/x/", Path("/out dir")), "GET @DB.S.RUNS/runs/x/ 'file:///out dir'"),
        (sql.list_files("@RUNS/x"), "LIST @RUNS/x"),
        (sql.remove("@RUNS/x"), "REMOVE @RUNS/x"),
        (sql.comment_on_table("T", "it's"), "COMMENT ON TABLE T IS 'it''s'"),
        (sql.count_rows("T"), "SELECT COUNT(*) AS row_count FROM T"),
        (sql.show_tables("T", "DB.S"), "SHOW TABLES LIKE 'T' IN SCHEMA DB.S"),
        (
            sql.measured(JOB, datetime(2026, 11, 23, 9, 15, tzinfo=timezone(timedelta(hours=1)))),
            (
                "SELECT TIMESTAMP, METRIC_NAME, VALUE, UNIT, INSTANCE_ID, CONTAINER_NAME"
                f" FROM TABLE({JOB}!SPCS_GET_METRICS(START_TIME => '2026-11-23 08:15:00'::TIMESTAMP_NTZ))\n"
                "  ORDER BY TIMESTAMP"
            ),
        ),
        (sql.describe_service(JOB), f"DESCRIBE SERVICE {JOB}"),
        (sql.show_job_services("DB.S"), "SHOW JOB SERVICES IN SCHEMA DB.S"),
        (sql.show_service_containers(JOB), f"SHOW SERVICE CONTAINERS IN SERVICE {JOB}"),
        (sql.cancel_job(JOB), f"CALL {JOB}!SPCS_CANCEL_JOB()"),
        (sql.drop_service(JOB), f"DROP SERVICE {JOB}"),
        (sql.drop_service(JOB, if_exists=True), f"DROP SERVICE IF EXISTS {JOB}"),
        (
            sql.show_image_repositories("IMAGES", "DB.S"),
            "SHOW IMAGE REPOSITORIES LIKE 'IMAGES' IN SCHEMA DB.S",
        ),
        (sql.show_images("DB.S.IMAGES"), "SHOW IMAGES IN IMAGE REPOSITORY DB.S.IMAGES"),
        (sql.show_compute_pools(), "SHOW COMPUTE POOLS"),
        (sql.show_compute_pools("P"), "SHOW COMPUTE POOLS LIKE 'P'"),
        (sql.describe_compute_pool("P"), "DESCRIBE COMPUTE POOL P"),
    ],
)
def test_short_statements(made: str, text: str) -> None:
    assert made == text


def test_job_has_its_pool_first_and_its_specification_last() -> None:
    made = sql.execute_job(
        JOB,
        pool="GPU_POOL",
        stage="@TRAINING_DB.TRAINING.RUNS/runs/x/",
        spec_file="spec.yaml",
        query_warehouse="WH",
        replicas=2,
        external_access_integrations=["pypi", "HF"],
        comment="it's mine",
    )
    assert made.splitlines() == [
        "EXECUTE JOB SERVICE",
        "  IN COMPUTE POOL GPU_POOL",
        f"  NAME = {JOB}",
        "  ASYNC = TRUE",
        "  REPLICAS = 2",
        "  QUERY_WAREHOUSE = WH",
        "  EXTERNAL_ACCESS_INTEGRATIONS = (PYPI, HF)",
        "  COMMENT = 'it''s mine'",
        "  FROM @TRAINING_DB.TRAINING.RUNS",
        "  SPECIFICATION_FILE = 'runs/x/spec.yaml'",
    ]


def test_job_leaves_out_what_is_not_asked_for() -> None:
    made = sql.execute_job("J", pool="P", stage="@RUNS", spec_file="spec.yaml")
    assert made.splitlines()[2:] == [
        "  NAME = J",
        "  ASYNC = TRUE",
        "  FROM @RUNS",
        "  SPECIFICATION_FILE = 'spec.yaml'",
    ]


def test_job_name_that_needs_quotes_is_a_settings_problem() -> None:
    with pytest.raises(SettingsProblem):
        sql.execute_job("my-job", pool="P", stage="@RUNS", spec_file="spec.yaml")


def test_table_is_created_once_or_replaced() -> None:
    columns = {"LABEL": "NUMBER(2)", "pixel 0": "NUMBER(2)"}
    assert sql.create_table("T", columns) == (
        'CREATE TABLE IF NOT EXISTS T (\n  LABEL NUMBER(2),\n  "pixel 0" NUMBER(2)\n)'
    )
    assert sql.create_table("T", {"A": "REAL"}, replace=True, comment="v1") == (
        "CREATE OR REPLACE TABLE T (\n  A REAL\n)\nCOMMENT = 'v1'"
    )


def test_copy_matches_parquet_columns_by_name() -> None:
    assert sql.copy_from_parquet("T", "@RUNS/data/x.parquet").splitlines() == [
        "COPY INTO T",
        "  FROM @RUNS/data/x.parquet",
        "  FILE_FORMAT = (TYPE = PARQUET)",
        "  MATCH_BY_COLUMN_NAME = CASE_INSENSITIVE",
        "  FORCE = TRUE",
    ]


def test_logs_with_and_without_times() -> None:
    call = "CALL SYSTEM$GET_SERVICE_LOGS('DB.S.J', '0', 'main', 500"
    assert sql.service_logs("DB.S.J", 0, "main", stamped=False) == f"{call})"
    assert sql.service_logs("DB.S.J", 0, "main") == f"{call}, FALSE, '', TRUE)"
    since = "2026-11-23T08:15:00.000000001Z"
    assert sql.service_logs("DB.S.J", 0, "main", since=since) == f"{call}, FALSE, '{since}', TRUE)"


def test_recorded_logs_are_asked_for_between_two_times() -> None:
    assert sql.recorded_logs("DB.S.J", "1", "main").splitlines() == [
        "SELECT TIMESTAMP, LOG FROM TABLE(DB.S.J!SPCS_GET_LOGS())",
        "  WHERE INSTANCE_ID = 1 AND CONTAINER_NAME = 'main'",
        "  ORDER BY TIMESTAMP",
    ]
    bounds = "START_TIME => '2026-11-23 08:15:00.5'::TIMESTAMP_NTZ, END_TIME => '2026-11-23 08:16:00'::TIMESTAMP_NTZ"
    made = sql.recorded_logs("J", 0, "main", since="2026-11-23T08:15:00.5Z", until="2026-11-23T08:16:00Z")
    assert made.startswith(f"SELECT TIMESTAMP, LOG FROM TABLE(J!SPCS_GET_LOGS({bounds}))")
