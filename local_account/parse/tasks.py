"""Tasks: CREATE, ALTER … RESUME and SUSPEND, DROP, SHOW, DESCRIBE, EXECUTE TASK, and the history of their runs.

Of Snowflake Scripting, what a task that starts a job under a new name needs: a block of LETs and EXECUTE IMMEDIATE.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from local_account.errors import unsupported
from local_account.parse.names import Name
from local_account.parse.scanner import Kind
from local_account.parse.show import Scope, scope
from local_account.parse.tokens import Tokens, Value

_PROPERTIES = (
    *("WAREHOUSE", "USER_TASK_MANAGED_INITIAL_WAREHOUSE_SIZE", "SCHEDULE", "USER_TASK_TIMEOUT_MS", "COMMENT"),
    *("SUSPEND_TASK_AFTER_NUM_FAILURES", "OVERLAP_POLICY"),
)
HISTORY = ("NAME", "DATABASE_NAME", "SCHEMA_NAME", "STATE", "ERROR_MESSAGE", "QUERY_START_TIME", "COMPLETED_TIME")


@dataclass(frozen=True)
class CreateTask:
    """`definition` is the text of what the task does."""

    name: Name
    or_replace: bool
    if_not_exists: bool
    properties: dict[str, Value]
    definition: str


@dataclass(frozen=True)
class AlterTask:
    name: Name
    if_exists: bool
    resume: bool


@dataclass(frozen=True)
class DropTask:
    name: Name
    if_exists: bool


@dataclass(frozen=True)
class ShowTasks:
    scope: Scope


@dataclass(frozen=True)
class DescribeTask:
    name: Name


@dataclass(frozen=True)
class ExecuteTask:
    name: Name


@dataclass(frozen=True)
class TaskHistory:
    """`task` is a bare name, empty for all tasks of the database."""

    columns: tuple[str, ...]
    task: str
    limit: int | None


@dataclass(frozen=True)
class Let:
    """`LET name := expression;`, the expression as text."""

    name: str
    expression: str


@dataclass(frozen=True)
class Immediate:
    """EXECUTE IMMEDIATE of a block: variables, then the one whose text is executed."""

    lets: tuple[Let, ...]
    variable: str


def _create(tokens: Tokens) -> CreateTask:
    if_not_exists, name = tokens.if_not_exists(), tokens.name()
    properties: dict[str, Value] = {}
    while not tokens.accept("AS"):
        tokens.accept_op(",")
        token = tokens.peek()
        key = tokens.word()
        if key in ("AFTER", "WHEN", "FINALIZE", "EXECUTE"):
            raise unsupported(f"{key} of a task")
        if key not in _PROPERTIES:
            raise tokens.error(token)
        tokens.expect_op("=")
        properties[key] = tokens.value()
    if tokens.at_end():
        raise tokens.error()
    return CreateTask(name, tokens.or_replace, if_not_exists, properties, tokens.rest())


def _alter(tokens: Tokens) -> AlterTask:
    if_exists, name = tokens.if_exists(), tokens.name()
    if tokens.accept("RESUME"):
        return AlterTask(name, if_exists, resume=True)
    tokens.expect("SUSPEND")
    return AlterTask(name, if_exists, resume=False)


def _drop(tokens: Tokens) -> DropTask:
    if_exists = tokens.if_exists()
    return DropTask(tokens.name(), if_exists)


def immediate(tokens: Tokens) -> Immediate:
    """`'BEGIN LET a := …; EXECUTE IMMEDIATE :b; END'`."""
    block = Tokens.of(tokens.string())
    block.expect("BEGIN")
    lets = []
    while block.accept("LET"):
        lets.append(_let(block))
    block.expect("EXECUTE", "IMMEDIATE")
    block.accept_op(":")
    variable = block.identifier()
    block.expect_op(";")
    block.expect("END")
    block.accept_op(";")
    if not block.at_end() or variable not in {let.name for let in lets}:
        raise block.error()
    return Immediate(tuple(lets), variable)


def _let(block: Tokens) -> Let:
    name = block.identifier()
    if not block.at_op(":="):
        block.word()  # its type
    block.expect_op(":=")
    expression = block.rest()
    block.expect_op(";")
    return Let(name, expression)


def task_history(tokens: Tokens) -> TaskHistory:
    """Read what follows SELECT. ValueError if it is not about TASK_HISTORY."""
    columns = HISTORY if tokens.accept_op("*") else _columns(tokens)
    if not tokens.accept("FROM", "TABLE") or not tokens.accept_op("("):
        raise ValueError("not a table function")
    name, task = tokens.name(), ""
    if name.last != "TASK_HISTORY":
        raise ValueError("another table function")
    tokens.expect_op("(")
    if tokens.accept("TASK_NAME"):
        tokens.expect_op("=>")
        task = tokens.string().upper()
    tokens.expect_op(")")
    tokens.expect_op(")")
    if tokens.accept("ORDER", "BY"):
        tokens.expect("QUERY_START_TIME", "DESC")  # the only order there is
    limit = tokens.integer() if tokens.accept("LIMIT") else None
    if not tokens.at_end():
        raise tokens.error()
    return TaskHistory(columns, task, limit)


def _columns(tokens: Tokens) -> tuple[str, ...]:
    columns = [tokens.identifier()]
    while tokens.accept_op(","):
        columns.append(tokens.identifier())
    if not set(columns) <= set(HISTORY):
        raise ValueError("other columns")
    return tuple(columns)


def variables(expression: str, known: dict[str, str]) -> str:
    """Return the expression with literals in the place of variables, bare or as `:name`."""
    tokens, parts, at = Tokens.of(expression), [], 0
    for before, token in zip([None, *tokens.items], tokens.items, strict=False):
        if token.kind is Kind.WORD and token.value in known:
            marked = before is not None and before.text == ":" and before.end == token.start
            quoted = known[token.value].replace("\\", "\\\\").replace("'", "''")
            parts.append(f"{expression[at : before.start if marked and before else token.start]}'{quoted}'")
            at = token.end
    return "".join([*parts, expression[at:]])


PARSERS: dict[tuple[str, ...], Callable[[Tokens], object]] = {
    ("CREATE", "TASK"): _create,
    ("ALTER", "TASK"): _alter,
    ("DROP", "TASK"): _drop,
    ("SHOW", "TASKS"): lambda tokens: ShowTasks(scope(tokens)),
    ("DESCRIBE", "TASK"): lambda tokens: DescribeTask(tokens.name()),
    ("DESC", "TASK"): lambda tokens: DescribeTask(tokens.name()),
    ("EXECUTE", "TASK"): lambda tokens: ExecuteTask(tokens.name()),
    ("EXECUTE", "IMMEDIATE"): immediate,
}
