"""ALTER USER: a public key, and programmatic access tokens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from local_account.parse.names import Name
from local_account.parse.tokens import Tokens, Value

_KEYS = ("RSA_PUBLIC_KEY", "COMMENT")
_TOKEN = ("ROLE_RESTRICTION", "DAYS_TO_EXPIRY", "MINS_TO_BYPASS_NETWORK_POLICY_REQUIREMENT", "COMMENT")


@dataclass(frozen=True)
class AlterUser:
    """`name` None is the user of the session; a property to UNSET has the value None."""

    name: Name | None
    properties: dict[str, Value]


@dataclass(frozen=True)
class AddToken:
    user: Name | None
    token: str
    properties: dict[str, Value]


@dataclass(frozen=True)
class RemoveToken:
    user: Name | None
    token: str


def _alter(tokens: Tokens) -> AlterUser | AddToken | RemoveToken:
    tokens.if_exists()
    verbs = ("SET", "UNSET", "ADD", "REMOVE")
    name = None if tokens.peek().value in verbs and tokens.peek(1).text != "." else tokens.name()
    if tokens.accept("SET"):
        return AlterUser(name, tokens.properties(*_KEYS))
    if tokens.accept("UNSET"):
        token = tokens.peek()
        key = tokens.word()
        if key not in _KEYS:
            raise tokens.error(token)
        return AlterUser(name, {key: None})
    is_added = tokens.accept("ADD")
    if not is_added:
        tokens.expect("REMOVE")
    if not tokens.accept("PAT"):
        tokens.expect("PROGRAMMATIC", "ACCESS", "TOKEN")
    token_name = tokens.identifier()
    return AddToken(name, token_name, tokens.properties(*_TOKEN)) if is_added else RemoveToken(name, token_name)


PARSERS: dict[tuple[str, ...], Callable[[Tokens], object]] = {("ALTER", "USER"): _alter}
