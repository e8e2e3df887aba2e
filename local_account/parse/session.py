"""USE, ALTER SESSION and transactions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from local_account.parse.names import Name
from local_account.parse.tokens import Tokens, Value


@dataclass(frozen=True)
class Use:
    """`kind` is ROLE, WAREHOUSE, DATABASE, SCHEMA, SECONDARY ROLES or '' (a database, or `database.schema`)."""

    kind: str
    name: Name


@dataclass(frozen=True)
class AlterSession:
    set: dict[str, Value]
    unset: tuple[str, ...] = ()


@dataclass(frozen=True)
class Transaction:
    """`verb` is BEGIN, COMMIT or ROLLBACK."""

    verb: str


def _use(kind: str) -> Callable[[Tokens], Use]:
    return lambda tokens: Use(kind, tokens.name())


def _set(tokens: Tokens) -> AlterSession:
    return AlterSession(tokens.properties())


def _unset(tokens: Tokens) -> AlterSession:
    names = [tokens.word()]
    while tokens.accept_op(","):
        names.append(tokens.word())
    return AlterSession({}, tuple(names))


def _transaction(verb: str) -> Callable[[Tokens], Transaction]:
    def parse(tokens: Tokens) -> Transaction:
        tokens.accept("WORK") or tokens.accept("TRANSACTION")
        if verb == "BEGIN" and tokens.accept("NAME"):
            tokens.identifier()
        return Transaction(verb)

    return parse


PARSERS: dict[tuple[str, ...], Callable[[Tokens], object]] = {
    ("USE",): _use(""),
    ("USE", "ROLE"): _use("ROLE"),
    ("USE", "WAREHOUSE"): _use("WAREHOUSE"),
    ("USE", "DATABASE"): _use("DATABASE"),
    ("USE", "SCHEMA"): _use("SCHEMA"),
    ("USE", "SECONDARY", "ROLES"): _use("SECONDARY ROLES"),
    ("ALTER", "SESSION", "SET"): _set,
    ("ALTER", "SESSION", "UNSET"): _unset,
    ("BEGIN",): _transaction("BEGIN"),
    ("START",): _transaction("BEGIN"),
    ("COMMIT",): _transaction("COMMIT"),
    ("ROLLBACK",): _transaction("ROLLBACK"),
}
