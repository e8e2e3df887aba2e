"""What `inv doctor` found: a line a check under its group, with the remedy below it, or one JSON object a line."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from spcs.show.console import Tone, emit, painted, write

_TONES: Mapping[str, Tone] = {"ok": "good", "warn": "warn", "fail": "bad", "skip": "quiet"}
_NAME = 12
_INDENT = " " * (2 + 6 + _NAME + 2)


class FindingView:
    """Shows findings one by one on stdout, in the order in which they are given."""

    def __init__(self, *, as_json: bool = False) -> None:
        self._as_json = as_json
        self._group = ""

    def finding(self, check: str, group: str, status: str, message: str, fix: str) -> None:
        if self._as_json:
            return emit({"check": check, "group": group, "status": status, "message": message, "fix": fix})
        if group != self._group:
            self._group = group
            write(painted(group, "name", sys.stdout))
        write(f"  {painted(f'{status:<4}', _TONES.get(status, 'plain'), sys.stdout)}  {check:<{_NAME}}  {message}")
        for number, line in enumerate(fix.splitlines()):
            write(f"{_INDENT}{'     ' if number else 'fix: '}{line}".rstrip())

    def sums(self, counted: Mapping[str, int]) -> None:
        """Say how many there were of each kind."""
        if not self._as_json:
            write(", ".join(f"{count} {status}" for status, count in counted.items() if count))
