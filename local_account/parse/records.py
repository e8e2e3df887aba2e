"""What the two ways to read recorded logs share: which columns of them, and in what order."""

from __future__ import annotations

from collections.abc import Collection

from local_account.parse.tokens import Tokens


def columns(tokens: Tokens, known: Collection[str]) -> tuple[str, ...]:
    """Read `*` or names. ValueError if one is not `known`: the statement is about something else."""
    if tokens.accept_op("*"):
        return tuple(known)
    found = [tokens.identifier()]
    while tokens.accept_op(","):
        found.append(tokens.identifier())
    if not set(found) <= set(known):
        raise ValueError("other columns")
    return tuple(found)


def descending(tokens: Tokens) -> bool:
    """Read `ORDER BY TIMESTAMP` and its direction, if it is there."""
    if not tokens.accept("ORDER", "BY"):
        return False
    tokens.expect("TIMESTAMP")
    down = tokens.accept("DESC")
    if not down:
        tokens.accept("ASC")
    return down
