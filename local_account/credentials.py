"""The generated user and password of the account, in a file that only its owner may read."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

USER = "LOCAL"


@dataclass(frozen=True)
class Credentials:
    user: str
    password: str

    def __repr__(self) -> str:
        return f"Credentials(user={self.user!r})"


def load(path: Path) -> Credentials:
    """The credentials in `path`; made there with mode 0600 if there are none."""
    try:
        return Credentials(**json.loads(path.read_text()))
    except FileNotFoundError:
        return _make(path)


def _make(path: Path) -> Credentials:
    made = Credentials(USER, secrets.token_urlsafe(24))
    partial = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(asdict(made), file)
    partial.replace(path)
    return made
