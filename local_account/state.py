"""The account's own records in SQLite (WAL): every write is one transaction and survives kill -9."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class State:
    """One connection behind one lock: statements here take microseconds, so nothing is gained by more.

    Thread-safe. `write()` may be nested in the same thread; the outermost block commits, any error rolls all back.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        self._depth = 0
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.execute("PRAGMA foreign_keys = ON")

    def tables(self, script: str) -> None:
        """Create tables and indexes (`CREATE … IF NOT EXISTS …;`). Each room calls this once for its own."""
        with self._lock:
            self._connection.executescript(script)

    def read(self, sql: str, parameters: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """All rows of a SELECT; columns by name or position."""
        with self._lock:
            return self._connection.execute(sql, parameters).fetchall()

    def one(self, sql: str, parameters: Sequence[Any] = ()) -> sqlite3.Row | None:
        """The first row of a SELECT, or None."""
        found = self.read(sql, parameters)
        return found[0] if found else None

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """A transaction: `with state.write() as db: db.execute(…)`."""
        with self._lock:
            if self._depth == 0:
                self._connection.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield self._connection
            except BaseException:
                self._depth -= 1
                if self._depth == 0:
                    self._connection.execute("ROLLBACK")
                raise
            self._depth -= 1
            if self._depth == 0:
                self._connection.execute("COMMIT")

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """One write as its own transaction. Returns the number of rows changed."""
        with self.write() as db:
            return db.execute(sql, parameters).rowcount

    def close(self) -> None:
        with self._lock:
            self._connection.close()
