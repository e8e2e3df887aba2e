"""Bearer tokens for the object store: one for each PUT or GET statement, good for one stage and a limited time."""

from __future__ import annotations

import secrets
import threading
import time
from dataclasses import dataclass

from local_account.catalog import Path

_LIFE_S = 6 * 3600.0


@dataclass(frozen=True)
class Grant:
    """What the bearer may do: read, and with `write` also change, the files of one stage."""

    stage: Path
    write: bool
    expires: float


class Transfers:
    """Thread-safe. Tokens are in memory only: a transfer does not outlive the server."""

    def __init__(self) -> None:
        self._grants: dict[str, Grant] = {}
        self._lock = threading.Lock()

    def issue(self, stage: Path, *, write: bool) -> str:
        token = secrets.token_urlsafe(32)
        now = time.time()
        with self._lock:
            self._grants = {key: grant for key, grant in self._grants.items() if grant.expires > now}
            self._grants[token] = Grant(stage, write, now + _LIFE_S)
        return token

    def check(self, token: str, *, write: bool) -> Grant | None:
        """The grant of a token that may do this, else None."""
        with self._lock:
            grant = self._grants.get(token)
        if grant is None or grant.expires < time.time() or (write and not grant.write):
            return None
        return grant
