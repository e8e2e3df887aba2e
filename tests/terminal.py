"""A command on a terminal of its own, with somebody who types."""

from __future__ import annotations

import os
import pty
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path


class Terminal:
    """Runs `command` on a terminal; what it shows is in `shown`, whatever the stream."""

    def __init__(self, command: Sequence[str], folder: Path, env: Mapping[str, str]) -> None:
        self._own, theirs = pty.openpty()
        # A session of its own with the terminal as its own: then Ctrl-C reaches the command, and nobody else.
        self._process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, "TERM": "xterm", **env},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            preexec_fn=lambda: os.login_tty(0),
        )
        os.close(theirs)
        self.shown = ""

    def until(self, text: str, seconds: float = 240) -> None:
        """Wait until a text has been shown."""
        deadline = time.monotonic() + seconds
        while text not in self.shown:
            assert time.monotonic() < deadline, self.shown
            assert self._read(), f"it ended without {text!r}:\n{self.shown}"

    def type(self, text: str) -> None:
        """Type a text; `\\x03` is Ctrl-C."""
        os.write(self._own, text.encode())

    def end(self, seconds: float = 240) -> int:
        """Wait for the end, and return the exit code."""
        while self._read():
            pass
        os.close(self._own)
        return self._process.wait(timeout=seconds)

    def _read(self) -> bool:
        try:
            found = os.read(self._own, 4096)
        except OSError:  # on Linux a terminal whose other side is gone is an error
            return False
        self.shown += found.decode(errors="replace")
        return bool(found)
