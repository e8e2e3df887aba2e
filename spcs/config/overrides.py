"""`--set key=value`: settings of a job for one run, or, with several values, for the runs of a sweep.

A key is a setting of the job by its path (`replicas`, `resources.limits.memory`, `env.NCCL_DEBUG`) or an option of its
program (`learning_rate`, also `args.learning_rate`, or by its initials, `lr`, where one option alone has them). What
decides the image cannot be set so: another image has to be built first.
"""

from __future__ import annotations

import ast
import dataclasses
import itertools
import re
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path as File
from typing import Any, TypeVar

from spcs.config import check, rules
from spcs.config.check import Path
from spcs.config.load import read, settable
from spcs.config.model import Job, Settings
from spcs.errors import SettingsProblem, did_you_mean

K = TypeVar("K")

OF_THE_IMAGE = ("pins", "base", "python", "dockerfile", "code")
ARGS, ENV = "args", "env"
_KINDS: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "int": ("a whole number", int),
    "float": ("a number", float),
    "bool": ("true or false", lambda text: {"true": True, "false": False}[text.lower()]),
}


@dataclass(frozen=True)
class Option:
    """An option of a program: its name with underscores, and the kind of its value as Python calls it, if known."""

    name: str
    kind: str = ""


@dataclass(frozen=True)
class Key:
    """What a key means: the `path` of a setting of the job, or else an option of its program. `text` is how the record
    and the tables write it."""

    text: str
    path: Path = ()
    option: Option | None = None


