"""Maps with known keys: a frozen dataclass whose fields are declared by `key` is the whole description of one.

@dataclass(frozen=True)
class VolumeMount:
    name: str = key(NAME)
    mount_path: str = key(DIRECTORY)            # in YAML: mountPath
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, cast, overload

from spcs.spec.errors import did_you_mean
from spcs.spec.kinds import Kind
from spcs.spec.place import Place

T = TypeVar("T")
D = TypeVar("D")
_REQUIRED: Any = dataclasses.MISSING


@dataclass(frozen=True)
class Option:
    """A field of a record: its name in Python, its keys in YAML (its own first, then aliases), kind and default."""

    field: str
    names: tuple[str, ...]
    kind: Kind[Any]
    default: Any


@dataclass(frozen=True)
class Record(Kind[T]):
    """A map with known keys, read into the dataclass `cls`, whose fields are declared by `key`.

    A method `checked(place)` of the class, if there is one, judges the record as a whole and returns it.
    misplaced: keys that belong elsewhere, and the hint that says where.
    """

    cls: type[T]
    misplaced: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def read(self, place: Place) -> T:
        self._refuse_unknown(place)
        values = {}
        for option in options(self.cls):
            child = _written(place, option)
            if child is not None:
                values[option.field] = option.kind.read(child)
            elif option.default is _REQUIRED:
                place.fail(f"missing required option '{option.names[0]}' for {place.name}")
        record = self.cls(**values)
        check = getattr(record, "checked", None)
        return cast(T, check(place)) if check else record

    def names(self) -> list[str]:
        """Every key that is accepted, aliases among them."""
        return [name for option in options(self.cls) for name in option.names]

    def _refuse_unknown(self, place: Place) -> None:
        for name, entry in place.entries().items():
            if name not in self.names():
                hint = self.misplaced.get(name) or did_you_mean(name, self.names())
                where = f" for {place.name}" if place.path else ""
                place.fail(f"unknown option '{name}'{where}", hint=hint, line=entry.line)

    def show(self, value: T) -> dict[str, Any]:
        """The record without the keys that hold their default."""
        shown = {}
        for option in options(self.cls):
            held = getattr(value, option.field)
            if held != option.default:
                shown[option.names[0]] = option.kind.show(held)
        return shown


@overload
def key(kind: Kind[T], *, name: str = "", aliases: tuple[str, ...] = ()) -> T: ...
@overload
def key(kind: Kind[T], *, default: D, name: str = "", aliases: tuple[str, ...] = ()) -> T | D: ...
def key(kind: Kind[Any], *, default: Any = _REQUIRED, name: str = "", aliases: tuple[str, ...] = ()) -> Any:
    """Declare a field by its kind. Required unless it has a default; its YAML name is camelCase unless given."""
    metadata = {"kind": kind, "name": name, "aliases": aliases}
    if isinstance(default, dict):
        return dataclasses.field(default_factory=dict, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def options(cls: type[Any]) -> tuple[Option, ...]:
    """The fields that `key` declared in a dataclass, in order."""
    return tuple(
        Option(
            field=field.name,
            names=(field.metadata["name"] or _camel(field.name), *field.metadata["aliases"]),
            kind=field.metadata["kind"],
            default={} if field.default_factory is not dataclasses.MISSING else field.default,
        )
        for field in dataclasses.fields(cls)
        if "kind" in field.metadata
    )


def _written(place: Place, option: Option) -> Place | None:
    """What the record holds for this option, under whichever of its keys; always called by the first of them."""
    entries = place.entries()
    written = [name for name in option.names if name in entries]
    if len(written) > 1:
        place.fail(f"duplicate option '{written[1]}' for {place.name}", line=entries[written[1]].line)
    child = place.child(option.names[0], entries[written[0]]) if written else None
    return None if child is None or (child.is_null and not option.kind.reads_null()) else child


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)
