"""SHOW: what, and the clauses that narrow it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from local_account.parse.names import Name
from local_account.parse.scanner import Kind
from local_account.parse.tokens import Tokens


@dataclass(frozen=True)
class Scope:
    """`kind` is ACCOUNT, DATABASE, SCHEMA, another word (COMPUTE POOL) or None; `name` None means the one in USE."""

    like: str | None = None
    kind: str | None = None
    name: Name | None = None
    starts_with: str | None = None
    limit: int | None = None


@dataclass(frozen=True)
class Show:
    """SHOW of a kind of object: DATABASES, STAGES, …"""

    what: str
    scope: Scope


@dataclass(frozen=True)
class ShowGrants:
    """`how` is ON, TO or OF; `kind` is the kind of the object or grantee. All None: grants to the present role."""

    how: str | None = None
    kind: str | None = None
    name: Name | None = None


def scope(tokens: Tokens) -> Scope:
    """`[LIKE 'x'] [IN …] [STARTS WITH 'x'] [LIMIT n [FROM 'x']]`, in any order, up to the end."""
    like = starts = kind = None
    name, limit = None, None
    while not tokens.at_end():
        if tokens.accept("LIKE"):
            like = tokens.string()
        elif tokens.accept("IN"):
            kind, name = _place(tokens)
        elif tokens.accept("STARTS", "WITH"):
            starts = tokens.string()
        elif tokens.accept("LIMIT"):
            limit = tokens.integer()
            if tokens.accept("FROM"):
                tokens.string()
        elif not tokens.accept("HISTORY"):
            raise tokens.error()
    return Scope(like, kind, name, starts, limit)


def _place(tokens: Tokens) -> tuple[str, Name | None]:
    for words in (("COMPUTE", "POOL"), ("IMAGE", "REPOSITORY"), ("ACCOUNT",), ("DATABASE",), ("SCHEMA",), ("SESSION",),
                  ("TABLE",), ("VIEW",), ("USER",), ("WAREHOUSE",), ("SERVICE",)):  # fmt: skip
        if tokens.accept(*words):
            return " ".join(words), None if _clause_follows(tokens) else tokens.name()
    return "", tokens.name()


def _clause_follows(tokens: Tokens) -> bool:
    return tokens.at_end() or (
        tokens.peek().kind is Kind.WORD and tokens.peek().value in ("LIKE", "IN", "STARTS", "LIMIT")
    )


def grants(tokens: Tokens) -> ShowGrants:
    if tokens.at_end():
        return ShowGrants()
    how = next((word for word in ("ON", "TO", "OF") if tokens.accept(word)), None)
    if how is None:
        raise tokens.error()
    if tokens.accept("ACCOUNT"):
        return ShowGrants(how, "ACCOUNT")
    return ShowGrants(how, *object_and_name(tokens))


# First those whose name may be a word of the kind's own: a compute pool called POOL.
_KINDS_IN_WORDS = (
    ("COMPUTE", "POOL"),
    ("IMAGE", "REPOSITORY"),
    ("EXTERNAL", "ACCESS", "INTEGRATION"),
    ("SECURITY", "INTEGRATION"),
    ("NETWORK", "RULE"),
    ("FILE", "FORMAT"),
)


def object_and_name(tokens: Tokens) -> tuple[str, Name]:
    """`COMPUTE POOL p`, `DATABASE d`: every word but the last (dotted) name is the kind."""
    for known in _KINDS_IN_WORDS:
        if tokens.accept(*known):
            return " ".join(known), tokens.name()
    words = [tokens.word()]
    while tokens.peek().kind is Kind.WORD and (
        tokens.peek(1).kind is Kind.WORD and tokens.peek(1).value not in ("TO", "FROM", "COPY", "REVOKE")
    ):
        words.append(tokens.word())
    return " ".join(words), tokens.name()


def _shower(what: str) -> Callable[[Tokens], Show]:
    return lambda tokens: Show(what, scope(tokens))


_KINDS = (
    "DATABASES",
    "SCHEMAS",
    "WAREHOUSES",
    "STAGES",
    "ROLES",
    "USERS",
    "TABLES",
    "VIEWS",
    "OBJECTS",
    "COLUMNS",
    "PARAMETERS",
    "INTEGRATIONS",
    "SECURITY INTEGRATIONS",
    "EXTERNAL ACCESS INTEGRATIONS",
    "NETWORK RULES",
    "SECRETS",
    "FILE FORMATS",
)
PARSERS: dict[tuple[str, ...], Callable[[Tokens], object]] = {("SHOW", "GRANTS"): grants}
for _kind in _KINDS:
    PARSERS[("SHOW", *_kind.split())] = _shower(_kind)
    PARSERS[("SHOW", "TERSE", *_kind.split())] = _shower(_kind)
