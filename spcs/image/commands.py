"""Running a container client: list argv, no shell, output kept or passed on."""

from __future__ import annotations

import codecs
import os
import pty
import re
import subprocess
import termios
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

Say = Callable[[str], None]
KEPT_LINES = 20
DISPLAY_WIDTH = 200
# A cursor that moves up or down begins another line, too.
LINE_ENDS = re.compile(r"[\r\n]|\x1b\[\d*[AB]")
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


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
    """Run a long command, passing on each line as it comes, without colours; `error` holds the last 20 of them.

    The legacy builder puts red around each piece that a step writes to stderr, so also in the middle of a sentence.
    """
    last: deque[str] = deque(maxlen=KEPT_LINES)
    with subprocess.Popen(
        argv, env=_environment(env), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, errors="replace",
    ) as process:  # fmt: skip
        assert process.stdout is not None
        lines = []
        for raw in process.stdout:
            line = ESCAPES.sub("", raw).rstrip()
            say(line)
            lines.append(line)
            if line.strip():
                last.append(line)
    return Answer(process.returncode, "\n".join(lines), "\n".join(last))


def follow_display(argv: Sequence[str], hear: Callable[[str], bool], *, env: Mapping[str, str] | None = None) -> Answer:
    """Run a long command on a terminal of its own, where it shows more than on a pipe, and take down what it shows.

    `hear` gets each line, also each new state of one, without colours and cursor movements, and tells whether it was
    progress. `error` holds the last 20 lines that were not.
    """
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (50, DISPLAY_WIDTH))
    last: deque[str] = deque(maxlen=KEPT_LINES)
    with subprocess.Popen(
        argv, env=_environment({"TERM": "xterm", **(env or {})}), stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        for line in _shown(ours):
            if not hear(line):
                last.append(line)
    return Answer(process.returncode, "", "\n".join(last))


def _shown(terminal: int) -> Iterator[str]:
    """The lines written to a terminal, until it is hung up; closes it."""
    pending = ""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    with open(terminal, "rb", buffering=0) as stream:
        while True:
            try:
                block = stream.read(1 << 16)
            except OSError:  # how Linux says that nobody writes any more
                block = b""
            *lines, pending = LINE_ENDS.split(pending + decoder.decode(block, final=not block))
            if not block:
                lines.append(pending)
            yield from (text for line in lines if (text := ESCAPES.sub("", line).strip()))
            if not block:
                return


def _environment(extra: Mapping[str, str] | None) -> dict[str, str] | None:
    return {**os.environ, **extra} if extra else None
