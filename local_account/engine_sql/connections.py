"""Cursors of the one DuckDB: transactions by session, one writer at a time, interrupts when a query is canceled."""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
from sqlglot.errors import SqlglotError

from local_account.engine_sql import names
from local_account.engine_sql.errors import translated
from local_account.engine_sql.lock import WriterLock
from local_account.errors import SqlError
from local_account.queries import current
from local_account.sessions import Session

Connection = duckdb.DuckDBPyConnection

_INTERRUPT_S = 0.02
#: a transaction that has been idle for so long ends when another writer waits for it: its client may be gone
_IDLE_S = 300.0


@dataclass
class _Open:
    """A session's open transaction."""

    cursor: Connection
    used: float = field(default_factory=time.monotonic)
    running: int = 0

    @property
    def abandoned(self) -> bool:
        return not self.running and time.monotonic() - self.used > _IDLE_S


class Connections:
    """Thread-safe. Readers see committed data and never wait; writers, whatever their session, go one after another."""

    def __init__(self, file: Path, readable: Path) -> None:
        """`readable` is the only folder whose files SQL may read. SqlError if the database cannot be opened."""
        warnings.filterwarnings("ignore", message="Arrow output on a DB-API result")
        with errors():
            self._connection = duckdb.connect(str(file))
        for setting in (
            "TimeZone = 'UTC'",
            "memory_limit = '50%'",  # jobs and their data loaders live on this machine, too
            "python_enable_replacements = false",
            f"allowed_directories = [{names.literal(str(readable))}]",
            "enable_external_access = false",  # SQL from a container must not read this machine's files
        ):
            self._connection.execute(f"SET GLOBAL {setting}")
        self._writer = WriterLock()
        self._open: dict[int, _Open] = {}
        self._rolled_back: set[int] = set()
        self._lock = threading.Lock()

    def cursor(self) -> Connection:
        """A cursor for a look at the catalog."""
        return self._connection.cursor()

    @contextmanager
    def reading(self, session_id: int) -> Iterator[Connection]:
        """A cursor for a SELECT: the session's own where a transaction is open. Canceling the query interrupts it."""
        if session_id in self._open:
            with self._writer.held_by(session_id, self._wait), self._transaction(session_id) as cursor:
                yield cursor
            return
        cursor = self._connection.cursor()
        try:
            with errors(), _interruptible(cursor):
                yield cursor
        finally:
            cursor.close()

    @contextmanager
    def writing(self, session: Session) -> Iterator[Connection]:
        """A cursor for a change, in the session's open transaction or in one of its own. SqlError 90232 where the
        client believes in a transaction that was given up: a part of it alone must not be committed."""
        if session.id in self._rolled_back:
            raise _given_up()
        if session.parameters.get("AUTOCOMMIT", "true").lower() == "false":
            self.begin(session.id)
        with self._writer.held_by(session.id, self._wait):
            if session.id in self._open:
                with self._transaction(session.id) as cursor:
                    yield cursor
                return
            cursor = self._connection.cursor()
            try:
                with errors(), _interruptible(cursor):
                    cursor.execute("BEGIN")
                    yield cursor
                    cursor.execute("COMMIT")
            finally:
                cursor.close()  # rolls back what was not committed

    @contextmanager
    def _transaction(self, session_id: int) -> Iterator[Connection]:
        transaction = self._open.get(session_id)
        if transaction is None:
            raise _given_up()
        transaction.running += 1
        try:
            with errors(), _interruptible(transaction.cursor):
                yield transaction.cursor
        finally:
            transaction.running -= 1
            transaction.used = time.monotonic()

    def in_transaction(self, session_id: int) -> bool:
        return session_id in self._open

    def begin(self, session_id: int) -> None:
        """Open a transaction, if there is none. Other writers wait until it ends."""
        if session_id in self._open:
            return
        self._writer.acquire(session_id, self._wait)
        cursor = self._connection.cursor()
        cursor.execute("BEGIN")
        with self._lock:
            self._rolled_back.discard(session_id)
            self._open[session_id] = _Open(cursor)

    def commit(self, session_id: int) -> None:
        """Raises SqlError if the transaction had been given up in the meantime."""
        if session_id in self._rolled_back:
            self._rolled_back.discard(session_id)
            raise _given_up()
        self._end(session_id, "COMMIT")

    def rollback(self, session_id: int) -> None:
        self._rolled_back.discard(session_id)
        self._end(session_id, "ROLLBACK")

    def _end(self, session_id: int, verb: str) -> None:
        with self._lock:
            transaction = self._open.pop(session_id, None)
        if transaction is None:
            return
        # DuckDB refuses a cursor that is in use. A statement that was canceled just now may still be on its way out.
        with self._writer.between_statements(session_id):
            try:
                with errors():
                    transaction.cursor.execute(verb)
            finally:
                transaction.cursor.close()
                self._writer.release(session_id)

    def _wait(self) -> None:
        """Called while a statement waits for the writer lock."""
        current().check()
        for session_id in [key for key, transaction in list(self._open.items()) if transaction.abandoned]:
            self._rolled_back.add(session_id)
            self._end(session_id, "ROLLBACK")

    def close(self) -> None:
        self._connection.close()


def _given_up() -> SqlError:
    text = f"The transaction was rolled back: idle for {_IDLE_S:.0f} s while another writer waited."
    return SqlError(90232, "22000", text)


@contextmanager
def _interruptible(cursor: Connection) -> Iterator[None]:
    """Canceling the query interrupts what the cursor does, again and again: an interrupt before its start is lost."""
    ended = threading.Event()

    def interrupt() -> None:
        with suppress(duckdb.Error):
            while not ended.wait(_INTERRUPT_S):
                cursor.interrupt()

    current().check()
    current().on_cancel(threading.Thread(target=interrupt, daemon=True).start)
    try:
        yield
    finally:
        ended.set()


@contextmanager
def errors() -> Iterator[None]:
    """DuckDB's and sqlglot's errors leave as SqlError."""
    try:
        yield
    except (duckdb.Error, SqlglotError) as problem:
        raise translated(problem) from problem
