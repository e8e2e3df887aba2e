"""Tables with a column for each run: settings and metrics side by side, and what of them differs. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Any

from spcs.show.curves import is_better
from spcs.show.scale import figure

NONE = "–"


@dataclass(frozen=True)
class Cell:
    text: str
    best: bool = False


@dataclass(frozen=True)
class Comparison:
    """`rows` are (name, a cell for each run); `same` is how many more rows there are, the same in all."""

    rows: tuple[tuple[str, tuple[Cell, ...]], ...] = ()
    same: int = 0

    def __add__(self, other: Comparison) -> Comparison:
        return Comparison(self.rows + other.rows, self.same + other.same)


def compared(tables: Sequence[Mapping[str, str]]) -> Comparison:
    """Put tables beside each other, a row for each name that any of them has."""
    names = dict.fromkeys(name for table in tables for name in table)
    return Comparison(tuple((name, tuple(Cell(table.get(name, NONE)) for table in tables)) for name in names))


def differing(tables: Sequence[Mapping[str, str]]) -> Comparison:
    """Keep the rows in which the tables differ, and count the others. A table without any row differs in nothing."""
    rows, known = compared(tables).rows, [bool(table) for table in tables]
    kept = tuple(row for row in rows if len(set(compress(row[1], known))) > 1)
    return Comparison(kept, same=len(rows) - len(kept))


def metrics(tables: Sequence[Mapping[str, Any]]) -> Comparison:
    """Put the final metrics of runs beside each other; the best is marked where it is known which way is better."""
    names = dict.fromkeys(name for table in tables for name, value in table.items() if is_single(value))
    return Comparison(tuple((name, _marked(name, [table.get(name) for table in tables])) for name in names))


def telling(comparison: Comparison) -> Comparison:
    """Leave out the rows whose cells all say the same."""
    return Comparison(tuple(row for row in comparison.rows if len({cell.text for cell in row[1]} - {NONE}) > 1))


def flattened(value: Any, name: str = "") -> dict[str, str]:
    """Write nested tables as one, `resources.limits.memory: 4Gi`, and a list in one line."""
    if isinstance(value, Mapping):
        parts = [flattened(inner, f"{name}.{key}" if name else str(key)) for key, inner in value.items()]
        return {key: text for part in parts for key, text in part.items()}
    if isinstance(value, list | tuple):
        return {name: " ".join(map(str, value)) or NONE}
    return {name: said(value)}


def said(value: Any) -> str:
    """Write a value as settings have it."""
    if value is None or value == "":
        return NONE
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)


def measured(value: Any) -> str:
    """Write a value as metrics have it: numbers for reading, not for copying."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return figure(value) if is_number else said(value)


def is_single(value: Any) -> bool:
    return not isinstance(value, list | dict)


def _marked(name: str, values: Sequence[Any]) -> tuple[Cell, ...]:
    numbers = [value for value in values if isinstance(value, int | float) and math.isfinite(value)]
    best = numbers[0] if numbers else math.nan
    for value in numbers[1:]:
        best = value if is_better(name, value, best) else best
    tells = any(is_better(name, best, value) for value in numbers)
    return tuple(Cell(measured(value), best=tells and value == best) for value in values)
