"""Where Invoke meets a settings file that is not as it must be: each fault in one sentence that names the file.

Invoke 3.0.3 reads and merges the files (`invoke.yaml`, and the one given with -f), and shows a traceback for one that
cannot be read, is not YAML, has a key that is no text, or a value where another file has a table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from invoke.config import AmbiguousMergeError, Config
from invoke.exceptions import UnknownFileType

from spcs.errors import SettingsProblem, shown_path

Load = Callable[[Config, Any], Any]


def smooth() -> None:
    """Call once, before Invoke reads the project's settings."""
    for suffix in ("_load_yaml", "_load_yml", "_load_json"):
        setattr(Config, suffix, _readable(getattr(Config, suffix)))
    setattr(Config, "load_runtime", _of_a_known_kind(Config.load_runtime))  # noqa: B010 - mypy lets no method be replaced
    setattr(Config, "merge", _mergeable(Config.merge))  # noqa: B010 - as above


def _readable(load: Load) -> Load:
    def read(config: Config, path: Any) -> Any:
        # Invoke carries its own copy of PyYAML, whose errors are not those of the one installed beside it.
        from invoke.vendor import yaml

        name = shown_path(Path(path))
        try:
            values = load(config, path)
            _check(values, name)
        except yaml.YAMLError as error:
            raise _not_yaml(name, error) from error
        except FileNotFoundError:
            raise  # Invoke tries several names
        except OSError as error:
            why = (error.strerror or str(error)).lower()
            raise SettingsProblem(f"{name} cannot be read", why, "put a file of settings there") from error
        except UnicodeDecodeError as error:
            raise SettingsProblem(f"{name} is not text", str(error), "save it as text in UTF-8") from error
        except ValueError as error:  # JSON, or a date that there is not
            raise SettingsProblem(f"{name} cannot be read", str(error), "mend that file") from error
        except RecursionError as error:
            raise SettingsProblem(f"{name} contains itself", fix="take out the alias (*) that does it") from error
        return values

    return read


def _not_yaml(name: str, error: Exception) -> SettingsProblem:
    mark = getattr(error, "problem_mark", None)
    where = f"{name}:{mark.line + 1}" if mark else name
    return SettingsProblem(f"{where} is not YAML", getattr(error, "problem", None) or str(error), "mend that line")


def _check(values: Any, name: str) -> None:
    if values is not None and not isinstance(values, dict):
        raise SettingsProblem(f"{name} must be a table of settings", fix="see docs/settings.md")
    for key in _keys(values or {}):
        if not isinstance(key, str):
            raise SettingsProblem(
                f"the key {key!r} in {name} is not text",
                why="YAML reads some words as numbers, dates, or true and false",
                fix=f'put it in quotes, such as "{key}"',
            )


def _keys(values: Mapping[Any, Any]) -> Iterator[Any]:
    for key, item in values.items():
        yield key
        if isinstance(item, dict):
            yield from _keys(item)


def _of_a_known_kind(load_runtime: Callable[..., None]) -> Callable[..., None]:
    def load(config: Config, *words: Any, **options: Any) -> None:
        try:
            load_runtime(config, *words, **options)
        except UnknownFileType as error:
            name = getattr(config, "_runtime_path", "")
            raise SettingsProblem(f"{name} is not a settings file", fix="name a .yaml file after -f") from error

    return load


def _mergeable(merge: Callable[[Config], None]) -> Callable[[Config], None]:
    def checked(config: Config) -> None:
        try:
            merge(config)
        except AmbiguousMergeError as error:
            raise _clash(config) or SettingsProblem("the settings files do not fit together", str(error)) from error

    return checked


def _clash(config: Config) -> SettingsProblem | None:
    """The problem of two places of which one has a table where the other has not."""
    places = [("Invoke itself", Config.global_defaults())]
    for level in ("system", "user", "project", "runtime"):
        values = getattr(config, f"_{level}") or {}
        for name, below in places:
            if path := _differing(below, values):
                file = shown_path(Path(getattr(config, f"_{level}_path")))
                return _told(".".join(path), (file, _at(values, path)), (name, _at(below, path)))
        places.append((shown_path(Path(getattr(config, f"_{level}_path") or "")), values))
    return None


def _differing(one: Mapping[str, Any], other: Mapping[str, Any]) -> tuple[str, ...]:
    """The path of the first key that is a table in one of both only; empty if there is none."""
    for key in [key for key in other if key in one]:
        tables = isinstance(one[key], dict), isinstance(other[key], dict)
        if tables[0] != tables[1]:
            return (key,)
        if all(tables) and (below := _differing(one[key], other[key])):
            return (key, *below)
    return ()


def _told(key: str, upper: tuple[str, Any], lower: tuple[str, Any]) -> SettingsProblem:
    wrong, right = (lower, upper) if isinstance(upper[1], dict) else (upper, lower)
    shown = "nothing" if wrong[1] is None else repr(wrong[1])
    return SettingsProblem(
        f"'{key}' must be a table, not {shown} ({wrong[0]})",
        why=f"{right[0]} has a table of that name",
        fix=f"write a table there, or leave '{key}' out of {wrong[0]}",
    )


def _at(values: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        values = values[key]
    return values
