"""EXECUTE JOB SERVICE, and DESCRIBE, SHOW and DROP of services."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from local_account.errors import unsupported
from local_account.parse.names import Name, StagePath
from local_account.parse.scanner import Kind
from local_account.parse.show import Scope, scope
from local_account.parse.tokens import Tokens

_CLAUSES = ("NAME", "ASYNC", "REPLICAS", "QUERY_WAREHOUSE", "COMMENT", "EXTERNAL_ACCESS_INTEGRATIONS")
_KINDS_OF_SPEC = (
    "SPECIFICATION_FILE",
    "SPEC",
    "SPECIFICATION",
    "SPECIFICATION_TEMPLATE_FILE",
    "SPECIFICATION_TEMPLATE",
)


@dataclass(frozen=True)
class SpecSource:
    """Either `text`, or the file `file` under `stage`."""

    text: str | None = None
    stage: StagePath | None = None
    file: str = ""


@dataclass(frozen=True)
class ExecuteJob:
    """`replicas` is None where the clause is absent: containers can tell that from 1."""

    pool: Name
    source: SpecSource
    name: Name | None = None
    is_async: bool = False
    replicas: int | None = None
    warehouse: Name | None = None
    comment: str = ""
    integrations: tuple[str, ...] = ()


@dataclass(frozen=True)
class DescribeService:
    name: Name


@dataclass(frozen=True)
class DropService:
    name: Name
    if_exists: bool
    force: bool


@dataclass(frozen=True)
class ShowServices:
    """`jobs`: True only jobs, False all but jobs, None both."""

    scope: Scope
    jobs: bool | None = None


@dataclass(frozen=True)
class ShowInstances:
    name: Name


@dataclass(frozen=True)
class ShowContainers:
    name: Name


def _execute(tokens: Tokens) -> ExecuteJob:
    """The pool comes first; the other clauses, the specification among them, in any order."""
    tokens.expect("IN", "COMPUTE", "POOL")
    pool = tokens.name()
    found: dict[str, Any] = {}
    while not tokens.at_end():
        tokens.accept_op(",")
        token = tokens.peek()
        if tokens.accept("FROM"):
            clause = "FROM"
            value: object = _source(tokens)
        elif tokens.accept("WITH", "TAG") or tokens.accept("TAG"):
            tokens.skip_parentheses()
            continue
        else:
            clause = tokens.word()
            if clause not in _CLAUSES:
                raise tokens.error(token)
            tokens.expect_op("=")
            value = _value(tokens, clause)
        if clause in found:
            raise tokens.error(token)
        found[clause] = value
    if "FROM" not in found:
        raise tokens.error()
    return ExecuteJob(
        pool,
        found["FROM"],
        found.get("NAME"),
        found.get("ASYNC", False),
        found.get("REPLICAS"),
        found.get("QUERY_WAREHOUSE"),
        found.get("COMMENT", ""),
        found.get("EXTERNAL_ACCESS_INTEGRATIONS", ()),
    )


def _value(tokens: Tokens, clause: str) -> object:
    if clause in ("NAME", "QUERY_WAREHOUSE"):
        return tokens.name()
    if clause == "ASYNC":
        return tokens.boolean()
    if clause == "REPLICAS":
        return tokens.integer()
    if clause == "COMMENT":
        return tokens.string()
    tokens.expect_op("(")
    names = []
    while not tokens.accept_op(")"):
        names.append(str(tokens.name()))
        tokens.accept_op(",")
    return tuple(names)


def _source(tokens: Tokens) -> SpecSource:
    stage = None
    if tokens.peek().kind is Kind.STAGE or tokens.peek().value.startswith("@"):
        stage = tokens.stage()
    token = tokens.peek()
    kind = tokens.word()
    if kind not in _KINDS_OF_SPEC:
        raise tokens.error(token)
    if "TEMPLATE" in kind:
        raise unsupported(kind)
    if stage is None:
        if kind != "SPECIFICATION":
            raise tokens.error(token)
        return SpecSource(text=tokens.string())
    if kind == "SPECIFICATION":
        raise tokens.error(token)
    tokens.expect_op("=")
    return SpecSource(stage=stage, file=tokens.string())


def _describe(tokens: Tokens) -> DescribeService:
    return DescribeService(tokens.name())


def _drop(tokens: Tokens) -> DropService:
    if_exists = tokens.if_exists()
    name = tokens.name()
    return DropService(name, if_exists, tokens.accept("FORCE"))


def _show(jobs: bool | None) -> Callable[[Tokens], ShowServices]:
    def show(tokens: Tokens) -> ShowServices:
        exclude = tokens.accept("EXCLUDE", "JOBS")
        return ShowServices(scope(tokens), False if exclude else jobs)

    return show


def _in_service(tokens: Tokens) -> Name:
    tokens.expect("IN")
    tokens.accept("SERVICE")
    return tokens.name()


PARSERS: dict[tuple[str, ...], Callable[[Tokens], object]] = {
    ("EXECUTE", "JOB", "SERVICE"): _execute,
    ("DESCRIBE", "SERVICE"): _describe,
    ("DESC", "SERVICE"): _describe,
    ("DROP", "SERVICE"): _drop,
    ("SHOW", "SERVICES"): _show(None),
    ("SHOW", "JOB", "SERVICES"): _show(True),
    ("SHOW", "SERVICE", "INSTANCES"): lambda tokens: ShowInstances(_in_service(tokens)),
    ("SHOW", "SERVICE", "CONTAINERS"): lambda tokens: ShowContainers(_in_service(tokens)),
}
