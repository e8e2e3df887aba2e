"""The private folder with the registry login, in the form that docker, podman and we ourselves read.

It is apart from the user's own `~/.docker`: nothing is written there, and to log out is to delete the folder.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

USER = "0sessiontoken"
"""The user name that means: the password is a session token of the account."""


@dataclass(frozen=True)
class Credentials:
    """A registry login; the password shows in no repr and no log."""

    user: str
    password: str = field(repr=False)

    @property
    def basic(self) -> str:
        """The value after `Authorization: Basic `."""
        return base64.b64encode(f"{self.user}:{self.password}".encode()).decode()


class Folder:
    """`.spcs/docker`: readable by its owner only. Deleting it costs one login."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.file = path / "config.json"

    def load(self, host: str) -> Credentials | None:
        """The login kept for `host` (with its port), if there is one."""
        entry = self._read().get("auths", {}).get(host, {})
        try:
            user, _, password = base64.b64decode(entry.get("auth", "")).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        return Credentials(user, password) if password else None

    def save(self, host: str, credentials: Credentials) -> None:
        """Keep a login, as `docker login` would."""
        self._write(host, {"auth": credentials.basic})

    def prepare(self, host: str) -> None:
        """Make the folder ready for `docker login HOST` and `docker push`.

        An entry for the host must be there before: into an empty file docker writes no password, it takes the
        desktop's key store instead, where we could not read it (and where Windows refuses one that long).
        """
        if host not in self._read().get("auths", {}):
            self._write(host, {})

    def _read(self) -> dict[str, Any]:
        try:
            values = json.loads(self.file.read_text())
        except (OSError, ValueError):
            return {}
        return values if isinstance(values, dict) else {}

    def _write(self, host: str, entry: dict[str, str]) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        self.path.chmod(0o700)
        values = self._read()
        values.setdefault("auths", {})[host] = entry
        values |= self._users_engine()
        new = self.file.with_suffix(f".{os.getpid()}")
        new.touch(mode=0o600)
        new.write_text(json.dumps(values))
        new.replace(self.file)

    def _users_engine(self) -> dict[str, str]:
        """Talk to the engine the user has chosen with `docker context use`, though the configuration is ours."""
        users = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
        try:
            context = json.loads((users / "config.json").read_text()).get("currentContext", "")
        except (OSError, ValueError, AttributeError):
            return {}
        link = self.path / "contexts"
        if context and not link.is_symlink():
            with contextlib.suppress(FileExistsError):
                link.symlink_to((users / "contexts").absolute())
        return {"currentContext": context} if context else {}
