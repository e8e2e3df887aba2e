"""Snowflake's SQL where DuckDB would mean something else by it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.accounts import LocalAccount


@pytest.fixture
def tables(wire: LocalAccount) -> Iterator[LocalAccount]:
    wire.query("CREATE DATABASE IF NOT EXISTS DIALECT")
    wire.query("USE DATABASE DIALECT")
    wire.query("USE WAREHOUSE W")
    yield wire
    wire.query("USE SCHEMA DB.S")


@pytest.mark.parametrize("form", ["ARROW", "JSON"])
@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("ARRAY_CONSTRUCT(1, 2)", "[1,2]"),
        ("ARRAY_AGG(x)", "[3]"),
        ("SPLIT('a,b', ',')", '["a","b"]'),
        ("OBJECT_CONSTRUCT('a', 1, 'b', '2024-01-02'::DATE)", '{"a":1,"b":"2024-01-02"}'),
        ("ARRAY_CONSTRUCT(PARSE_JSON('{}'))", "[{}]"),
    ],
)
def test_arrays_and_objects_are_json_texts(tables: LocalAccount, form: str, expression: str, text: str) -> None:
    with tables.connect(warehouse="W", database="DIALECT") as connection:
        cursor = connection.cursor()
        cursor.execute(f"ALTER SESSION SET PYTHON_CONNECTOR_QUERY_RESULT_FORMAT = '{form}'")
        cursor.execute(f"SELECT 1, {expression}, 2 FROM (SELECT 3 AS x)")
        assert cursor.fetchone() == (1, text, 2)


def test_the_date_of_today_has_a_name(tables: LocalAccount) -> None:
    (row,) = tables.query("SELECT CURRENT_DATE(), CURRENT_DATE() = CURRENT_TIMESTAMP()::DATE AS same")
    assert (list(row), row["SAME"]) == (["CURRENT_DATE()", "SAME"], True)


def test_columns_of_values_are_numbered(tables: LocalAccount) -> None:
    tables.query("CREATE OR REPLACE TABLE numbered (a INT, b VARIANT)")
    tables.query("INSERT INTO numbered SELECT column1, PARSE_JSON(column2) FROM VALUES (1, '{}'), (2, '[]')")
    assert tables.query("SELECT * FROM numbered ORDER BY a") == [{"A": 1, "B": "{}"}, {"A": 2, "B": "[]"}]
    assert tables.query("SELECT $2 FROM VALUES (1, 'x')") == [{"COLUMN2": "x"}]
    assert tables.query("SELECT v.$1 AS a, v.column2 FROM VALUES (1, 'x') AS v") == [{"A": 1, "COLUMN2": "x"}]
    assert tables.query("SELECT a FROM (VALUES (1)) AS v (a)") == [{"A": 1}]
    assert tables.query("VALUES (1), (2)") == [{"COLUMN1": 1}, {"COLUMN1": 2}]


def test_inserting_with_overwrite_replaces_all_rows(tables: LocalAccount) -> None:
    tables.query("CREATE OR REPLACE TABLE replaced AS SELECT 1 AS a")
    assert tables.query("INSERT OVERWRITE INTO replaced SELECT 2") == [{"number of rows inserted": 1}]
    assert tables.query("SELECT a FROM replaced") == [{"A": 2}]
    tables.refused("INSERT OVERWRITE INTO replaced VALUES ('x')")
    assert tables.refused("INSERT OVERWRITE INTO replaced SELECT a FROM replaced").errno == 2
    assert tables.query("SELECT a FROM replaced") == [{"A": 2}]


def test_elements_are_counted_from_zero_and_texts_among_them_have_no_quotes(tables: LocalAccount) -> None:
    tables.query("CREATE OR REPLACE TABLE inside (v VARIANT, a ARRAY)")
    tables.query("""INSERT INTO inside SELECT PARSE_JSON('{"k": "it", "n": [1, null, [7]]}'), ARRAY_CONSTRUCT('x')""")
    sql = (
        "SELECT v:k::string, v['k']::string, v:n[0]::varchar, v:n[1]::string, v:no::string, a[0]::string, v:n[0]::int,"
        " v['n'][2][0]::int, ARRAY_CONSTRUCT(4, 5)[1]::int, ARRAY_CONSTRUCT('y')[0]::string, a[1] FROM inside"
    )
    with tables.connect(warehouse="W", database="DIALECT") as connection:
        found = connection.cursor().execute(sql).fetchone()
    assert found == ("it", "it", "1", None, None, "x", 1, 7, 5, "y", None)


@pytest.mark.parametrize(
    "condition", ["v:k = 'it'", "'it' = v:k", "v:k IN ('a', 'it')", "v:k LIKE 'i%'", "a[0] = 'x'", "v:n[0] = 1"]
)
def test_elements_are_compared_as_what_they_are(tables: LocalAccount, condition: str) -> None:
    tables.query("CREATE OR REPLACE TABLE compared (v VARIANT, a ARRAY)")
    tables.query("""INSERT INTO compared SELECT PARSE_JSON('{"k": "it", "n": [1]}'), ARRAY_CONSTRUCT('x')""")
    assert tables.one(f"SELECT COUNT(*) FROM compared WHERE {condition}") == 1
