"""Tables through the real connector: types, DML, Arrow batches, COPY INTO, transactions."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from snowflake.connector.errors import IntegrityError, ProgrammingError

from tests.accounts import LocalAccount

BIG = "SELECT seq4() AS id, id / 4 AS x, 'row ' || id AS t FROM TABLE(GENERATOR(ROWCOUNT => 20000)) ORDER BY id"

MERGE = (
    "MERGE INTO counted t USING (SELECT 2 a UNION SELECT 9) u ON t.a = u.a WHEN MATCHED THEN UPDATE SET b = 'm'"
    " WHEN NOT MATCHED THEN INSERT (a) VALUES (u.a)"
)


@pytest.fixture(scope="module")
def tables(wire: LocalAccount) -> Iterator[LocalAccount]:
    """The account with a session in a schema of its own."""
    mine = LocalAccount(wire.root, wire.env, wire.runtime)
    wire.query("CREATE OR REPLACE DATABASE TABLES")
    with wire.connect(database="TABLES", schema="PUBLIC", warehouse="W") as mine.connection:
        yield mine
    wire.query("DROP DATABASE TABLES")
    wire.query("USE SCHEMA DB.S")


def digits(folder: Path, rows: int = 3) -> Path:
    path = folder / "digits.parquet"
    table = pa.table({"id": range(rows), "Label": [i % 10 for i in range(rows)], "pixel": [i / 2 for i in range(rows)]})
    pq.write_table(table, path)
    return path


def load(account: LocalAccount, file: Path, options: str = "") -> list[dict[str, object]]:
    account.query(f"PUT file://{file} @%DIGITS AUTO_COMPRESS = FALSE OVERWRITE = TRUE")
    form = "FILE_FORMAT = (TYPE = PARQUET) MATCH_BY_COLUMN_NAME = CASE_INSENSITIVE"
    return account.query(f"COPY INTO DIGITS FROM @%DIGITS {form} {options}")


def test_every_type_comes_back_as_a_python_value(tables: LocalAccount) -> None:
    tables.query(
        "CREATE OR REPLACE TABLE types (n NUMBER(38,0), d NUMBER(10,2), f FLOAT, t VARCHAR(20), b BOOLEAN, day DATE,"
        " at TIMESTAMP_NTZ, l TIMESTAMP_LTZ, c TIME, v VARIANT, e VECTOR(FLOAT, 3), bin BINARY)"
    )
    tables.query(
        "INSERT INTO types SELECT 12345678901234567890, 1.25, 0.5, 'é', TRUE, '2024-02-03',"
        " '2024-01-01 10:00:00.123456', '1969-12-31 23:59:59.5+00:00', '10:00:01.5', PARSE_JSON('{\"a\": [1]}'),"
        " [1, 2, 3]::VECTOR(FLOAT, 3),"
        " TO_BINARY('00FF', 'HEX')"
    )
    tables.query("INSERT INTO types (n) VALUES (NULL)")
    cursor = tables.connection.cursor().execute("SELECT * FROM types ORDER BY n NULLS LAST")
    first, empty = cursor.fetchall()
    assert first[:7] == (
        12345678901234567890,
        Decimal("1.25"),
        0.5,
        "é",
        True,
        date(2024, 2, 3),
        datetime(2024, 1, 1, 10, 0, 0, 123456),  # noqa: DTZ001 - TIMESTAMP_NTZ has no zone
    )
    assert first[7] == datetime(1969, 12, 31, 23, 59, 59, 500000, tzinfo=UTC)
    assert first[8] == time(10, 0, 1, 500000)
    assert first[9].replace(" ", "").replace("\n", "") == '{"a":[1]}'
    assert (first[10], first[11]) == ([1.0, 2.0, 3.0], b"\x00\xff")
    assert set(empty) == {None}
    described = [row["type"] for row in tables.query("DESCRIBE TABLE types")]
    assert described[:4] == ["NUMBER(38,0)", "NUMBER(10,2)", "FLOAT", "VARCHAR(20)"]
    assert described[-2:] == ["VECTOR(FLOAT, 3)", "BINARY(8388608)"]


def test_json_results_hold_the_same_values(tables: LocalAccount) -> None:
    sql = "SELECT 1, 1.5, 2.5::FLOAT, 'x', TRUE, '2024-02-03'::DATE, '2024-01-01 10:00:00.5'::TIMESTAMP_NTZ, NULL"
    with tables.connect(warehouse="W") as connection:
        cursor = connection.cursor()
        arrow = cursor.execute(sql).fetchone()
        cursor.execute("ALTER SESSION SET PYTHON_CONNECTOR_QUERY_RESULT_FORMAT = 'json'")
        assert cursor.execute(sql).fetchone() == arrow


def test_changes_are_counted(tables: LocalAccount) -> None:
    tables.query("CREATE OR REPLACE TABLE counted (a INT, b VARCHAR)")
    cursor = tables.connection.cursor()
    for sql, count in (
        ("INSERT INTO counted VALUES (1, 'x'), (2, 'y'), (3, 'z')", 3),
        ("UPDATE counted SET b = 'w' WHERE a > 1", 2),
        ("DELETE FROM counted WHERE a = 3", 1),
        (MERGE, 2),
    ):
        cursor.execute(sql)
        assert cursor.rowcount == count, sql
    cursor.executemany("INSERT INTO counted VALUES (%s, %s)", [(5, "it's"), (6, None)])
    assert cursor.rowcount == 2
    assert tables.query("SELECT COUNT(*) AS n, SUM(a) AS s FROM counted") == [{"N": 5, "S": 23}]
    tables.query("TRUNCATE TABLE counted")
    assert tables.one("SELECT COUNT(*) FROM counted") == 0


def test_server_side_binds(tables: LocalAccount) -> None:
    tables.query("CREATE OR REPLACE TABLE bound (a INT, b VARCHAR, c DATE)")
    with tables.connect(database="TABLES", warehouse="W", paramstyle="qmark") as connection:
        cursor = connection.cursor()
        cursor.executemany("INSERT INTO bound VALUES (?, ?, ?)", [(1, "a\\'b", date(2024, 1, 2)), (2, None, None)])
        cursor.execute("SELECT * FROM IDENTIFIER(?) WHERE a = ?", ("bound", 1))
        assert cursor.fetchall() == [(1, "a\\'b", date(2024, 1, 2))]


def test_large_results_come_in_several_batches_that_need_no_connection(tables: LocalAccount) -> None:
    cursor = tables.connection.cursor()
    cursor.execute(BIG)
    batches = cursor.get_result_batches()
    assert batches is not None
    assert [batch.rowcount for batch in batches] == [1024, 4096, 8192, 6688]
    again = pickle.loads(pickle.dumps(batches))
    found = pa.concat_tables([batch.to_arrow() for batch in again], promote_options="permissive")
    assert found.column("ID").to_pylist() == list(range(20000))
    assert found.column("T")[19999].as_py() == "row 19999"
    assert batches[1].to_arrow().schema.field("ID").type == pa.int16()


def test_names_fold_to_upper_case_unless_quoted(tables: LocalAccount) -> None:
    tables.query('CREATE OR REPLACE TABLE "Mixed" ("a b" INT, c INT)')
    assert tables.query('SELECT "a b", C FROM TABLES."PUBLIC"."Mixed"') == []
    columns = [
        column.name for column in tables.connection.cursor().execute('SELECT *, c + 1, 1 AS x FROM "Mixed"').description
    ]
    assert columns == ["a b", "C", "C + 1", "X"]
    assert tables.one("SELECT CURRENT_SCHEMA()") == "PUBLIC"


def test_tables_and_views_are_shown(tables: LocalAccount) -> None:
    tables.query("CREATE OR REPLACE TABLE shown AS SELECT 1 AS a, 'x' AS b")
    tables.query("CREATE OR REPLACE VIEW seen AS SELECT a FROM shown")
    assert tables.query("SHOW TABLES LIKE 'shown'")[0]["rows"] == 1
    assert [row["name"] for row in tables.query("SHOW VIEWS")] == ["SEEN"]
    assert tables.query("SELECT * FROM seen") == [{"A": 1}]
    found = tables.query("SELECT table_name FROM INFORMATION_SCHEMA.TABLES WHERE table_type = 'VIEW'")
    assert found == [{"TABLE_NAME": "SEEN"}]
    tables.query("ALTER TABLE shown ADD COLUMN c VARCHAR(7)")
    assert [row["type"] for row in tables.query("DESC TABLE shown")] == [
        "NUMBER(38,0)",
        "VARCHAR(16777216)",
        "VARCHAR(7)",
    ]
    tables.query("DROP VIEW seen")
    assert (
        tables.one("DROP TABLE IF EXISTS nothing") == "Drop statement executed successfully (NOTHING already dropped)."
    )


@pytest.mark.parametrize(
    ("sql", "errno"),
    [
        ("SELECT * FROM nope", 2003),
        ("SELECT nope FROM (SELECT 1 AS a)", 904),
        ("SELECT 'x'::INT", 100038),
        ("SELECT nope(1)", 2140),
        ("CREATE TABLE there (a INT)", 2002),
        ("DROP TABLE nope", 2003),
        ("INSERT INTO nope VALUES (1)", 2003),
        ("SELECT * FROM read_text('/etc/hostname')", None),
        ("PUT file:///x @~ PARALLEL = 'many'", 1008),
        ("COPY INTO @~/x FROM there FILE_FORMAT = (CSV)", 1008),
        ("SELECT SYSTEM$CANCEL_ALL_QUERIES('x')", 1008),
    ],
)
def test_refusals(tables: LocalAccount, sql: str, errno: int | None) -> None:
    tables.query("CREATE TABLE IF NOT EXISTS there (a INT)")
    error = tables.refused(sql)
    assert errno is None or error.errno == errno


def test_null_in_a_column_without_nulls_is_refused(tables: LocalAccount) -> None:
    tables.query("CREATE OR REPLACE TABLE strict (a INT NOT NULL)")
    with pytest.raises(IntegrityError):
        tables.query("INSERT INTO strict VALUES (NULL)")


def test_table_data_needs_a_warehouse(tables: LocalAccount) -> None:
    tables.query("CREATE TABLE IF NOT EXISTS there (a INT)")
    with tables.connect(database="TABLES") as connection, pytest.raises(ProgrammingError) as caught:
        connection.cursor().execute("SELECT * FROM there")
    assert caught.value.errno == 606


def test_transactions_are_seen_by_others_when_they_end(tables: LocalAccount) -> None:
    tables.query("CREATE OR REPLACE TABLE ledger (a INT)")
    for verb, count in (("ROLLBACK", 0), ("COMMIT", 1)):
        with tables.connect(database="TABLES", warehouse="W") as connection:
            cursor = connection.cursor()
            cursor.execute("BEGIN")
            cursor.execute("INSERT INTO ledger VALUES (1)")
            assert cursor.execute("SELECT COUNT(*) FROM ledger").fetchone() == (1,)
            assert tables.one("SELECT COUNT(*) FROM ledger") == 0
            cursor.execute(verb)
            assert tables.one("SELECT COUNT(*) FROM ledger") == count


def test_transaction_of_a_session_that_leaves_is_rolled_back(tables: LocalAccount) -> None:
    tables.query("CREATE OR REPLACE TABLE left_open (a INT)")
    with tables.connect(database="TABLES", warehouse="W") as connection:
        connection.cursor().execute("BEGIN")
        connection.cursor().execute("INSERT INTO left_open VALUES (1)")
    tables.query("INSERT INTO left_open VALUES (2)")
    assert tables.query("SELECT a FROM left_open") == [{"A": 2}]


def test_parquet_is_loaded_once(tables: LocalAccount, tmp_path: Path) -> None:
    tables.query("CREATE OR REPLACE TABLE digits (id INT, label NUMBER(2,0), pixel FLOAT, extra VARCHAR)")
    (loaded,) = load(tables, digits(tmp_path))
    assert (loaded["file"], loaded["status"], loaded["rows_loaded"]) == ("digits.parquet", "LOADED", 3)
    assert load(tables, digits(tmp_path)) == [{"status": "Copy executed with 0 files processed."}]
    assert load(tables, digits(tmp_path), "FORCE = TRUE")[0]["rows_loaded"] == 3
    assert load(tables, digits(tmp_path, rows=4))[0]["rows_loaded"] == 4
    assert tables.one("SELECT COUNT(*) FROM digits") == 10
    tables.query("TRUNCATE TABLE digits")
    assert load(tables, digits(tmp_path, rows=4))[0]["rows_loaded"] == 4
    assert tables.query("SELECT * FROM digits WHERE id = 3") == [{"ID": 3, "LABEL": 3, "PIXEL": 1.5, "EXTRA": None}]


def test_parquet_needs_to_know_which_column_goes_where(tables: LocalAccount, tmp_path: Path) -> None:
    tables.query("CREATE OR REPLACE TABLE digits (id INT, label INT)")
    load(tables, digits(tmp_path))
    assert tables.refused("COPY INTO digits FROM @%digits FILE_FORMAT = (TYPE = PARQUET) FORCE = TRUE").errno == 2019
    tables.query(
        "COPY INTO digits FROM (SELECT $1:id::INT * 10, $1:Label FROM @%digits)"
        " FILE_FORMAT = (TYPE = PARQUET) FORCE = TRUE"
    )
    assert tables.one("SELECT MAX(id) FROM digits") == 20


def test_csv_is_loaded_and_parquet_unloaded(tables: LocalAccount, tmp_path: Path) -> None:
    tables.query("CREATE OR REPLACE TABLE people (name VARCHAR, age INT)")
    tables.query("CREATE OR REPLACE STAGE files")
    (tmp_path / "p.csv").write_text('NAME,AGE\n"Ann, B",7\nBob,\\N\n')
    tables.query(f"PUT file://{tmp_path}/p.csv @files")
    form = "FILE_FORMAT = (TYPE = CSV SKIP_HEADER = 1 FIELD_OPTIONALLY_ENCLOSED_BY = '\"')"
    assert tables.query(f"COPY INTO people FROM @files {form}")[0]["rows_loaded"] == 2
    assert tables.query("SELECT * FROM people ORDER BY name")[0] == {"NAME": "Ann, B", "AGE": 7}
    parquet = "FILE_FORMAT = (TYPE = PARQUET)"
    (told,) = tables.query(f"COPY INTO '@files/out/' FROM (SELECT * FROM people) {parquet} HEADER = TRUE")
    tables.query(f"GET @files/out/ file://{tmp_path}/")
    unloaded = tmp_path / "data_0_0_0.snappy.parquet"
    assert pq.read_table(unloaded).to_pylist() == [{"NAME": "Ann, B", "AGE": 7}, {"NAME": "Bob", "AGE": None}]
    size = unloaded.stat().st_size
    assert told == {"rows_unloaded": 2, "input_bytes": size, "output_bytes": size}
    tables.query(f"COPY INTO @files/bare FROM people {parquet} DETAILED_OUTPUT = TRUE")
    tables.query(f"GET @files/bare file://{tmp_path}/")
    assert pq.read_schema(tmp_path / "bare_0_0_0.snappy.parquet").names == ["_COL_0", "_COL_1"]


def test_unloading_writes_as_many_files_as_are_needed_and_spares_others(tables: LocalAccount, tmp_path: Path) -> None:
    tables.query("CREATE OR REPLACE STAGE files")
    copy = f"COPY INTO @files/many/ FROM ({BIG.replace('20000', '300000')}) FILE_FORMAT = (TYPE = PARQUET)"
    told = tables.query(f"{copy} HEADER = TRUE DETAILED_OUTPUT = TRUE MAX_FILE_SIZE = 1000000")
    assert [file["FILE_NAME"] for file in told] == [f"many/data_0_0_{i}.snappy.parquet" for i in range(len(told))]
    assert len(told) > 1
    assert [file["FILE_SIZE"] for file in told] == [file["size"] for file in tables.query("LIST @files")]
    tables.query(f"GET @files/many/ file://{tmp_path}/")
    assert [file["ROW_COUNT"] for file in told] == [
        pq.read_metadata(tmp_path / f"data_0_0_{i}.snappy.parquet").num_rows for i in range(len(told))
    ]
    assert sorted(pq.read_table(tmp_path)["ID"].to_pylist()) == list(range(300_000))
    assert tables.refused(copy).errno == 1030
    assert tables.query(f"{copy} OVERWRITE = TRUE")[0]["rows_unloaded"] == 300_000
    nothing = "COPY INTO @files/none/ FROM (SELECT 1 AS a WHERE FALSE) FILE_FORMAT = (TYPE = PARQUET)"
    assert tables.query(nothing)[0]["rows_unloaded"] == 0
    assert not tables.query("LIST @files/none")


@pytest.mark.parametrize("value", ["CURRENT_TIMESTAMP()", "[1, 2]::VECTOR(FLOAT, 2)"])
def test_types_that_parquet_cannot_hold_are_not_unloaded(tables: LocalAccount, value: str) -> None:
    tables.query("CREATE OR REPLACE STAGE files")
    refused = tables.refused(f"COPY INTO @files FROM (SELECT {value} AS v) FILE_FORMAT = (TYPE = PARQUET)")
    assert "for column V" in str(refused)
    assert not tables.query("LIST @files")


def test_a_comment_is_changed_and_the_rest_kept(tables: LocalAccount) -> None:
    tables.query("CREATE OR REPLACE TABLE noted (a INT) COMMENT = 'first'")
    tables.query("INSERT INTO noted VALUES (1)")
    tables.query("COMMENT ON TABLE noted IS 'it''s the second'")
    tables.query("COMMENT IF EXISTS ON TABLE nowhere IS 'x'")
    cursor = tables.connection.cursor().execute("SHOW TABLES LIKE 'noted'")
    shown = dict(zip((column[0] for column in cursor.description), cursor.fetchone(), strict=True))
    assert (shown["comment"], shown["rows"]) == ("it's the second", 1)
    with pytest.raises(ProgrammingError, match="does not exist"):
        tables.query("COMMENT ON TABLE nowhere IS 'x'")
