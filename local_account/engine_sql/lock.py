"""The writer lock: held by a session, not by a thread, because a transaction spans several statements."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_LOOK_AGAIN_S = 0.5


class WriterLock:
    """Re-entrant for one session; within a session one statement at a time."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._owner: int | None = None
        self._depth = 0
        self._statements: dict[int, threading.RLock] = {}

    def acquire(self, session_id: int, check: Callable[[], None]) -> None:
        """Wait for the lock; `check` raises when the waiting statement is canceled."""
        with self._condition:
            while self._owner not in (None, session_id):
                self._condition.wait(_LOOK_AGAIN_S)
                check()
            self._owner, self._depth = session_id, self._depth + 1

    def release(self, session_id: int) -> None:
        with self._condition:
            if self._owner != session_id:
                return
            self._depth -= 1
            if self._depth == 0:
                self._owner = None
                self._condition.notify_all()

    @contextmanager
    def between_statements(self, session_id: int) -> Iterator[None]:
        """Wait for the statement of the session that holds the lock, and let it have no other meanwhile."""
        with self._condition:
            statement = self._statements.setdefault(session_id, threading.RLock())
        with statement:
            yield

    @contextmanager
    def held_by(self, session_id: int, check: Callable[[], None]) -> Iterator[None]:
        """Hold the lock for one statement of a session."""
        with self.between_statements(session_id):
            self.acquire(session_id, check)
            try:
                yield
            finally:
                self.release(session_id)
