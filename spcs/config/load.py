"""Read the settings: defaults < `invoke.yaml` < `INVOKE_*` < `-f FILE`, each value with the place it came from.

Invoke merges the files. The environment is read here instead, by the type of the setting: Invoke would take any text
but `0` for true, crash on lists and pass over variables that match nothing (`spcs.words` keeps them from it).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import is_dataclass
from pathlib import Path as File
from types import UnionType
from typing import Any, Literal, Union, cast, get_args, get_origin, get_type_hints

import yaml

from spcs.config import check, rules
from spcs.config.check import Path
from spcs.config.model import Job, Settings, Version
from spcs.errors import SettingsProblem, did_you_mean, shown_path


def load(
    merged: Mapping[str, Any],
    environment: Mapping[str, str],
    file: File,
    runtime_file: File | None = None,
    runtime: Mapping[str, Any] | None = None,
) -> Settings:
    """Return the checked settings; raises SettingsProblem.

    `merged` is what Invoke made of `file` (the project's) and `runtime_file` (given with -f), without Invoke's own
    keys; `runtime` is the part that came from the latter. `environment` maps `INVOKE_…` names to their text.
    """
    values = _copy(merged)
    from_environment = _lay_environment(values, environment, runtime or {})

    def origin(path: Path) -> str:
        if path in from_environment:
            return from_environment[path]
        if runtime_file and _has(runtime or {}, path):
            return _line(runtime_file, shown_path(runtime_file), path)
        return _line(file, file.name, path)

    settings: Settings = check.build(Settings, values, (), origin)
    rules.check(settings, origin)
    job_named(settings, settings.job)
    return settings


def job_named(settings: Settings, name: str) -> Job:
    """Return the entry of `jobs:`; raises SettingsProblem with the names there are."""
    if name in settings.jobs:
        return settings.jobs[name]
    raise SettingsProblem(
        f"there is no job '{name}'",
        why=f"the jobs there are: {', '.join(settings.jobs)}",
        fix=did_you_mean(name, settings.jobs) or "name one of them with --job NAME",
    )


def _lay_environment(
    values: dict[str, Any], environment: Mapping[str, str], runtime: Mapping[str, Any]
) -> dict[Path, str]:
    known = dict(settable(Settings, values, ()))
    by_name = {"INVOKE_" + "_".join(path).upper(): path for path in known}
    laid: dict[Path, str] = {}
    for name, text in environment.items():
        if name not in by_name:
            raise SettingsProblem(
                f"{name} in the environment matches no setting",
                fix=did_you_mean(name, by_name) or f"unset {name}",
            )
        path = by_name[name]
        if _has(runtime, path):
            continue
        _put(values, path, read(text, known[path], name))
        laid[path] = name
    return laid


def settable(cls: type[Any], values: Any, path: Path) -> list[tuple[Path, Any]]:
    """Every leaf that a variable can name: `(path, type)`. Of the jobs, those that the files have."""
    found: list[tuple[Path, Any]] = []
    for name, hint in get_type_hints(cls).items():
        here, below = (*path, name), values.get(name) if isinstance(values, Mapping) else None
        section = next((t for t in (hint, *_union(hint)) if is_dataclass(t)), None)
        if name == "jobs":
            for job, entry in below.items() if isinstance(below, Mapping) else ():
                found += settable(Job, entry, (*here, str(job)))
        elif section:
            found += settable(cast(type[Any], section), below, here)
        else:
            found.append((here, hint))
    return found


def _union(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (UnionType, Union) else ()


def read(text: str, hint: Any, name: str) -> Any:
    """The text of a variable as a value: text stays text, all else is written as in YAML (`[a, b]`, `true`, `3`)."""
    if get_origin(hint) is Literal or {str, Version} & {hint, *_union(hint)}:
        return text
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        what, fix = f"{name} cannot be read: {text!r}", f"write it as in YAML: a list is {name}='[a, b]'"
        raise SettingsProblem(what, str(error).splitlines()[0], fix) from error


def _copy(values: Mapping[str, Any]) -> dict[str, Any]:
    return {str(k): _copy(v) if isinstance(v, Mapping) else v for k, v in values.items()}


def _has(values: Any, path: Path) -> bool:
    for key in path:
        if isinstance(values, list) and key.isdigit():
            return True  # a list is never merged: it comes whole from one file
        if not isinstance(values, Mapping) or key not in values:
            return False
        values = values[key]
    return True


def _put(values: dict[str, Any], path: Path, item: Any) -> None:
    for key in path[:-1]:
        below = values.get(key)
        if not isinstance(below, dict):
            below = values[key] = {}
        values = below
    values[path[-1]] = item


def _line(file: File, name: str, path: Path) -> str:
    """`invoke.yaml:12`, the line of the deepest key of `path` that the file has; just the name where it has none."""
    try:
        node = yaml.compose(file.read_text())
    except (OSError, yaml.YAMLError):
        return name
    line = None
    for key in path:
        if not isinstance(node, yaml.MappingNode):
            break
        entry = next(((k, v) for k, v in node.value if k.value == key), None)
        if entry is None:
            break
        line, node = entry[0].start_mark.line + 1, entry[1]
    return f"{name}:{line}" if line else name
