"""Transactions of sessions that have gone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest

from local_account.engine_sql import connections
from local_account.engine_sql.connections import Connections
from local_account.errors import SqlError
from local_account.queries import Queries, Query
from local_account.sessions import Session
from local_account.state import State
from local_account.statements.result import Result, status


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Connections]:
    made = Connections(tmp_path / "t.duckdb", tmp_path)
    made.cursor().execute("CREATE TABLE t (a INT)")
    yield made
    made.close()


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[[Callable[[], None]], Query]]:
    """Runs a function as the statement of a query."""
    state = State(tmp_path / "state.db")
    queries = Queries(state, 60, 10, lambda query: None)

    def submit(work: Callable[[], None]) -> Query:
        def wrapped() -> Result:
            work()
            return status("done")

        return queries.submit(1, "", "CALL x", wrapped)

    yield submit
    state.close()


def insert(opened: Connections, session_id: int) -> None:
    with opened.writing(Session(session_id, "U", "R")) as cursor:
        cursor.execute("INSERT INTO t VALUES (1)")


def test_an_idle_transaction_gives_way_and_its_session_is_told(
    opened: Connections, run: Callable[[Callable[[], None]], Query], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "_IDLE_S", 0.0)
    for work in (lambda: opened.begin(1), lambda: insert(opened, 1), lambda: insert(opened, 2)):
        query = run(work)
        query.done.result(10)
        assert query.error is None
    assert opened.cursor().execute("SELECT COUNT(*) FROM t").fetchall() == [(1,)]
    again = run(lambda: insert(opened, 1))
    again.done.result(10)
    assert again.error is not None
    with pytest.raises(SqlError, match="rolled back"):
        opened.commit(1)
    again = run(lambda: insert(opened, 1))
    again.done.result(10)
    assert again.error is None


def test_a_statement_that_waits_for_the_writer_can_be_canceled(
    opened: Connections, run: Callable[[Callable[[], None]], Query]
) -> None:
    run(lambda: opened.begin(1)).done.result(10)
    waiting = run(lambda: insert(opened, 2))
    assert waiting.cancel()
    waiting.done.result(10)
    assert waiting.error is not None
    assert waiting.error.errno == 604
    opened.rollback(1)


def test_a_transaction_ends_after_the_statement_in_it(
    opened: Connections, run: Callable[[Callable[[], None]], Query]
) -> None:
    """Also after one that was canceled a moment ago: a session leaves, and what runs in its transaction with it."""
    begun = threading.Event()

    def endless() -> None:
        with opened.writing(Session(1, "U", "R")) as cursor:
            begun.set()
            cursor.execute("INSERT INTO t SELECT a.range::INT FROM range(100000000) a, range(100000) b")

    for _ in range(5):
        begun.clear()
        run(lambda: opened.begin(1)).done.result(10)
        query = run(endless)
        assert begun.wait(10)
        assert query.cancel()
        opened.rollback(1)
        query.done.result(60)
    insert_of_another = run(lambda: insert(opened, 2))
    insert_of_another.done.result(10)
    assert insert_of_another.error is None


def test_what_does_not_fit_into_memory_is_an_error_in_plain_words(
    opened: Connections, run: Callable[[Callable[[], None]], Query]
) -> None:
    def work() -> None:
        with opened.reading(1) as cursor:
            cursor.execute("SELECT list(a.range + b.range) FROM range(100000) a, range(100000) b").fetchall()

    opened.cursor().execute("SET GLOBAL memory_limit = '100MB'")
    query = run(work)
    query.done.result(120)
    assert query.error is not None
    assert (query.error.errno, "\n" in query.error.message) == (300002, False)


def test_half_of_the_memory_is_left_to_jobs(opened: Connections) -> None:
    half = duckdb.connect(config={"memory_limit": "50%"})
    shown = "SELECT current_setting('memory_limit')"
    assert opened.cursor().execute(shown).fetchall() == half.execute(shown).fetchall()
    half.close()
