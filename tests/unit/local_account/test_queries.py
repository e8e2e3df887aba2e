"""Statements in flight: idempotence, cancel, forgetting."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from local_account.errors import SqlError
from local_account.queries import Queries, Query, current
from local_account.results import Chunk, Chunks
from local_account.state import State
from local_account.statements.result import Result, status


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    made = State(tmp_path / "state.db")
    yield made
    made.close()


def queries(state: State, forgotten: list[str] | None = None, count: int = 2) -> Queries:
    return Queries(state, 3600, count, lambda query: (forgotten if forgotten is not None else []).append(query.id))


def ended(query: Query) -> Query:
    query.done.result(10)
    return query


def test_a_bug_becomes_an_sql_error(state: State) -> None:
    def work() -> Result:
        raise KeyError("x")

    error = ended(queries(state).submit(1, "r", "CALL x", work)).error
    assert error is not None
    assert (error.errno, error.sqlstate) == (603, "XX000")


def test_a_request_runs_once_even_if_the_server_is_a_new_one(state: State) -> None:
    ran: list[str] = []

    def work() -> Result:
        ran.append(current().id)
        return status("done")

    first = queries(state)
    assert first.submit(1, "r", "INSERT", work) is first.submit(1, "r", "INSERT", work)
    ended(first.submit(1, "r", "INSERT", work))
    again = ended(queries(state).submit(1, "r", "INSERT", work))
    assert again.error is not None
    assert again.error.errno == 300005
    assert ended(queries(state).submit(1, "s", "SELECT 1", work)).error is None
    assert ended(queries(state).submit(1, "s", "SELECT 1", work)).error is None
    assert len(ran) == 3


def test_cancel_ends_a_wait_and_calls_back_once(state: State) -> None:
    called: list[int] = []
    waiting, never = threading.Event(), threading.Event()

    def work() -> Result:
        current().on_cancel(lambda: called.append(1))
        waiting.set()
        current().wait(never)
        return status("done")

    query = queries(state).submit(1, "r", "CALL x", work)
    assert waiting.wait(10)
    assert query.cancel()
    ended(query)
    assert isinstance(query.error, SqlError)
    assert (query.error.errno, called) == (604, [1])
    assert not query.cancel()


def test_small_results_do_not_push_out_large_ones(state: State, tmp_path: Path) -> None:
    forgotten: list[str] = []
    kept = queries(state, forgotten)

    def large() -> Result:
        return Result([], chunks=Chunks(tmp_path / "c", others=[Chunk(1, 1)]))

    first = ended(kept.submit(1, "", "SELECT", large))
    for _ in range(20):
        ended(kept.submit(1, "", "SELECT", lambda: status("x")))
    assert kept.get(first.id) is first
    for _ in range(3):
        ended(kept.submit(1, "", "SELECT", large))
    assert forgotten == [first.id]
