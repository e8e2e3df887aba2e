"""The 4.x connector, which snowflake-ml-python and Snowpark put into an image, speaks to the same account."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests import support
from tests.accounts import LocalAccount

CLIENT = """
import json, os, pathlib, pickle, sys, time
import snowflake.connector
from snowflake.connector.errors import DatabaseError, ProgrammingError

folder, given = pathlib.Path(sys.argv[1]), json.loads(sys.argv[2])
found = {"version": snowflake.connector.__version__}
try:
    snowflake.connector.connect(**{**given, "password": "wrong"})
except DatabaseError as error:
    found["wrong password"] = error.errno
connection = snowflake.connector.connect(**given, database="OLD", schema="PUBLIC", warehouse="W")
cursor = connection.cursor()
run = lambda sql: cursor.execute(sql).fetchall()
found["types"] = repr(run("SELECT 1, 1.5, 'x', TRUE, '2024-02-03'::DATE, NULL")[0])
found["moment"] = repr(run("SELECT '2024-01-01 10:00:00.5'::TIMESTAMP_NTZ")[0][0])
found["created"] = run("SHOW DATABASES LIKE 'OLD'")[0][0].year
(folder / "two words.txt").write_text("hello")
found["put"] = run(f"PUT 'file://{folder}/two words.txt' '@st/a b' AUTO_COMPRESS=FALSE OVERWRITE=TRUE")[0][6]
found["list"] = [row[0] for row in run("LIST @st")]
(folder / "back").mkdir()
found["get"] = run(f"GET '@st/a b' 'file://{folder}/back/'")[0][2]
found["back"] = (folder / "back" / "two words.txt").read_text()
cursor.execute("SELECT seq4() AS i, i / 2 AS x FROM TABLE(GENERATOR(ROWCOUNT => 6000)) ORDER BY i")
batches = pickle.loads(pickle.dumps(cursor.get_result_batches()))
found["batches"] = [batch.rowcount for batch in batches]
found["arrow"] = sum(sum(batch.to_arrow().column("I").to_pylist()) for batch in batches)
found["rows"] = len(cursor.fetchall())
cursor.execute_async("SELECT 7")
while connection.is_still_running(connection.get_query_status(cursor.sfqid)):
    time.sleep(0.01)
cursor.get_results_from_sfqid(cursor.sfqid)
found["async"] = cursor.fetchone()[0]
try:
    run("FROB")
except ProgrammingError as error:
    found["refused"] = error.errno
try:
    cursor.execute(ENDLESS, timeout=1)
except ProgrammingError as error:
    found["timeout"] = error.errno
connection.close()
print(json.dumps(found))
"""
ENDLESS = (
    "SELECT SUM(SQRT(a.i * b.i)) FROM (SELECT seq4() i FROM TABLE(GENERATOR(ROWCOUNT => 1000000))) a,"
    " (SELECT seq4() i FROM TABLE(GENERATOR(ROWCOUNT => 100000))) b"
)


@pytest.fixture(scope="module")
def found(wire: LocalAccount, old_connector: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """What the 4.x connector saw."""
    wire.query("CREATE DATABASE IF NOT EXISTS OLD")
    wire.query("CREATE STAGE IF NOT EXISTS OLD.PUBLIC.ST")
    wire.query("USE SCHEMA DB.S")
    own = json.loads((wire.root / "credentials").read_text())
    given = {**own, "account": "local", "host": "127.0.0.1", "port": wire.port, "protocol": "http"}
    folder = tmp_path_factory.mktemp("old")
    script = folder / "client.py"
    script.write_text(CLIENT.replace("ENDLESS", repr(ENDLESS)))
    command = [sys.executable, "-W", "ignore", str(script), str(folder), json.dumps(given)]
    done = support.run(command, folder, {"PYTHONPATH": str(old_connector)}, 120)
    assert done.code == 0, done
    answer: dict[str, object] = json.loads(done.stdout)
    return answer


def test_it_is_the_old_one_and_knows_a_wrong_password(found: dict[str, object]) -> None:
    assert found["version"] == "4.8.1"
    assert found["wrong password"] in (250001, 390100)


def test_values_and_times(found: dict[str, object]) -> None:
    assert found["types"] == ("(1, Decimal('1.5'), 'x', True, datetime.date(2024, 2, 3), None)")
    assert found["moment"] == "datetime.datetime(2024, 1, 1, 10, 0, 0, 500000)"
    assert isinstance(found["created"], int)
    assert 2024 <= found["created"] < 2200


def test_files_go_up_and_come_down(found: dict[str, object]) -> None:
    assert (found["put"], found["list"]) == ("UPLOADED", ["st/a b/two words.txt"])
    assert (found["get"], found["back"]) == ("DOWNLOADED", "hello")


def test_arrow_batches(found: dict[str, object]) -> None:
    assert found["batches"] == [1024, 4096, 880]
    assert (found["arrow"], found["rows"]) == (sum(range(6000)), 6000)


def test_asynchronous_refused_and_timed_out_statements(found: dict[str, object]) -> None:
    assert (found["async"], found["refused"], found["timeout"]) == (7, 1003, 604)
