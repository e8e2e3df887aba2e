"""One console, one palette: `say` talks on stderr, `write` and `emit` put data on stdout.

Colours only on a terminal that takes them, and never with NO_COLOR. Nothing here needs rich; tables do (see `tables`).
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Mapping
from typing import Any, Literal, TextIO

Tone = Literal["plain", "good", "warn", "bad", "quiet", "name"]

PALETTE: Mapping[Tone, str] = {"good": "32", "warn": "33", "bad": "31", "quiet": "2", "name": "1"}


def say(text: str, tone: Tone = "plain") -> None:
    """Talk to the user: progress, hints, warnings. One short sentence a line reads best."""
    _put(sys.stderr, painted(text, tone, sys.stderr))


def write(text: str) -> None:
    """Put what was asked for on stdout, whole lines."""
    _put(sys.stdout, text)


def emit(entry: Mapping[str, Any]) -> None:
    """Put one JSON object on a line of its own on stdout. What JSON does not know becomes its text."""
    _put(sys.stdout, json.dumps(entry, default=str, ensure_ascii=False))


def plan(text: str) -> None:
    """Put one step of a plan (`inv --dry`) on stdout, as it would be sent."""
    _put(sys.stdout, text)


def asked(question: str) -> str:
    """Ask on stderr, so that what goes to stdout stays data, and return the answer, empty where there is none."""
    sys.stderr.write(question)
    sys.stderr.flush()
    return sys.stdin.readline().strip()


def painted(text: str, tone: Tone, stream: TextIO) -> str:
    """Return the text in the palette's colour where the stream shows colours."""
    if tone not in PALETTE or not is_colourful(stream):
        return text
    return f"\x1b[{PALETTE[tone]}m{text}\x1b[0m"


def is_terminal(stream: TextIO) -> bool:
    return not stream.closed and stream.isatty()


def is_colourful(stream: TextIO) -> bool:
    return is_terminal(stream) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def width() -> int:
    """Return the terminal's width in characters; COLUMNS overrides it, 80 where there is none."""
    return shutil.get_terminal_size().columns


def _put(stream: TextIO, text: str) -> None:
    try:
        stream.write(text + "\n")
        stream.flush()
    except UnicodeEncodeError:  # a terminal of another age: show what it cannot, as escapes
        encoding = stream.encoding or "ascii"
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
        stream.flush()
    except BrokenPipeError:
        _leave_quietly(stream)


def _leave_quietly(stream: TextIO) -> None:
    """End as programs do whose reader (`| head`) went away: silently, with 128 + SIGPIPE."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())  # or Python's last flush complains
    raise SystemExit(141)
