"""Statements on their way: long ones, asynchronous ones, cancel, and the same request sent twice."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from snowflake.connector.errors import ProgrammingError

from tests.accounts import LocalAccount, local_account

#: runs for minutes unless it is canceled
ENDLESS = """
SELECT SUM(SQRT(a.i * b.i)) FROM (SELECT seq4() i FROM TABLE(GENERATOR(ROWCOUNT => 1000000))) a,
(SELECT seq4() i FROM TABLE(GENERATOR(ROWCOUNT => 100000))) b"""
#: runs for some tenths of a second
SLOW = ENDLESS.replace("100000))) b", "100))) b")


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAccount]:
    """An account that holds a reply for 50 ms only."""
    with local_account(tmp_path_factory.mktemp("quick"), "process") as account:
        account.connection.close()
        account.command("down")
        account.command("up", "--runtime", "process", "--hold-s", "0.05")
        account.connection = account.connect(database="DB", schema="S")
        account.query("CREATE WAREHOUSE W")
        yield account


class Raw:
    """A client that speaks HTTP itself."""

    def __init__(self, account: LocalAccount) -> None:
        own = json.loads((account.root / "credentials").read_text())
        self.http = httpx.Client(base_url=f"http://{account.host}", timeout=120)
        body = {"data": {"LOGIN_NAME": own["user"], "PASSWORD": own["password"]}}
        query = "?databaseName=DB&schemaName=S&warehouse=W"
        token = self.http.post(f"/session/v1/login-request{query}", json=body).json()["data"]["token"]
        self.http.headers["Authorization"] = f'Snowflake Token="{token}"'

    def send(self, sql: str, request_id: str | None = None, **more: Any) -> dict[str, Any]:
        answer = self.http.post(
            f"/queries/v1/query-request?requestId={request_id or uuid.uuid4()}", json={"sqlText": sql, **more}
        )
        assert answer.status_code == 200
        reply: dict[str, Any] = answer.json()
        return reply

    def get(self, path: str) -> dict[str, Any]:
        reply: dict[str, Any] = self.http.get(path).json()
        return reply

    def finish(self, reply: dict[str, Any]) -> dict[str, Any]:
        """Poll until the statement has ended."""
        while reply["code"] in ("333333", "333334"):
            reply = self.get(reply["data"]["getResultUrl"])
        return reply


@pytest.fixture
def raw(quick: LocalAccount) -> Raw:
    return Raw(quick)


def ended(account: LocalAccount, query_id: str) -> str:
    """Wait until a query runs no more; its status."""
    deadline = time.monotonic() + 120
    while account.connection.is_still_running(status := account.connection.get_query_status(query_id)):
        assert time.monotonic() < deadline
    return str(status.name)


def test_long_statement_is_answered_in_progress_until_it_is_done(quick: LocalAccount, raw: Raw) -> None:
    reply = raw.send(SLOW)
    assert (reply["success"], reply["code"]) == (True, "333333")
    done = raw.finish(reply)
    assert done["success"]
    assert done["data"]["total"] == 1
    assert quick.one(SLOW) > 0


def test_asynchronous_statement(quick: LocalAccount) -> None:
    cursor = quick.connection.cursor()
    cursor.execute_async(SLOW)
    assert ended(quick, cursor.sfqid) == "SUCCESS"
    cursor.get_results_from_sfqid(cursor.sfqid)
    assert cursor.fetchone()[0] > 0


def test_failed_asynchronous_statement_tells_its_error(quick: LocalAccount) -> None:
    cursor = quick.connection.cursor()
    cursor.execute_async("SELECT * FROM nope")
    assert ended(quick, cursor.sfqid) == "FAILED_WITH_ERROR"
    with pytest.raises(ProgrammingError, match="does not exist"):
        quick.connection.get_query_status_throw_if_error(cursor.sfqid)


def test_asynchronous_statement_is_canceled_by_its_query_id(quick: LocalAccount) -> None:
    cursor = quick.connection.cursor()
    cursor.execute_async(ENDLESS)
    assert quick.connection.is_still_running(quick.connection.get_query_status(cursor.sfqid))
    assert cursor.abort_query(cursor.sfqid)
    assert ended(quick, cursor.sfqid) == "FAILED_WITH_ERROR"
    assert not cursor.abort_query(cursor.sfqid)


def test_statement_is_canceled_by_its_request_id(raw: Raw) -> None:
    request = str(uuid.uuid4())
    reply = raw.send(ENDLESS, request)
    assert reply["code"] == "333333"
    assert raw.http.post("/queries/v1/abort-request", json={"requestId": request}).json()["success"]
    done = raw.finish(reply)
    assert (done["success"], done["code"]) == (False, "000604")
    assert not raw.http.post("/queries/v1/abort-request", json={"requestId": request}).json()["success"]


def test_statement_is_canceled_by_sql(quick: LocalAccount, raw: Raw) -> None:
    reply = raw.send(ENDLESS, asyncExec=True)
    query_id = reply["data"]["queryId"]
    assert quick.one(f"SELECT SYSTEM$CANCEL_QUERY('{query_id}')") == f"query [{query_id}] terminated."
    assert raw.finish(reply)["code"] == "000604"


def test_same_request_sent_many_times_runs_once(quick: LocalAccount, raw: Raw) -> None:
    quick.query("CREATE OR REPLACE TABLE once (a INT)")
    request = str(uuid.uuid4())
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda _: raw.finish(raw.send("INSERT INTO once VALUES (1)", request)), range(8)))
    assert all(reply["success"] for reply in replies)
    assert len({reply["data"]["queryId"] for reply in replies}) == 1
    assert quick.one("SELECT COUNT(*) FROM once") == 1


def test_result_of_an_earlier_statement_is_read_again(quick: LocalAccount) -> None:
    cursor = quick.connection.cursor()
    cursor.execute("SHOW DATABASES LIKE 'DB'")
    assert quick.query(f"SELECT * FROM TABLE(RESULT_SCAN('{cursor.sfqid}'))")[0]["name"] == "DB"


def test_unknown_query_is_refused(raw: Raw) -> None:
    assert raw.get(f"/queries/{uuid.uuid4()}/result")["code"] == "000709"
    assert raw.get(f"/monitoring/queries//{uuid.uuid4()}")["data"] == {"queries": []}


def test_results_need_their_secret(quick: LocalAccount, raw: Raw) -> None:
    reply = raw.finish(raw.send("SELECT seq4() FROM TABLE(GENERATOR(ROWCOUNT => 5000))"))
    (url,) = [chunk["url"] for chunk in reply["data"]["chunks"]]
    assert httpx.get(url).status_code == 200
    folder = url.rsplit("/", 2)[1]
    assert httpx.get(url.replace(folder, "guess")).status_code == 403
    assert httpx.get(f"http://{quick.host}/results/%2e%2e/0").status_code in (403, 404)


def test_writers_of_many_sessions_take_turns(quick: LocalAccount) -> None:
    quick.query("CREATE OR REPLACE TABLE counter AS SELECT 0 AS n")

    def add(times: int) -> None:
        with quick.connect(database="DB", schema="S", warehouse="W") as connection:
            for _ in range(times):
                connection.cursor().execute("UPDATE counter SET n = n + 1")

    threads = [threading.Thread(target=add, args=(10,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert quick.one("SELECT n FROM counter") == 40


def test_one_connection_serves_many_threads(quick: LocalAccount) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda i: quick.one(f"SELECT {i}"), range(80)))
    assert found == list(range(80))


def test_a_session_that_leaves_in_the_midst_of_a_transaction_holds_nobody_up(quick: LocalAccount, raw: Raw) -> None:
    quick.query("CREATE OR REPLACE TABLE DB.S.LEFT (a DOUBLE)")
    assert raw.send("BEGIN")["success"]
    begun = raw.send(f"INSERT INTO DB.S.LEFT {ENDLESS}", asyncExec=True)
    assert raw.http.post("/session?delete=true").json()["success"]
    assert ended(quick, begun["data"]["queryId"]) == "FAILED_WITH_ERROR"
    assert quick.one("SELECT COUNT(*) FROM DB.S.LEFT") == 0
    quick.query("INSERT INTO DB.S.LEFT VALUES (1)")
