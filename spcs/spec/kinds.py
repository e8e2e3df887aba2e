"""The kinds of value a specification holds.

A kind reads a value from a place in the document (SpecError if it is not of that kind) and shows it
again as plain data (dict, list, str, int, float, bool) that reads back to the same value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from spcs.spec.errors import did_you_mean
from spcs.spec.place import Place
from spcs.spec.units import format_cpu, format_memory, parse_cpu, parse_memory

T = TypeVar("T")


class Kind(Generic[T]):
    def read(self, place: Place) -> T:
        raise NotImplementedError

    def show(self, value: T) -> Any:
        return value

    def reads_null(self) -> bool:
        """Whether a key without a value is this kind's to judge; otherwise it counts as left out."""
        return False


@dataclass(frozen=True)
class Text(Kind[str]):
    """Any single value, as written. pattern: what all of it must match; rule: that pattern as a sentence."""

    pattern: str = ".+"
    rule: str = "It must not be empty."
    at_most: int | None = None
    quoted: bool = False

    def read(self, place: Place) -> str:
        text = place.scalar()
        if self.at_most is not None and len(text) > self.at_most:
            place.invalid(f"It must have at most {self.at_most} characters.")
        if self.quoted and not place.is_quoted:
            place.invalid("It must be put in quotes.")
        if re.fullmatch(self.pattern, text, re.DOTALL | re.ASCII) is None:
            place.invalid(self.rule)
        return text


NAME = Text(
    r"[a-z]([a-z0-9-]*[a-z0-9])?",
    "It must be lower-case letters, digits and '-', start with a letter and end with a letter or digit.",
    at_most=63,
)


@dataclass(frozen=True)
class OneOf(Kind[str]):
    words: tuple[str, ...]

    def read(self, place: Place) -> str:
        text = place.scalar()
        if text not in self.words:
            place.invalid(f"It must be one of {', '.join(self.words)}.", did_you_mean(text, self.words))
        return text


@dataclass(frozen=True)
class Whole(Kind[int]):
    """A whole number. Quoted digits are taken too: nothing says that Snowflake refuses them."""

    at_least: int = 0
    at_most: int | None = None

    def read(self, place: Place) -> int:
        text = place.scalar()
        number = int(text) if re.fullmatch(r"-?[0-9]{1,18}", text) else None
        if number is None or number < self.at_least or (self.at_most is not None and number > self.at_most):
            place.invalid(self._rule())
        return number

    def _rule(self) -> str:
        if self.at_most is None:
            return f"It must be an integer of at least {self.at_least}."
        return f"It must be an integer from {self.at_least} to {self.at_most}."


@dataclass(frozen=True)
class Number(Kind[float]):
    def read(self, place: Place) -> float:
        text = place.scalar()
        if re.fullmatch(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]{1,2})?", text) is None:
            place.invalid("It must be a number.")
        return float(text)


@dataclass(frozen=True)
class Flag(Kind[bool]):
    def read(self, place: Place) -> bool:
        # YAML 1.1, which Snowflake's own examples follow, has more words than true and false.
        word = place.scalar().lower()
        if word not in ("true", "false", "yes", "no", "on", "off"):
            place.invalid("It must be true or false.")
        return word in ("true", "yes", "on")


@dataclass(frozen=True)
class Memory(Kind[int]):
    """Bytes, written with a unit."""

    def read(self, place: Place) -> int:
        try:
            return parse_memory(place.scalar())
        except ValueError as error:
            place.invalid(str(error))

    def show(self, value: int) -> str:
        return format_memory(value)


@dataclass(frozen=True)
class Cpu(Kind[float]):
    """Cores, exact to a thousandth."""

    def read(self, place: Place) -> float:
        try:
            return parse_cpu(place.scalar())
        except ValueError as error:
            place.invalid(str(error))

    def show(self, value: float) -> str:
        return format_cpu(value)


@dataclass(frozen=True)
class Many(Kind[tuple[T, ...]]):
    """A list. filled: Snowflake refuses this key with no items, in words of its own."""

    kind: Kind[T]
    at_least: int = 0
    at_most: int | None = None
    filled: bool = False

    def reads_null(self) -> bool:
        return self.filled

    def read(self, place: Place) -> tuple[T, ...]:
        items = [] if place.is_null and self.filled else place.items()
        if self.filled and not items:
            place.fail(f"invalid '{place.path.rpartition('.')[2]}'. Value is empty")
        if len(items) < self.at_least:
            place.fail(f"{place.name} must have at least {self.at_least} item{'s' * (self.at_least != 1)}")
        if self.at_most is not None and len(items) > self.at_most:
            place.fail(f"{place.name} has {len(items)} items; at most {self.at_most} are allowed")
        return tuple(self.kind.read(item) for item in items)

    def show(self, value: tuple[T, ...]) -> list[Any]:
        return [self.kind.show(item) for item in value]


@dataclass(frozen=True)
class TextMap(Kind[Mapping[str, str]]):
    """Keys and values, all text. A key without a value gives "": nothing says that Snowflake refuses it."""

    def read(self, place: Place) -> Mapping[str, str]:
        places = {name: place.child(name, entry) for name, entry in place.entries().items()}
        return {name: "" if child.is_null else child.scalar() for name, child in places.items()}

    def show(self, value: Mapping[str, str]) -> dict[str, str]:
        return dict(value)
