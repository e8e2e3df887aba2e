"""CREATE, ALTER, DROP, DESCRIBE and SHOW of compute pools."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from local_account.parse.names import Name
from local_account.parse.show import Scope, scope
from local_account.parse.tokens import Tokens, Value

SETTABLE = (
    "MIN_NODES",
    "MAX_NODES",
    "AUTO_RESUME",
    "AUTO_SUSPEND_SECS",
    "COMMENT",
    "BACKUP_INSTANCE_FAMILIES",
    "TAG",
)
_PROPERTIES = (*SETTABLE, "INSTANCE_FAMILY", "INITIALLY_SUSPENDED", "PLACEMENT_GROUP")


@dataclass(frozen=True)
class CreatePool:
    name: Name
    if_not_exists: bool
    properties: dict[str, Value]


@dataclass(frozen=True)
class AlterPool:
    """`action` is SUSPEND, RESUME, STOP ALL, SET or UNSET; for UNSET the keys of `properties` count."""

    name: Name
    if_exists: bool
    action: str
    properties: dict[str, Value]


@dataclass(frozen=True)
class DropPool:
    name: Name
    if_exists: bool


@dataclass(frozen=True)
class DescribePool:
    name: Name


@dataclass(frozen=True)
class ShowPools:
    scope: Scope


@dataclass(frozen=True)
class ShowFamilies:
    scope: Scope


def _create(tokens: Tokens) -> CreatePool:
    if_not_exists = tokens.if_not_exists()
    return CreatePool(tokens.name(), if_not_exists, tokens.properties(*_PROPERTIES))


def _alter(tokens: Tokens) -> AlterPool:
    if_exists = tokens.if_exists()
    name = tokens.name()
    for words in (("SUSPEND",), ("RESUME",), ("STOP", "ALL")):
        if tokens.accept(*words):
            if words == ("STOP", "ALL") and tokens.accept("OF", "TYPE"):
                tokens.rest()
            return AlterPool(name, if_exists, " ".join(words), {})
    if tokens.accept("UNSET"):
        return AlterPool(name, if_exists, "UNSET", dict.fromkeys(_keys(tokens)))
    tokens.expect("SET")
    return AlterPool(name, if_exists, "SET", tokens.properties(*SETTABLE))


def _keys(tokens: Tokens) -> list[str]:
    keys = []
    while not tokens.at_end():
        token = tokens.peek()
        keys.append(tokens.word())
        if keys[-1] not in SETTABLE:
            raise tokens.error(token)
        tokens.accept_op(",")
    return keys


def _drop(tokens: Tokens) -> DropPool:
    if_exists = tokens.if_exists()
    return DropPool(tokens.name(), if_exists)


PARSERS: dict[tuple[str, ...], Callable[[Tokens], object]] = {
    ("CREATE", "COMPUTE", "POOL"): _create,
    ("ALTER", "COMPUTE", "POOL"): _alter,
    ("DROP", "COMPUTE", "POOL"): _drop,
    ("DESCRIBE", "COMPUTE", "POOL"): lambda tokens: DescribePool(tokens.name()),
    ("DESC", "COMPUTE", "POOL"): lambda tokens: DescribePool(tokens.name()),
    ("SHOW", "COMPUTE", "POOLS"): lambda tokens: ShowPools(scope(tokens)),
    ("SHOW", "COMPUTE", "POOL", "INSTANCE", "FAMILIES"): lambda tokens: ShowFamilies(scope(tokens)),
}
