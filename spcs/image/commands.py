"""Running a container client: list argv, no shell, output kept or passed on."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

Say = Callable[[str], None]
KEPT_LINES = 20


@dataclass(frozen=True)
class Answer:
    """A finished command: its exit code, what it wrote, and what it complained of."""

    code: int
    out: str
    error: str

    @property
    def short(self) -> bool:
        """Does `error` hold all that `follow` passed on?"""
        return len([line for line in self.out.splitlines() if line.strip()]) <= KEPT_LINES


def ask(argv: Sequence[str], *, env: Mapping[str, str] | None = None, stdin: str = "", timeout: float = 60) -> Answer:
    """Run a short command and keep what it writes; one that hangs or cannot start is an Answer with code -1."""
    try:
        done = subprocess.run(
            argv, env=_environment(env), input=stdin, timeout=timeout, capture_output=True, text=True, errors="replace",
            check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return Answer(-1, "", f"{argv[0]} gave no answer in {timeout:.0f} s")
    except OSError as error:
        return Answer(-1, "", str(error))
    return Answer(done.returncode, done.stdout, done.stderr)


def follow(argv: Sequence[str], say: Say, *, env: Mapping[str, str] | None = None) -> Answer:
    """Run a long command, passing on each line as it comes; `error` holds the last 20 of them."""
    last: deque[str] = deque(maxlen=KEPT_LINES)
    with subprocess.Popen(
        argv, env=_environment(env), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, errors="replace",
    ) as process:  # fmt: skip
        assert process.stdout is not None
        lines = []
        for raw in process.stdout:
            line = raw.rstrip()
            say(line)
            lines.append(line)
            if line.strip():
                last.append(line)
    return Answer(process.returncode, "\n".join(lines), "\n".join(last))


def show(argv: Sequence[str], *, env: Mapping[str, str] | None = None) -> Answer:
    """Run a long command with its own display (moving bars) on the terminal; only its complaints are kept."""
    with subprocess.Popen(
        argv, env=_environment(env), stdin=subprocess.DEVNULL, stdout=sys.stderr, stderr=subprocess.PIPE, text=True,
        errors="replace",
    ) as process:  # fmt: skip
        _, error = process.communicate()
    return Answer(process.returncode, "", error)


def on_terminal() -> bool:
    """Is there a terminal that can show a client's own display?"""
    return sys.stderr.isatty()


def _environment(extra: Mapping[str, str] | None) -> dict[str, str] | None:
    return {**os.environ, **extra} if extra else None
