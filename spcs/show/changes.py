"""A unified diff on stdout: coloured on a terminal, else a patch as any tool reads it."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping

from spcs.show.console import Tone, painted, write

_TONES: Mapping[str, Tone] = {"+": "good", "-": "bad", "@": "quiet"}
_HEADER = 2


def patch(lines: Iterable[str]) -> None:
    """Show the lines of one file's diff, its two header lines first."""
    for number, line in enumerate(lines):
        tone = "name" if number < _HEADER else _TONES.get(line[:1], "plain")
        write(painted(line, tone, sys.stdout))
