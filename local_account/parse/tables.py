"""Statements over table data. COPY INTO is read here; the rest is only told apart and handed to the SQL engine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from local_account.parse.names import Name, StagePath
from local_account.parse.scanner import Kind
from local_account.parse.tokens import Tokens, Value


@dataclass(frozen=True)
class Query:
    """A SELECT, WITH, INSERT, UPDATE, DELETE, MERGE or CREATE/DROP/ALTER of a table or view, as written."""

    sql: str


@dataclass(frozen=True)
class DescribeTable:
    name: Name


@dataclass(frozen=True)
class Truncate:
    name: Name
    if_exists: bool


@dataclass(frozen=True)
class CommentOn:
    """COMMENT ON TABLE or VIEW; `text` is the new comment."""

    kind: str
    name: Name
    if_exists: bool
    text: str


@dataclass(frozen=True)
class CopyInto:
    """COPY INTO a table. `select` is the text of a transformation, with the stage path taken out of it."""

    table: Name
    columns: tuple[str, ...]
    stage: StagePath
    select: str | None
    files: tuple[str, ...]
    pattern: str | None
    options: dict[str, Value]


@dataclass(frozen=True)
class Unload:
    """COPY INTO a stage. `query` is a SELECT."""

    stage: StagePath
    query: str
    options: dict[str, Value]


_COPY = (
    "FILES",
    "PATTERN",
    "FILE_FORMAT",
    "ON_ERROR",
    "SIZE_LIMIT",
    "PURGE",
    "RETURN_FAILED_ONLY",
    "MATCH_BY_COLUMN_NAME",
    "ENFORCE_LENGTH",
    "TRUNCATECOLUMNS",
    "FORCE",
    "LOAD_UNCERTAIN_FILES",
)
_UNLOAD = ("FILE_FORMAT", "OVERWRITE", "SINGLE", "MAX_FILE_SIZE", "DETAILED_OUTPUT", "HEADER")


def _query(tokens: Tokens) -> Query:
    tokens.index = 0
    return Query(tokens.rest())


def _copy(tokens: Tokens) -> CopyInto | Unload:
    if tokens.peek().kind is Kind.STAGE or tokens.peek().text.startswith("'@"):
        return _unload(tokens)
    table = tokens.name()
    columns: list[str] = []
    if tokens.accept_op("("):
        while not tokens.accept_op(")"):
            columns.append(tokens.identifier())
            tokens.accept_op(",")
    tokens.expect("FROM")
    stage, select = _transformation(tokens) if tokens.at_op("(") else (tokens.stage(), None)
    options = tokens.properties(*_COPY)
    files = options.pop("FILES", None)
    pattern = options.pop("PATTERN", None)
    return CopyInto(
        table,
        tuple(columns),
        stage,
        select,
        tuple(str(file) for file in files) if isinstance(files, list) else (),
        str(pattern) if pattern is not None else None,
        options,
    )


def _transformation(tokens: Tokens) -> tuple[StagePath, str]:
    """`(SELECT $1:a::int, … FROM @stage/path [alias])` -> the stage, and the text of the projection."""
    tokens.expect_op("(")
    tokens.expect("SELECT")
    start = tokens.peek().start
    while not tokens.at("FROM"):
        if tokens.at_end():
            raise tokens.error()
        tokens.index += 1
    select = tokens.sql[start : tokens.next().start]
    stage = tokens.stage()
    if not tokens.at_op(")"):
        tokens.identifier()
    tokens.expect_op(")")
    return stage, select


def _unload(tokens: Tokens) -> Unload:
    stage = tokens.stage()
    tokens.expect("FROM")
    if tokens.at_op("("):
        start = tokens.peek().end
        tokens.skip_parentheses()
        query = tokens.sql[start : tokens.peek(-1).start]
    else:
        start = tokens.peek().start
        tokens.name()
        query = f"SELECT * FROM {tokens.sql[start : tokens.peek(-1).end]}"
    return Unload(stage, query, tokens.properties(*_UNLOAD))


def _truncate(tokens: Tokens) -> Truncate:
    tokens.accept("TABLE")
    if_exists = tokens.if_exists()
    return Truncate(tokens.name(), if_exists)


def _describe(tokens: Tokens) -> DescribeTable:
    return DescribeTable(tokens.name())


def _comment(kind: str, if_exists: bool, tokens: Tokens) -> CommentOn:
    name = tokens.name()
    tokens.expect("IS")
    return CommentOn(kind, name, if_exists, tokens.string())


PARSERS: dict[tuple[str, ...], Callable[[Tokens], object]] = {
    ("COPY", "INTO"): _copy,
    ("TRUNCATE",): _truncate,
}
for _words in (("WITH",), ("VALUES",), ("INSERT",), ("UPDATE",), ("DELETE",), ("MERGE",)):
    PARSERS[_words] = _query
for _kind in ("TABLE", "VIEW"):
    PARSERS[("COMMENT", "ON", _kind)] = partial(_comment, _kind, False)
    PARSERS[("COMMENT", "IF", "EXISTS", "ON", _kind)] = partial(_comment, _kind, True)
    for _verb in ("CREATE", "DROP", "ALTER"):
        PARSERS[(_verb, _kind)] = _query
    for _verb in ("DESCRIBE", "DESC"):
        PARSERS[(_verb, _kind)] = _describe
