"""CREATE, ALTER, DROP and DESCRIBE of plain objects: databases, schemas, warehouses, roles, integrations, stages,
network rules, secrets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from local_account.parse.names import Name
from local_account.parse.tokens import Tokens, Value

_WAREHOUSE = (
    "WAREHOUSE_TYPE",
    "WAREHOUSE_SIZE",
    "GENERATION",
    "RESOURCE_CONSTRAINT",
    "MAX_CLUSTER_COUNT",
    "MIN_CLUSTER_COUNT",
    "SCALING_POLICY",
    "AUTO_SUSPEND",
    "AUTO_RESUME",
    "INITIALLY_SUSPENDED",
    "RESOURCE_MONITOR",
    "COMMENT",
    "ENABLE_QUERY_ACCELERATION",
    "QUERY_ACCELERATION_MAX_SCALE_FACTOR",
    "MAX_CONCURRENCY_LEVEL",
    "STATEMENT_QUEUED_TIMEOUT_IN_SECONDS",
    "STATEMENT_TIMEOUT_IN_SECONDS",
    "TAG",
)
_SPACE = ("DATA_RETENTION_TIME_IN_DAYS", "MAX_DATA_EXTENSION_TIME_IN_DAYS", "DEFAULT_DDL_COLLATION", "LOG_LEVEL",
          "LOG_EVENT_LEVEL", "METRIC_LEVEL", "TRACE_LEVEL", "COMMENT", "TAG")  # fmt: skip
_STAGE = ("DIRECTORY", "ENCRYPTION", "FILE_FORMAT", "COPY_OPTIONS", "COMMENT", "TAG")
#: properties each kind may have; no entry in a tuple means any
ALLOWED: dict[str, tuple[str, ...]] = {
    "DATABASE": _SPACE,
    "SCHEMA": _SPACE,
    "WAREHOUSE": _WAREHOUSE,
    "ROLE": ("COMMENT", "TAG"),
    "STAGE": _STAGE,
    "SECURITY INTEGRATION": (),
    "EXTERNAL ACCESS INTEGRATION": (
        "ALLOWED_NETWORK_RULES",
        "ALLOWED_AUTHENTICATION_SECRETS",
        "ALLOWED_API_AUTHENTICATION_INTEGRATIONS",
        "ENABLED",
        "COMMENT",
    ),
    "NETWORK RULE": ("TYPE", "VALUE_LIST", "MODE", "COMMENT"),
    "SECRET": ("TYPE", "SECRET_STRING", "USERNAME", "PASSWORD", "COMMENT"),
    "FILE FORMAT": (),
}
#: what can be changed afterwards, where that is not all
ALTERABLE: dict[str, tuple[str, ...]] = {
    "NETWORK RULE": ("VALUE_LIST", "COMMENT"),
    "SECRET": ("SECRET_STRING", "USERNAME", "PASSWORD", "COMMENT"),
}


@dataclass(frozen=True)
class Create:
    kind: str
    name: Name
    or_replace: bool
    if_not_exists: bool
    properties: dict[str, Value]


@dataclass(frozen=True)
class Drop:
    kind: str
    name: Name
    if_exists: bool


@dataclass(frozen=True)
class Alter:
    """`action` is SET, UNSET, SUSPEND, RESUME or ABORT ALL QUERIES; a key to UNSET has the value None."""

    kind: str
    name: Name | None
    if_exists: bool
    action: str
    properties: dict[str, Value]


@dataclass(frozen=True)
class Describe:
    kind: str
    name: Name


def _create(kind: str) -> Callable[[Tokens], Create]:
    def parse(tokens: Tokens) -> Create:
        if_not_exists = tokens.if_not_exists()
        name = tokens.name()
        tokens.accept("WITH", "MANAGED", "ACCESS")
        return Create(
            kind,
            name,
            tokens.or_replace,
            if_not_exists or tokens.if_not_exists(),
            tokens.properties(*ALLOWED[kind]),
        )

    return parse


def _drop(kind: str) -> Callable[[Tokens], Drop]:
    def parse(tokens: Tokens) -> Drop:
        if_exists = tokens.if_exists()
        name = tokens.name()
        tokens.accept("CASCADE") or tokens.accept("RESTRICT")
        return Drop(kind, name, if_exists)

    return parse


def _alter(kind: str) -> Callable[[Tokens], Alter]:
    def parse(tokens: Tokens) -> Alter:
        if_exists = tokens.if_exists()
        verbs = ("SET", "UNSET", "SUSPEND", "RESUME", "ABORT")
        name = None if tokens.peek().value in verbs and kind == "WAREHOUSE" else tokens.name()
        for verb in ("SUSPEND", "RESUME"):
            if kind == "WAREHOUSE" and tokens.accept(verb):
                tokens.accept("IF", "SUSPENDED")
                return Alter(kind, name, if_exists, verb, {})
        if kind == "WAREHOUSE" and tokens.accept("ABORT", "ALL", "QUERIES"):
            return Alter(kind, name, if_exists, "ABORT ALL QUERIES", {})
        if tokens.accept("SET"):
            return Alter(kind, name, if_exists, "SET", tokens.properties(*ALTERABLE.get(kind, ALLOWED[kind])))
        tokens.expect("UNSET")
        keys = [tokens.word()]
        while tokens.accept_op(","):
            keys.append(tokens.word())
        return Alter(kind, name, if_exists, "UNSET", dict.fromkeys(keys))

    return parse


def _describe(kind: str) -> Callable[[Tokens], Describe]:
    return lambda tokens: Describe(kind, tokens.name())


PARSERS: dict[tuple[str, ...], Callable[[Tokens], object]] = {}
for _kind in ALLOWED:
    _words = tuple(_kind.split())
    PARSERS[("CREATE", *_words)] = _create(_kind)
    PARSERS[("DROP", *_words)] = _drop(_kind)
    if _kind != "ROLE":
        PARSERS[("ALTER", *_words)] = _alter(_kind)
    for _verb in ("DESCRIBE", "DESC"):
        PARSERS[(_verb, *_words)] = _describe(_kind)
# An integration may be named without its kind, but not be made so.
PARSERS[("DROP", "INTEGRATION")] = _drop("INTEGRATION")
for _verb in ("DESCRIBE", "DESC"):
    PARSERS[(_verb, "INTEGRATION")] = _describe("INTEGRATION")
