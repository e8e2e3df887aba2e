"""Where Invoke meets a user's mistyped word: its rough edges, smoothed here (and, for files, in `reading`).

Invoke 3.0.3 gives no hint for an unknown task (and leaves with 1, where wrong words are 2 here), takes the value of an
option that has none for a task, leaves with 1 on Ctrl-C, and casts `INVOKE_*` by guesswork. It has no way to take any
number of words, as the names of runs. `smooth()` wraps some of its methods and takes our variables out of the
environment it reads; `tests/unit/test_words.py` holds each against the installed Invoke. A chain is about one job and
one image, so `--job` or `--engine` said once holds for every task in it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable

from invoke.exceptions import ParseError
from invoke.parser.context import ParserContext
from invoke.program import Program

from spcs import reading
from spcs.errors import Left, SettingsProblem, did_you_mean

INVOKES_OWN = ("INVOKE_RUN_", "INVOKE_RUNNERS_", "INVOKE_SUDO_", "INVOKE_TASKS_", "INVOKE_TIMEOUTS_")
INVOKES_OWN_NAMES = ("INVOKE_RUNTIME_CONFIG", "INVOKE_DEBUG")

_RUN = re.compile(r"[a-z][a-z0-9_]*_\d{8}_\d{6}_[a-z0-9]{4}", re.IGNORECASE)

environment: dict[str, str] = {}
"""Our `INVOKE_*` variables, as `spcs.config.load` takes them."""


def smooth() -> None:
    """Call once, when the task file is imported: Invoke has yet to read the project's settings and the task names."""
    if environment or getattr(Program, "spcs_smoothed", False):
        return
    for name in [n for n in os.environ if n.startswith("INVOKE_") and n not in INVOKES_OWN_NAMES]:
        if not name.startswith(INVOKES_OWN):
            environment[name] = os.environ.pop(name)
    setattr(Program, "spcs_smoothed", True)  # noqa: B010 - not an attribute Program declares
    setattr(Program, "parse_tasks", _with_hint(Program.parse_tasks))  # noqa: B010 - as above
    setattr(Program, "parse_cleanup", _told(Program.parse_cleanup))  # noqa: B010 - as above
    setattr(Program, "execute", _interruptible(Program.execute))  # noqa: B010 - as above
    reading.smooth()


def _with_hint(parse_tasks: Callable[[Program], None]) -> Callable[[Program], None]:
    def parse(program: Program) -> None:
        _name_runs(program)
        _told(parse_tasks)(program)
        for option in ("job", "engine"):
            _said_once(program, option)

    return parse


def _name_runs(program: Program) -> None:
    """A run's name by itself is the value of its task's `--run`: `inv report RUN RUN`. No task is called like one."""
    words = program.core.unparsed
    if not any(map(_RUN.fullmatch, words)):
        return
    tasks = {name: task for task in program.collection.to_contexts() for name in (task.name, *task.aliases)}
    task = None
    for index, word in enumerate(words):
        task = tasks.get(word, task)
        if task and "run" in task.args and _RUN.fullmatch(word) and not _takes_a_value(words[index - 1], task):
            words[index] = f"--run={word}"


def _takes_a_value(word: str, task: ParserContext) -> bool:
    return word in task.flags and task.flags[word].takes_value


def _told(step: Callable[[Program], None]) -> Callable[[Program], None]:
    def parse(program: Program) -> None:
        try:
            step(program)
        except (ParseError, ValueError) as error:
            raise _misread(program, error) from error

    return parse


def _misread(program: Program, error: Exception) -> SettingsProblem:
    """Invoke's sentence about a word, in the words of all other problems."""
    text, task = str(error), getattr(error, "context", None)
    manual = f"inv --help {task.name}" if task and task.name else "inv --help"
    if lacking := re.match(r"Flag <Argument: ([\w-]+)", text):
        return SettingsProblem(f"the option '--{lacking[1]}' needs a value", fix=manual)
    if not text.startswith("No idea what"):
        return SettingsProblem(text[:1].lower() + text[1:].rstrip("!."), fix=manual)
    word = text.partition("'")[2].partition("'")[0]
    if word.startswith("-"):
        flags = [*task.flags, *task.inverse_flags] if task else []
        return SettingsProblem(f"there is no option '{word}'", fix=did_you_mean(word, flags) or manual)
    if flag := next((flag for flag in _flags(program) if f"{flag}={word}" in program.argv), ""):
        return _no_value(program, flag)
    names = program.collection.task_names if program.collection else []
    return SettingsProblem(f"there is no task '{word}'", fix=did_you_mean(word, names) or "inv --list")


def _flags(program: Program) -> dict[str, str]:
    """The options that take no value, with what switches them off where something does."""
    flags: dict[str, str] = {}
    for context in (program.initial_context, *program.parser.contexts.values()):
        inverse = {flag: off for off, flag in context.inverse_flags.items()}
        flags |= {flag: inverse.get(flag, "") for flag, option in context.flags.items() if not option.takes_value}
    return flags


def _no_value(program: Program, flag: str) -> SettingsProblem:
    """Invoke takes the word after the `=` of such an option for a task."""
    off = _flags(program)[flag]
    return SettingsProblem(f"the option '{flag}' takes no value", fix=f"write {flag}" + (f", or {off}" if off else ""))


def _said_once(program: Program, option: str) -> None:
    """An option said once in a chain holds for all of it: `inv build push run --job NAME` is about one job."""
    found = [task.args[option] for task in program.tasks if option in task.args]
    said = {argument.value for argument in found if argument.got_value}
    if len(said) == 1:
        for argument in found:
            argument.value = next(iter(said))


def _interruptible(execute: Callable[[Program], None]) -> Callable[[Program], None]:
    def run(program: Program) -> None:
        try:
            execute(program)
        except KeyboardInterrupt as interrupt:
            raise Left("left with Ctrl-C") from interrupt

    return run
