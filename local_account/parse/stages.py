"""PUT, GET, LIST and REMOVE."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from local_account.parse.names import StagePath
from local_account.parse.scanner import Kind
from local_account.parse.tokens import Tokens, Value


@dataclass(frozen=True)
class Put:
    """`file` is the local path or pattern as written, without `file://`."""

    file: str
    stage: StagePath
    options: dict[str, Value]


@dataclass(frozen=True)
class Get:
    stage: StagePath
    directory: str
    options: dict[str, Value]


@dataclass(frozen=True)
class ListFiles:
    stage: StagePath
    pattern: str | None


@dataclass(frozen=True)
class Remove:
    stage: StagePath
    pattern: str | None


def _file(tokens: Tokens) -> str:
    token = tokens.peek()
    if token.kind not in (Kind.FILE, Kind.STRING) or not token.value.lower().startswith("file://"):
        raise tokens.error()
    return tokens.next().value[len("file://") :]


def _put(tokens: Tokens) -> Put:
    file = _file(tokens)
    return Put(file, tokens.stage(), tokens.properties("PARALLEL", "AUTO_COMPRESS", "SOURCE_COMPRESSION", "OVERWRITE"))


def _get(tokens: Tokens) -> Get:
    stage = tokens.stage()
    return Get(stage, _file(tokens), tokens.properties("PARALLEL", "PATTERN"))


def _pattern(tokens: Tokens) -> str | None:
    if not tokens.accept("PATTERN"):
        return None
    tokens.expect_op("=")
    return tokens.string()


def _list(tokens: Tokens) -> ListFiles:
    return ListFiles(tokens.stage(), _pattern(tokens))


def _remove(tokens: Tokens) -> Remove:
    return Remove(tokens.stage(), _pattern(tokens))


PARSERS: dict[tuple[str, ...], Callable[[Tokens], object]] = {
    ("PUT",): _put,
    ("GET",): _get,
    ("LIST",): _list,
    ("LS",): _list,
    ("REMOVE",): _remove,
    ("RM",): _remove,
}
