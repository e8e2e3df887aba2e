"""The set-up of the tutorial, SHOW and DROP of what it makes, and refusals."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from snowflake.connector.errors import ProgrammingError

from tests.accounts import LocalAccount

TUTORIAL = """
USE ROLE ACCOUNTADMIN
CREATE ROLE test_role
CREATE DATABASE IF NOT EXISTS tutorial_db
GRANT OWNERSHIP ON DATABASE tutorial_db TO ROLE test_role COPY CURRENT GRANTS
CREATE OR REPLACE WAREHOUSE tutorial_warehouse WITH WAREHOUSE_SIZE='X-SMALL'
GRANT USAGE ON WAREHOUSE tutorial_warehouse TO ROLE test_role
CREATE SECURITY INTEGRATION IF NOT EXISTS ingress TYPE=oauth OAUTH_CLIENT=snowservices_ingress ENABLED=true
GRANT BIND SERVICE ENDPOINT ON ACCOUNT TO ROLE test_role
CREATE COMPUTE POOL tutorial_pool MIN_NODES = 1 MAX_NODES = 1 INSTANCE_FAMILY = GPU_NV_M
GRANT USAGE, MONITOR ON COMPUTE POOL tutorial_pool TO ROLE test_role
GRANT ROLE test_role TO USER local
USE ROLE test_role
USE DATABASE tutorial_db
USE WAREHOUSE tutorial_warehouse
CREATE SCHEMA IF NOT EXISTS data_schema
CREATE IMAGE REPOSITORY IF NOT EXISTS tutorial_repository
CREATE STAGE IF NOT EXISTS tutorial_stage DIRECTORY = ( ENABLE = true )
"""


@pytest.fixture(scope="module")
def tutorial(wire: LocalAccount) -> Iterator[LocalAccount]:
    """An account in which the tutorial's set-up has been run, as its role."""
    with wire.connect() as connection:
        cursor = connection.cursor()
        for statement in TUTORIAL.strip().splitlines():
            cursor.execute(statement)
    mine = LocalAccount(wire.root, wire.env, wire.runtime)
    with wire.connect(
        role="test_role", database="tutorial_db", schema="data_schema", warehouse="tutorial_warehouse"
    ) as mine.connection:
        yield mine


def names(account: LocalAccount, sql: str) -> list[str]:
    return [row["name"] for row in account.query(sql)]


def refusal(account: LocalAccount, sql: str) -> ProgrammingError:
    return account.refused(sql)


def test_what_the_set_up_made_is_shown(tutorial: LocalAccount) -> None:
    assert names(tutorial, "SHOW DATABASES LIKE 'tutorial%'") == ["TUTORIAL_DB"]
    assert names(tutorial, "SHOW SCHEMAS IN DATABASE tutorial_db") == ["DATA_SCHEMA", "PUBLIC"]
    assert names(tutorial, "SHOW WAREHOUSES LIKE 'TUTORIAL_WAREHOUSE'") == ["TUTORIAL_WAREHOUSE"]
    assert names(tutorial, "SHOW STAGES IN SCHEMA tutorial_db.data_schema") == ["TUTORIAL_STAGE"]
    assert names(tutorial, "SHOW STAGES LIKE '%%'") == ["TUTORIAL_STAGE"]
    assert names(tutorial, "SHOW ROLES LIKE 'test_role'") == ["TEST_ROLE"]
    assert names(tutorial, "SHOW INTEGRATIONS") == ["INGRESS"]
    assert names(tutorial, "SHOW USERS") == ["LOCAL"]
    assert tutorial.query("SHOW DATABASES LIKE 'TUTORIAL_DB'")[0]["owner"] == "TEST_ROLE"
    assert tutorial.query("SHOW WAREHOUSES LIKE 'TUTORIAL_WAREHOUSE'")[0]["size"] == "X-Small"


def test_the_type_of_a_stage_tells_its_encryption(tutorial: LocalAccount) -> None:
    tutorial.query("CREATE STAGE tutorial_db.data_schema.sse ENCRYPTION = ( TYPE = 'SNOWFLAKE_SSE' )")
    shown = tutorial.query("SHOW STAGES IN SCHEMA tutorial_db.data_schema")
    assert {row["name"]: row["type"] for row in shown} == {"SSE": "INTERNAL NO CSE", "TUTORIAL_STAGE": "INTERNAL"}
    tutorial.query("DROP STAGE tutorial_db.data_schema.sse")


