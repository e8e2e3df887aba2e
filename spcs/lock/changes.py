"""What a new lock has that the old one had not: the table that `inv lock` shows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from spcs.lock.model import Lock


class Move(NamedTuple):
    """A package whose version is another one; empty before it came, and after it went."""

    package: str
    before: str
    after: str


def moves(before: Lock | None, after: Lock) -> Iterator[Move]:
    """Every package that moves, comes or goes, in alphabetical order."""
    old = {each.name: each.version for each in before.requirements} if before else {}
    new = {each.name: each.version for each in after.requirements}
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name):
            yield Move(name, old.get(name, ""), new.get(name, ""))
