"""Text of a statement -> a dataclass. Grammar files are one a family; each has PARSERS by leading keywords."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from local_account.errors import SqlError
from local_account.parse import (
    functions,
    grants,
    images,
    objects,
    pools,
    services,
    session,
    show,
    stages,
    tables,
    tasks,
    users,
)
from local_account.parse.tokens import Tokens

Parser = Callable[[Tokens], Any]

PARSERS: dict[tuple[str, ...], Parser] = {}
for _family in (functions, grants, images, objects, pools, services, session, show, stages, tables, tasks, users):
    PARSERS.update(_family.PARSERS)


def parse(sql: str) -> Any:
    """The dataclass of one statement. SqlError 1003 with line and position where the text is not known here."""
    tokens = Tokens.of(sql)
    if tokens.at_end():
        raise SqlError(900, "42601", "SQL compilation error:\nEmpty SQL statement.")
    statement = _parser(tokens)(tokens)
    tokens.accept_op(";")
    if not tokens.at_end():
        if tokens.index and tokens.items[tokens.index - 1].text == ";":
            raise SqlError(8, "0A000", "Actual statement count 2 did not match the desired statement count 1.")
        raise tokens.error()
    return statement


def _parser(tokens: Tokens) -> Parser:
    """The parser with the longest leading keywords; tokens stand behind them afterwards."""
    if tokens.accept("CREATE"):
        tokens.or_replace = tokens.accept("OR", "REPLACE")
        tokens.temporary = tokens.accept("TEMPORARY") or tokens.accept("TEMP") or tokens.accept("TRANSIENT")
        verb: tuple[str, ...] = ("CREATE",)
    else:
        verb = ()
    fitting = [words for words in PARSERS if words[: len(verb)] == verb and tokens.at(*words[len(verb) :])]
    if not fitting:
        tokens.index += 1 if not verb and _is_verb(tokens) else 0
        raise tokens.error()
    best = max(fitting, key=len)
    tokens.index += len(best) - len(verb)
    return PARSERS[best]


def _is_verb(tokens: Tokens) -> bool:
    """A known first word is right; the word after it is what was not expected."""
    return any(words[0] == tokens.peek().value for words in PARSERS)
