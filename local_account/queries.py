"""Statements on their way: one thread each, found again by requestId (idempotence) or by query id (polling, cancel)."""

from __future__ import annotations

import logging
import re
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field

from local_account.errors import SqlError, canceled
from local_account.state import State
from local_account.statements.result import Result

log = logging.getLogger("local_account")
_running = threading.local()
_KEEP_SMALL = 1000
_READING = re.compile(
    r"\s*(?:SELECT|WITH|SHOW|DESC|DESCRIBE|LIST|LS|GET|PUT|USE|CALL\s+SYSTEM\$GET_\w+)\b", re.IGNORECASE
)
_TABLES = "CREATE TABLE IF NOT EXISTS requests (id TEXT PRIMARY KEY, started REAL NOT NULL);"


@dataclass
class Query:
    """One statement. `done` resolves to None when `result` or `error` is set; it never raises."""

    id: str
    session_id: int
    sql: str
    request_id: str
    started: float = field(default_factory=time.time)
    ended: float | None = None
    result: Result | None = None
    error: SqlError | None = None
    done: Future[None] = field(default_factory=Future)
    _cancel: threading.Event = field(default_factory=threading.Event)
    _callbacks: list[Callable[[], object]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def canceled(self) -> bool:
        return self._cancel.is_set()

    @property
    def status(self) -> str:
        """RUNNING, SUCCESS or FAILED_WITH_ERROR, as `/monitoring/queries` reports it."""
        if not self.done.done():
            return "RUNNING"
        return "FAILED_WITH_ERROR" if self.error else "SUCCESS"

    @property
    def on_disk(self) -> bool:
        """Has its result pieces on disk?"""
        return self.result is not None and self.result.chunks is not None and bool(self.result.chunks.others)

    def on_cancel(self, callback: Callable[[], object]) -> None:
        """Call `callback` (from another thread) when the statement is canceled; at once if it already is."""
        with self._lock:
            self._callbacks.append(callback)
            late = self.canceled
        if late:
            callback()

    def cancel(self) -> bool:
        """Ask the statement to stop. False if it had ended."""
        with self._lock:
            if self.done.done() or self.canceled:
                return not self.done.done()
            self._cancel.set()
            callbacks = list(self._callbacks)
        for callback in callbacks:
            callback()
        return True

    def check(self) -> None:
        """Raise SqlError 604 if the statement has been canceled."""
        if self.canceled:
            raise canceled()

    def wait(self, event: threading.Event, timeout: float | None = None) -> bool:
        """Wait for `event` inside a handler; raises SqlError 604 as soon as the statement is canceled."""
        self.on_cancel(event.set)
        happened = event.wait(timeout)
        self.check()
        return happened


def current() -> Query:
    """The query whose handler runs in this thread."""
    query: Query = _running.query
    return query


def _interrupted() -> Result:
    raise SqlError(
        300005,
        "XX000",
        "The local account was restarted while this statement ran. It is not run again; look whether it is done.",
    )


class Queries:
    """All statements that a client may still ask about. Old ones are forgotten by age and by count
    (`keep_count` of those with pieces on disk).

    The requestIds of statements that may change something outlive the server: a client that lost its connection to a
    crash sends the statement again, and it must not run twice.
    """

    def __init__(self, state: State, keep_s: float, keep_count: int, forget: Callable[[Query], None]) -> None:
        self._state, self._keep_s, self._keep_count, self._forget = state, keep_s, keep_count, forget
        state.tables(_TABLES)
        state.execute("DELETE FROM requests WHERE started < ?", (time.time() - keep_s,))
        self._by_id: OrderedDict[str, Query] = OrderedDict()
        self._by_request: dict[str, str] = {}
        self._lock = threading.Lock()

    def submit(self, session_id: int, request_id: str, sql: str, work: Callable[[], Result]) -> Query:
        """Run `work` in its own thread, unless this requestId has been seen: then the query it started is returned."""
        with self._lock:
            seen = self._by_request.get(request_id) if request_id else None
            if seen and seen in self._by_id:
                return self._by_id[seen]
            query = Query(str(uuid.uuid4()), session_id, sql, request_id)
            work = work if self._first(request_id, sql) else _interrupted
            self._by_id[query.id] = query
            if request_id:
                self._by_request[request_id] = query.id
        self._evict()
        threading.Thread(target=self._run, args=(query, work), name=f"query-{query.id[:8]}", daemon=True).start()
        return query

    def get(self, query_id: str) -> Query | None:
        with self._lock:
            return self._by_id.get(query_id)

    def by_request(self, request_id: str) -> Query | None:
        with self._lock:
            return self._by_id.get(self._by_request.get(request_id, ""))

    def of_session(self, session_id: int) -> list[Query]:
        """Oldest first."""
        with self._lock:
            return [query for query in self._by_id.values() if query.session_id == session_id]

    def _first(self, request_id: str, sql: str) -> bool:
        """Note a requestId. False if an earlier server began that statement."""
        if not request_id or _READING.match(sql):
            return True
        noted = self._state.execute("INSERT OR IGNORE INTO requests VALUES (?, ?)", (request_id, time.time()))
        return noted == 1

    def _run(self, query: Query, work: Callable[[], Result]) -> None:
        _running.query = query
        try:
            query.result = work()
        except SqlError as problem:
            query.error = problem
        except Exception as bug:
            log.exception("statement %s failed inside the local account", query.id)
            query.error = SqlError(
                300010 if query.canceled else 603,
                "XX000",
                "SQL execution internal error:\nProcessing aborted by error in the local account"
                f" ({type(bug).__name__}: {bug})",
            )
        if query.canceled and query.error:
            query.error = canceled()
        query.ended = time.time()
        query.done.set_result(None)

    def _evict(self) -> None:
        """Results with pieces on disk have a limit of their own: a loader reads them while others ask for status."""
        oldest = time.time() - self._keep_s
        with self._lock:
            ended = [query for query in self._by_id.values() if query.ended is not None]
            large = [query for query in ended if query.on_disk]
            small = [query for query in ended if not query.on_disk]
            gone = [q for q in ended if (q.ended or 0) < oldest]
            gone += [q for q in large[: -self._keep_count] + small[:-_KEEP_SMALL] if q not in gone]
            for query in gone:
                del self._by_id[query.id]
                self._by_request.pop(query.request_id, None)
        for query in gone:
            self._forget(query)