def choices(words: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Read the words after `--set`: keys as typed, and the one or several values of each.

    A comma parts values, unless it stands in quotes or brackets. Raises SettingsProblem for a word that sets nothing.
    """
    found: dict[str, tuple[str, ...]] = {}
    for word in words:
        key, equals, text = word.partition("=")
        key = key.strip()
        if not equals or not key:
            raise SettingsProblem(f"--set {word!r} sets nothing", fix="write it as --set key=value")
        if key in found:
            raise SettingsProblem(f"--set {key} is there twice", fix=f"write its values once: --set {key}=a,b")
        found[key] = values(text)
    return found


def values(text: str) -> tuple[str, ...]:
    """Part `1e-2,1e-3` at its commas; `'a,b'` and `[a, b]` are one value each, the quotes around a whole value go."""
    parts, quote, depth = [""], "", 0
    for character in text:
        if character == "," and not quote and depth <= 0:
            parts.append("")
            continue
        parts[-1] += character
        if quote or character in "\"'":
            quote = character if not quote else "" if character == quote else quote
        else:
            depth += (character in "[{") - (character in "]}")
    return tuple(_unquoted(part.strip()) for part in parts)


def word(key: str, value: str) -> str:
    """The word after --set that gives this one value to a key, as a shell takes it: the inverse of `choices`."""
    if values(value) != (value,):
        value = f'"{value}"' if "'" in value else f"'{value}'"
    return shlex.quote(f"{key}={value}")


def combinations(found: Mapping[K, Sequence[str]]) -> list[dict[K, str]]:
    """Every combination of the values, the last key's changing fastest; one without any keys if there are none."""
    return [dict(zip(found, each, strict=True)) for each in itertools.product(*found.values())]


def options(root: File, job: Job) -> dict[str, Option]:
    """The options of a job's program by name: those of app/ as its `app/config.py` declares them, and whatever stands
    in the job's own words."""
    declared = () if job.command else _declared(root / "app" / "config.py")
    found = {option.name: option for option in declared}
    for word in (*job.command, *job.args):
        if name := _option(word):
            found.setdefault(name, Option(name))
    return found


def key(text: str, job: Job, known: Mapping[str, Option]) -> Key:
    """Return what a key means for this job, whose program has the options `known`; raises SettingsProblem."""
    path = tuple(text.split("."))
    if path[0] in OF_THE_IMAGE:
        raise SettingsProblem(
            f"--set cannot change '{text}'",
            "it decides what is in the image, which is built before the run",
            f"set it under jobs in invoke.yaml, then: inv build push run (--set takes {_some(known)})",
        )
    if path[0] == ENV and len(path) == 2:
        return Key(text, path)
    if path in dict(settable(Job, _plain(job), ())):
        return Key(text, path)
    name = (text.removeprefix(f"{ARGS}.") if path[0] == ARGS else text).lstrip("-").replace("-", "_")
    meant = known.get(name) or _by_initials(name, known)
    if meant is None:
        raise _unknown(text, job, known)
    # A setting of the job may have the same name.
    return Key(f"{ARGS}.{meant.name}" if path[0] == ARGS else meant.name, option=meant)


def applied(settings: Settings, name: str, job: Job, overrides: Sequence[tuple[Key, str]]) -> Job:
    """Return the job with these overrides; raises SettingsProblem for a value that is of the wrong kind."""
    raw = _plain(job)
    if raw["compute_pool"] is None and any(key.path[:1] == ("compute_pool",) for key, _ in overrides):
        raw["compute_pool"] = dataclasses.asdict(settings.snowflake.compute_pool)
    hints = dict(settable(Job, raw, ()))
    said = {}
    for key, text in overrides:
        if key.option:
            _check_kind(key, text)
            raw["command"], raw["args"] = _with_option(raw["command"], raw["args"], key.option.name, text)
        else:
            _put(raw, key.path, read(text, hints.get(key.path, str), f"--set {key.text}"))
        said[("jobs", name, *key.path)] = f"--set {key.text}"
    return job_of(settings, name, raw, said)


def job_of(settings: Settings, name: str, raw: Mapping[str, Any], said: Mapping[Path, str]) -> Job:
    """Return the job that a table of its settings is; raises SettingsProblem. `said` tells where values came from."""

    def origin(path: Path) -> str:
        return next((said[path[:end]] for end in range(len(path), 0, -1) if path[:end] in said), f"jobs.{name}")

    job: Job = check.build(Job, raw, ("jobs", name), origin)
    rules.check(dataclasses.replace(settings, jobs={name: job}), origin)
    return job


def _declared(file: File) -> list[Option]:
    """The fields of the class Config of a program's settings; none where there is no such file."""
    try:
        tree = ast.parse(file.read_text())
    except (OSError, SyntaxError, ValueError):
        return []
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Config"]
    fields = [field for node in classes for field in node.body if isinstance(field, ast.AnnAssign)]
    return [Option(ast.unparse(field.target), ast.unparse(field.annotation)) for field in fields]


def _option(word: str) -> str:
    """The name of the option that a word of a command is, if it is one."""
    found = re.match(r"--([A-Za-z][\w.-]*)", word)
    return found[1].replace("-", "_") if found else ""


def _by_initials(name: str, known: Mapping[str, Option]) -> Option | None:
    found = [
        option for word, option in known.items() if "_" in word and name == "".join(p[:1] for p in word.split("_"))
    ]
    return found[0] if len(found) == 1 else None


def _unknown(text: str, job: Job, known: Mapping[str, Option]) -> SettingsProblem:
    paths = [".".join(path) for path, _ in settable(Job, _plain(job), ()) if path[0] not in OF_THE_IMAGE]
    why = "" if not job.command else "a program of your own has the options that stand in its command or args"
    fix = did_you_mean(text.replace("-", "_"), [*known, *paths])
    return SettingsProblem(f"there is no setting '{text}' to set", why, fix or f"choose from {_some([*known, *paths])}")


def _some(names: Iterable[str], most: int = 12) -> str:
    listed = list(names)
    return ", ".join(listed[:most]) + (", …" if len(listed) > most else "")


def _check_kind(key: Key, text: str) -> None:
    wanted, convert = _KINDS.get(key.option.kind if key.option else "", ("", str))
    try:
        convert(text)
    except (ValueError, LookupError):
        what = f"--set {key.text} must be {wanted}, not {text!r}"
        raise SettingsProblem(what, fix=f"give it {wanted}: --set {key.text}=...") from None


def _with_option(
    command: Sequence[str], args: Sequence[str], name: str, text: str
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The words with the option's value changed where it stands, in the form it has there, or else added."""
    words, first = [*command, *args], len(command)
    for index, word in enumerate(words):
        if _option(word) == name:
            flag, equals, _ = word.partition("=")
            has_value = not equals and index + 1 < len(words) and not words[index + 1].startswith("--")
            words[index : index + 1 + has_value] = [flag, text] if has_value else [f"{flag}={text}"]
            return tuple(words[:first]), tuple(words[first:])
    return tuple(command), (*args, f"--{name.replace('_', '-')}={text}")


def _plain(job: Job) -> dict[str, Any]:
    return dataclasses.asdict(job)


def _put(values: dict[str, Any], path: Path, item: Any) -> None:
    for name in path[:-1]:
        values[name] = dict(values.get(name) or {})
        values = values[name]
    values[path[-1]] = item


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text
