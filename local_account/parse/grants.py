"""GRANT and REVOKE."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from local_account.parse.names import Name
from local_account.parse.show import object_and_name
from local_account.parse.tokens import Tokens


@dataclass(frozen=True)
class Grant:
    """Privileges on an object to (or, with `revoke`, from) a role. `bulk` is '', 'ALL' or 'FUTURE' (`ON ALL TABLES IN
    …`): then `kind` is the plural and `name` the schema or database."""

    privileges: tuple[str, ...]
    kind: str
    name: Name | None
    bulk: str
    grantee_kind: str
    grantee: Name
    grant_option: bool = False
    revoke: bool = False
    copy_grants: bool = False


@dataclass(frozen=True)
class GrantRole:
    """A role to a user or to another role."""

    role: Name
    grantee_kind: str
    grantee: Name
    revoke: bool = False


def _grant(tokens: Tokens) -> Grant | GrantRole:
    return _any(tokens, "TO", revoke=False)


def _revoke(tokens: Tokens) -> Grant | GrantRole:
    tokens.accept("GRANT", "OPTION", "FOR")
    return _any(tokens, "FROM", revoke=True)


def _any(tokens: Tokens, direction: str, *, revoke: bool) -> Grant | GrantRole:
    if tokens.accept("ROLE"):
        role = tokens.name()
        tokens.expect(direction)
        kind = "USER" if tokens.accept("USER") else "ROLE"
        tokens.accept("ROLE")
        return GrantRole(role, kind, tokens.name(), revoke)
    privileges = _privileges(tokens)
    tokens.expect("ON")
    bulk, kind, name = _target(tokens)
    tokens.expect(direction)
    grantee_kind = "USER" if tokens.accept("USER") else "ROLE"
    tokens.accept("ROLE")
    grantee = tokens.name()
    option = tokens.accept("WITH", "GRANT", "OPTION")
    copy = tokens.accept("COPY", "CURRENT", "GRANTS")
    tokens.accept("REVOKE", "CURRENT", "GRANTS")
    tokens.accept("CASCADE") or tokens.accept("RESTRICT")
    return Grant(privileges, kind, name, bulk, grantee_kind, grantee, option, revoke, copy)


def _privileges(tokens: Tokens) -> tuple[str, ...]:
    found = []
    while True:
        words = [tokens.word()]
        while not tokens.at("ON") and not tokens.at_op(","):
            words.append(tokens.word())
        found.append("ALL" if words[0] == "ALL" else " ".join(words))
        if not tokens.accept_op(","):
            return tuple(found)


def _target(tokens: Tokens) -> tuple[str, str, Name | None]:
    if tokens.accept("ACCOUNT"):
        return "", "ACCOUNT", None
    for bulk in ("ALL", "FUTURE"):
        if tokens.accept(bulk):
            words = [tokens.word()]
            while not tokens.at("IN"):
                words.append(tokens.word())
            tokens.expect("IN")
            _, name = object_and_name(tokens)
            return bulk, " ".join(words), name
    return "", *object_and_name(tokens)


PARSERS: dict[tuple[str, ...], Callable[[Tokens], object]] = {("GRANT",): _grant, ("REVOKE",): _revoke}