def test_grants_are_shown_from_both_sides(tutorial: LocalAccount) -> None:
    granted = {
        (row["privilege"], row["granted_on"], row["name"]) for row in tutorial.query("SHOW GRANTS TO ROLE test_role")
    }
    assert {
        ("OWNERSHIP", "DATABASE", "TUTORIAL_DB"),
        ("USAGE", "WAREHOUSE", "TUTORIAL_WAREHOUSE"),
        ("MONITOR", "COMPUTE_POOL", "TUTORIAL_POOL"),
        ("BIND SERVICE ENDPOINT", "ACCOUNT", "LOCAL"),
    } <= granted
    owners = [
        r["grantee_name"]
        for r in tutorial.query("SHOW GRANTS ON DATABASE tutorial_db")
        if r["privilege"] == "OWNERSHIP"
    ]
    assert owners == ["TEST_ROLE"]
    assert tutorial.query("SHOW GRANTS OF ROLE test_role")[0]["grantee_name"] == "LOCAL"
    assert "TEST_ROLE" in [row["role"] for row in tutorial.query("SHOW GRANTS TO USER local")]


def test_statements_say_what_snowflake_says(wire: LocalAccount) -> None:
    assert wire.one("CREATE ROLE r1") == "Role R1 successfully created."
    assert wire.one("CREATE ROLE IF NOT EXISTS r1") == "R1 already exists, statement succeeded."
    assert refusal(wire, "CREATE ROLE r1").errno == 2002
    assert wire.one("DROP ROLE r1") == "R1 successfully dropped."
    assert wire.one("DROP ROLE IF EXISTS r1") == "Drop statement executed successfully (R1 already dropped)."
    assert refusal(wire, "DROP ROLE r1").errno == 2003
    assert wire.one("CREATE STAGE DB.S.ONE") == "Stage area ONE successfully created."
    assert wire.one("ALTER SESSION SET QUERY_TAG = 'x'") == "Statement executed successfully."


@pytest.mark.parametrize(
    ("sql", "errno"),
    [
        ("USE ROLE nobody", 2003),
        ("USE DATABASE nowhere", 2003),
        ("USE SCHEMA DB.nowhere", 2003),
        ("USE WAREHOUSE none", 2003),
        ("CREATE STAGE nowhere.s.x", 2003),
        ("CREATE SCHEMA nowhere.s", 2003),
        ("GRANT USAGE ON DATABASE nowhere TO ROLE SYSADMIN", 2003),
        ("GRANT USAGE ON DATABASE DB TO ROLE nobody", 2003),
        ("SHOW STAGES IN SCHEMA DB.nowhere", 2003),
        ("CREATE WAREHOUSE x WAREHOUSE_SIZE = 'HUGE'", 1008),
        ("EXPLAIN SELECT 1", 1003),
        ("SELECT FROM", 1003),
        ("SELECT SYSTEM$NO_SUCH_THING(1)", 2140),
    ],
)
def test_refusals_are_sql_errors(wire: LocalAccount, sql: str, errno: int) -> None:
    assert refusal(wire, sql).errno == errno


def test_statements_without_a_database_in_use_are_refused(wire: LocalAccount) -> None:
    with wire.connect() as connection:
        for sql, errno in (("CREATE STAGE x", 90105), ("SELECT * FROM t", 90105)):
            with pytest.raises(ProgrammingError) as caught:
                connection.cursor().execute(sql)
            assert caught.value.errno == errno


def test_dropping_a_database_takes_everything_in_it(wire: LocalAccount) -> None:
    wire.query("CREATE DATABASE GONE")
    wire.query("CREATE TABLE GONE.PUBLIC.T (a INT)")
    wire.query("CREATE STAGE GONE.PUBLIC.ST")
    wire.query("DROP DATABASE GONE")
    assert refusal(wire, "SHOW SCHEMAS IN DATABASE GONE").errno == 2003
    wire.query("CREATE DATABASE GONE")
    assert wire.query("SHOW TABLES IN DATABASE GONE") == []
    assert wire.query("SHOW STAGES IN DATABASE GONE") == []
    wire.query("DROP DATABASE GONE")
    wire.query("USE SCHEMA DB.S")


def test_quoted_names_are_objects_of_their_own(wire: LocalAccount) -> None:
    for name in ('"Mixed Case"', '"mixed case"', '"a/b"', '"a.b"', '".."'):
        wire.query(f"CREATE STAGE DB.S.{name}")
        assert wire.query(f"LIST @DB.S.{name}") == []
        wire.query(f"DROP STAGE DB.S.{name}")
