"""Plain values (YAML, environment) to the dataclasses of `model`, with errors that name the key and its origin."""

from __future__ import annotations

import dataclasses
import math
import shlex
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any

import yaml

from spcs.config.model import Version
from spcs.errors import SettingsProblem, did_you_mean

_PLAIN = (str, int, float)

Path = tuple[str, ...]
Origin = Callable[[Path], str]
"""Where the value at a path came from, as a user would look for it: `invoke.yaml:12`, `INVOKE_JOB`."""


def build(cls: type[Any], raw: Any, path: Path, origin: Origin) -> Any:
    """Return an instance of the dataclass `cls` from the mapping `raw`; raises SettingsProblem on the first fault."""
    if not isinstance(raw, Mapping):
        raise _wrong(path, raw, f"a table of {', '.join(_names(cls))}", origin, "a table", _example(cls))
    hints = typing.get_type_hints(cls)
    for key in raw:
        if key not in hints:
            raise unknown_key((*path, str(key)), _names(cls), origin)
    for field in dataclasses.fields(cls):
        if field.name not in raw and _required(field):
            fix = f"in {origin(path)} add {field.name}: … to {dotted(path)}"
            raise SettingsProblem(f"'{dotted(path)}' lacks '{field.name}' ({origin(path)})", fix=fix)
    return cls(**{key: value(hints[key], item, (*path, key), origin) for key, item in raw.items()})


def value(hint: Any, raw: Any, path: Path, origin: Origin) -> Any:
    """Return `raw` as the type `hint`; numbers are taken as text where text is asked for, never the other way round."""
    kind, args = typing.get_origin(hint), typing.get_args(hint)
    if kind in (types.UnionType, typing.Union):
        return None if raw is None else value(next(a for a in args if a is not types.NoneType), raw, path, origin)
    if kind is typing.Literal:
        return _choice(args, raw, path, origin)
    if kind is tuple:
        return _items(args[0], raw, path, origin)
    if kind is not None and issubclass(kind, Mapping):
        return _table(args[1], raw, path, origin)
    if dataclasses.is_dataclass(hint):
        return build(typing.cast(type[Any], hint), {} if raw is None else raw, path, origin)
    return _scalar(hint, raw, path, origin)


def unknown_key(path: Path, known: list[str], origin: Origin) -> SettingsProblem:
    """The problem for a key nobody reads."""
    hint = did_you_mean(path[-1], known)
    return SettingsProblem(
        f"unknown setting '{dotted(path)}' ({origin(path)})",
        fix=hint or f"choose from {', '.join(known)}",
    )


def dotted(path: Path) -> str:
    """`('jobs', 'train')` as `jobs.train`."""
    return ".".join(path) or "the settings"


def _choice(choices: tuple[Any, ...], raw: Any, path: Path, origin: Origin) -> Any:
    # YAML reads a bare `none`/`off` in surprising ways; only the text counts.
    if raw in choices:
        return raw
    raise SettingsProblem(
        f"'{dotted(path)}' is {raw!r} ({origin(path)})",
        fix=did_you_mean(str(raw), choices) or f"choose from {', '.join(map(str, choices))}",
    )


def _items(hint: Any, raw: Any, path: Path, origin: Origin) -> tuple[Any, ...]:
    if not isinstance(raw, list | tuple):
        example = _as_yaml([raw]) if isinstance(raw, _PLAIN) and hint in _PLAIN else f"[{_example(hint)}]"
        raise _wrong(path, raw, "a list", origin, example=example)
    return tuple(value(hint, item, (*path, str(i)), origin) for i, item in enumerate(raw))


def _table(hint: Any, raw: Any, path: Path, origin: Origin) -> dict[str, Any]:
    if raw is None:
        return {}
    if not isinstance(raw, Mapping):
        raise _wrong(path, raw, "a table", origin, example=f"{{NAME: {_example(hint)}}}")
    return {str(key): value(hint, item, (*path, str(key)), origin) for key, item in raw.items()}


def _scalar(hint: Any, raw: Any, path: Path, origin: Origin) -> Any:
    if hint is Version:
        if isinstance(raw, str):
            return raw
        why = "without quotes YAML reads a number: 2.10 is 2.1" if isinstance(raw, int | float) else ""
        raise _wrong(path, raw, "a version in quotes", origin, "it in quotes", _example(hint), why)
    if hint is str and isinstance(raw, bool):
        return "true" if raw else "false"
    if hint is str and isinstance(raw, int | float):
        return str(raw)
    if hint is float and isinstance(raw, int) and not isinstance(raw, bool):
        return float(raw)
    if isinstance(raw, hint) and not (hint is int and isinstance(raw, bool)):
        return raw
    words = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}
    raise _wrong(path, raw, words[hint], origin, example=_example(hint))


def _wrong(
    path: Path, raw: Any, wanted: str, origin: Origin, write: str = "", example: str = "", why: str = ""
) -> SettingsProblem:
    """The problem of a value of another kind than `wanted`; `write` says that shorter, for the remedy."""
    shown, place = "nothing" if raw is None else repr(raw), origin(path)
    fix = _remedy(path, place, write or wanted, example)
    return SettingsProblem(f"'{dotted(path)}' must be {wanted}, not {shown} ({place})", why, fix)


def _remedy(path: Path, place: str, write: str, example: str) -> str:
    """How to write it where it stands: on the command line, in the environment, or in a file."""
    if place.startswith(("--set ", "INVOKE_")):
        return f"give it {write}: {place}={shlex.quote(example)}"
    key = f"{path[-1]}: " if path and not path[-1].isdigit() else ""
    return f"in {place} write {write}, such as {key}{example}"


def _example(hint: Any) -> str:
    """A value of that type as YAML has it on one line; `…` is for the user to fill in."""
    kind, args = typing.get_origin(hint), typing.get_args(hint)
    if kind in (types.UnionType, typing.Union):
        return _example(args[0])
    if kind is tuple:
        return f"[{_example(args[0])}]"
    if kind is not None and isinstance(kind, type) and issubclass(kind, Mapping):
        return f"{{NAME: {_example(args[1])}}}"
    if dataclasses.is_dataclass(hint):
        fields = dataclasses.fields(hint)
        shown = [field.name for field in fields if _required(field)] or [fields[0].name]
        return f"{{{', '.join(f'{name}: …' for name in shown)}}}"
    return {Version: '"2.13.0"', int: "2", float: "0.5", bool: "true"}.get(hint, '"…"')


def _as_yaml(values: list[Any]) -> str:
    return yaml.safe_dump(values, default_flow_style=True, width=math.inf, allow_unicode=True).strip()


def _names(cls: type[Any]) -> list[str]:
    return [field.name for field in dataclasses.fields(cls)]


def _required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
