"""The measurements of a run: from the lines of `metrics.jsonl`, or from its log, to one series a name.

app/ leaves a JSON object a line, `{"step": 100, "loss": 0.4}`, and says the same in its log, `step=100 loss=0.4`, or as
JSON there. A program of one's own may do either. Anything else in a file or a log is passed over.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from spcs.run.model import LogLine

Series = tuple[tuple[float, float], ...]
"""(place, value) pairs, places ascending and each there once; a value that was no number is NaN."""

PLACES = ("step", "global_step", "iteration", "iter", "epoch")
"""What a measurement may be counted by, the first of them that it has; else the measurements are counted."""

_PAIR = re.compile(r"(?<![\w.-])([A-Za-z_][\w./]*)=(\"[^\"]*\"|\S+)")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?|nan|[+-]?inf", re.IGNORECASE)


class Measures:
    """Series by name, in the order in which the names were met. `counted_by` says what the places are."""

    def __init__(self) -> None:
        self.counted_by = ""
        self._values: dict[str, dict[float, float]] = {}
        self._count = 0

    def add(self, measurement: Mapping[str, Any]) -> bool:
        """Take one measurement in; whatever in it is no number is left out. Tells whether anything was taken."""
        place = next((name for name in PLACES if _is_number(measurement.get(name))), "")
        values = {
            name: math.nan if value is None else float(value)
            for name, value in measurement.items()
            if name not in PLACES and (value is None or _is_number(value))
        }
        if not values:
            return False
        self._count += 1
        at = float(measurement[place]) if place else float(self._count)
        if not math.isfinite(at):
            return False
        self.counted_by = self.counted_by or place or "measurement"
        for name, value in values.items():
            self._values.setdefault(name, {})[at] = value
        return True

    def counts(self) -> int:
        """Return how many values there are in all."""
        return sum(map(len, self._values.values()))

    def update(self, other: Measures) -> None:
        """Put the values of other measures over these, which count by the same."""
        for name, values in other._values.items():
            self._values.setdefault(name, {}).update(values)

    def series(self) -> dict[str, Series]:
        """Return the series of which at least one value is finite."""
        found = {name: tuple(sorted(values.items())) for name, values in self._values.items()}
        return {name: series for name, series in found.items() if any(math.isfinite(y) for _, y in series)}


def from_jsonl(text: str) -> Measures:
    """Read a file of JSON objects, one a line. A last line that is not whole yet, like any that is no object, is left
    out."""
    measures = Measures()
    for line in text.splitlines():
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(entry, dict):
            measures.add(entry)
    return measures


def from_log(lines: Iterable[LogLine]) -> Measures:
    """Read the measurements out of a log."""
    measures = Measures()
    for line in lines:
        if found := measurement(line.text):
            measures.add(found)
    return measures


def measurement(text: str) -> dict[str, Any]:
    """Return what a log line measures, by name; empty for any other line. It has to say its place, `step=100`."""
    if text.startswith("{"):
        return _structured(text)
    if "=" not in text:
        return {}
    found = {name: float(value) for name, value in _PAIR.findall(text) if _NUMBER.fullmatch(value)}
    return found if any(name in found for name in PLACES) and len(found) > 1 else {}


def _structured(text: str) -> dict[str, Any]:
    try:
        entry = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    if isinstance(entry, dict) and isinstance(entry.get("attributes"), dict):
        entry = entry["attributes"]
    if not isinstance(entry, dict) or not any(_is_number(entry.get(name)) for name in PLACES):
        return {}
    return {name: value for name, value in entry.items() if value is None or _is_number(value)}


def _is_number(value: object) -> bool:
    """JSON's whole numbers have no end; floats do."""
    return isinstance(value, float) or (isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**300)
