"""Snowflake's SQL in DuckDB's words."""

from __future__ import annotations

import pytest

from local_account.catalog import Path
from local_account.engine_sql.translate import Translated, translate
from local_account.errors import SqlError
from local_account.parse.names import Name


def qualify(name: Name) -> Path:
    return Path(*("D", "S")[: 3 - len(name.parts)], *name.parts)


def done(sql: str) -> Translated:
    return translate(sql, qualify, {"CURRENT_USER": "ME", "CURRENT_SCHEMA": None})


def test_tables_are_named_in_full_and_keep_their_names_for_columns() -> None:
    found = done("SELECT t.a, u.b FROM t JOIN x.u ON t.a = u.a")
    assert found.sql == ('SELECT "T"."A", "U"."B" FROM "D.S"."T" AS "T" JOIN "D.X"."U" AS "U" ON "T"."A" = "U"."A"')
    assert found.reads == [Path("D", "S", "T"), Path("D", "X", "U")]


def test_names_of_a_with_clause_are_no_tables() -> None:
    found = done("WITH c AS (SELECT 1 AS x) SELECT x FROM c")
    assert found.reads == []


def test_columns_without_a_name_are_called_by_their_text() -> None:
    assert 'AS "COUNT(*)"' in done("select count(*) from t").sql
    assert done("SELECT CURRENT_USER(), CURRENT_SCHEMA()").sql == (
        """SELECT 'ME' AS "CURRENT_USER()", NULL AS "CURRENT_SCHEMA()\""""
    )


@pytest.mark.parametrize(
    ("declared", "stored", "shown"),
    [
        ("INT", "BIGINT", "NUMBER(38,0)"),
        ("NUMBER", "INT128", "NUMBER(38,0)"),
        ("NUMBER(9)", "BIGINT", "NUMBER(9,0)"),
        ("NUMBER(10,2)", "DECIMAL(10, 2)", "NUMBER(10,2)"),
        ("STRING", "TEXT", "VARCHAR(16777216)"),
        ("VARCHAR(20)", "TEXT", "VARCHAR(20)"),
        ("REAL", "DOUBLE", "FLOAT"),
        ("TIMESTAMP", "TIMESTAMP", "TIMESTAMP_NTZ(9)"),
        ("TIMESTAMP_LTZ", "TIMESTAMPTZ", "TIMESTAMP_LTZ(9)"),
        ("VARIANT", "JSON", "VARIANT"),
        ("ARRAY", "JSON", "ARRAY"),
        ("VECTOR(FLOAT, 64)", "REAL[64]", "VECTOR(FLOAT, 64)"),
    ],
)
def test_types(declared: str, stored: str, shown: str) -> None:
    found = done(f"CREATE TABLE t (a {declared})")
    assert found.sql == f'CREATE TABLE "D.S"."T" ("A" {stored})'
    assert found.types["A"].snowflake == shown


def test_constraints_that_snowflake_does_not_enforce_are_left_out() -> None:
    found = done("CREATE TEMP TABLE t (a INT PRIMARY KEY COMMENT 'x', UNIQUE (a)) CLUSTER BY (a) COMMENT = 'c'")
    assert found.sql == 'CREATE TABLE "D.S"."T" ("A" BIGINT NOT NULL)'
    assert (found.temporary, found.comment) == (True, "c")


def test_clone_and_like_become_ctas() -> None:
    assert done("CREATE TABLE t CLONE u").sql == 'CREATE TABLE "D.S"."T" AS SELECT * FROM "D.S"."U" AS "U"'
    assert done("CREATE TABLE t LIKE u").sql.endswith("LIMIT 0")


def test_identifier_function_names_a_table() -> None:
    assert done("SELECT * FROM IDENTIFIER('a.b.c')").reads == [Path("A", "B", "C")]


def test_what_there_is_not_is_refused() -> None:
    with pytest.raises(SqlError):
        done("CREATE TABLE t (a INT AUTOINCREMENT)")
    with pytest.raises(SqlError):
        done("CREATE FUNCTION f() RETURNS INT AS '1'")
