"""What each column holds and how it becomes numbers: fixed before the first row is read, as no batch of rows can be
trusted to say. It travels with the data, in the checkpoints and in the exported model.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from app.config import Config, Problem, suggestion

MOST_WORDS, WIDEST = 65_536, 2**24  # of a vocabulary; of a vector
MEND = "see --columns and --features"


@dataclass(frozen=True)
class Column:
    """A column of the source. `kind` is that of the feature it can be: empty for what cannot be learned from, and
    "text" for what only --columns can make a category. `type` is the source's own word for it; `width` is how many
    numbers a vector holds, 0 if that is not declared.
    """

    name: str
    kind: str
    type: str
    width: int = 0


def kind_by(patterns: Mapping[str, str], type: str) -> str:
    """The kind whose pattern is that of the type; empty if there is none."""
    return next((kind for kind, pattern in patterns.items() if re.fullmatch(pattern, type)), "")


class Source(Protocol):
    """Where rows come from: files, or a table. Raises Problem for what cannot be read."""

    columns: Sequence[Column]

    def measure(self, columns: Sequence[Column]) -> dict[str, tuple[float, float]]:
        """Mean and deviation (of the whole population, nulls left out; NaN if nothing is left) by column name; of a
        time: in seconds since 1970."""

    def distinct(self, name: str, limit: int) -> list[Any]:
        """The column's values, each once, nulls left out; any `limit` of them if there are more."""


@dataclass(frozen=True)
class Feature:
    """A column as float32 numbers, the one at `first` and the `width - 1` behind it: (value - mean) / deviation, or for
    a category 1 + its index in the vocabulary, 0 for what is not in it. `null` is what stands for a null: "refuse"
    (there may be none), "unknown" (a category's 0) or a number. `indicator` adds a number: 1 where it was null.
    """

    name: str
    kind: str
    first: int = 0
    width: int = 1
    null: str | float = "refuse"
    indicator: bool = False
    mean: float = 0.0
    deviation: float = 1.0
    vocabulary: Sequence[str | int] = ()

    @property
    def columns(self) -> list[str]:
        """The names of its numbers."""
        values = [self.name] if self.kind != "vector" else [f"{self.name}[{i}]" for i in range(self.width)]
        return values + [f"{self.name} IS NULL"] * self.indicator


@dataclass(frozen=True)
class Label:
    """What is learned: a class 0..classes-1, its index in the vocabulary if it has one, or with classes=1 a number."""

    name: str
    classes: int
    vocabulary: Sequence[str | int] = ()


@dataclass(frozen=True)
class Schema:
    row_id: str
    label: Label
    features: tuple[Feature, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the F numbers of a row."""
        return tuple(column for feature in self.features for column in feature.columns)

    @property
    def sources(self) -> list[str]:
        """The columns to read."""
        return [self.row_id, self.label.name, *(feature.name for feature in self.features)]

    def as_dict(self) -> dict[str, Any]:
        described: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return described


def revived(described: Mapping[str, Any]) -> Schema:
    """The inverse of `Schema.as_dict`."""
    features = tuple(Feature(**feature) for feature in described["features"])
    return Schema(described["row_id"], Label(**described["label"]), features)


# What --columns may say ------------------------------------------------------------------------------------------


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def is_vocabulary(value: Any) -> bool:
    alike = isinstance(value, (list, tuple)) and any(all(type(word) is kind for word in value) for kind in (str, int))
    return alike and len(set(value)) == len(value) > 0


# The words, the kinds of column that have them, which values mean something, and how to mend others.
WORDS: tuple[tuple[str, str, Callable[[Any], bool], str], ...] = (
    ("kind", "numeric timestamp boolean category vector", lambda kind: True, ""),
    ("null", "numeric timestamp", lambda it: it in ("refuse", "mean") or is_number(it), "refuse, mean, or a number"),
    ("null", "boolean", lambda it: it == "refuse" or is_number(it), "refuse, or a number"),
    ("null", "category", lambda it: it in ("refuse", "unknown"), "refuse, unknown"),
    ("indicator", "numeric timestamp boolean category", lambda it: isinstance(it, bool), "true, false"),
    ("mean", "numeric timestamp vector", is_number, "numbers"),
    ("deviation", "numeric timestamp vector", lambda it: is_number(it) and it > 0, "numbers above 0"),
    ("width", "vector", lambda it: type(it) is int and 1 <= it <= WIDEST, f"1 to {WIDEST}, how many numbers it holds"),
    ("vocabulary", "category label", is_vocabulary, "lists of words, or of whole numbers, each once; or leave it out"),
)


def check(name: str, kind: str, said: Mapping[str, Any]) -> None:
    """Raises Problem for a word that a column of this kind does not have, and for a value that means nothing."""
    rules = {word: (sound, choices) for word, kinds, sound, choices in WORDS if kind in kinds.split()}
    for word, value in said.items():
        if word not in rules:
            raise Problem(f"--columns says {word!r} of {name} ({kind})", suggestion(word, rules))
        sound, choices = rules[word]
        if not sound(value):
            raise Problem(f"the {word} of {name} is {value!r:.100}", f"choose from {choices}: {MEND}")
    if said.get("indicator") and said.get("null", "refuse") == "refuse":
        raise Problem(f"{name} has an indicator of nulls, and nulls are refused", 'add "null" to its words')


def spoken(columns: str) -> dict[str, dict[str, Any]]:
    """--columns: JSON, or the name of a file with it."""
    try:
        said = json.loads(columns if columns.lstrip().startswith("{") else Path(columns).read_text()) if columns else {}
        if not isinstance(said, dict) or not all(isinstance(words, dict) for words in said.values()):
            raise ValueError("it is not an object of objects")
    except (OSError, ValueError) as error:
        fix = 'write JSON such as {"CITY": {"kind": "category", "null": "unknown"}}, or name a file that holds it'
        raise Problem(f"--columns cannot be read: {error}", fix) from error
    return said


# What it becomes -------------------------------------------------------------------------------------------------


def fixed(source: Source, config: Config) -> Schema:
    """The whole schema: what the source declares, what --columns says of it, what all the rows together say.

    Raises Problem for a column that is not there or cannot be learned from, and a word that means nothing.
    """
    columns, said = {column.name: column for column in source.columns}, spoken(config.columns)
    chosen = learned_from(columns, said, config)
    label = labelled(config, said.get(config.label, {}))
    declared = {name: declaration(columns[name], said.get(name, {})) for name in chosen}
    measured = [columns[name] for name, words in declared.items() if "mean" in (words.get("null"), words.get("mean"))]
    measures = source.measure(measured) if measured else {}
    features, first = list[Feature](), 0
    for name, words in declared.items():
        if name in measures:
            words |= by_rows(name, words, *measures[name])
        if words["kind"] == "category" and "vocabulary" not in words:
            words["vocabulary"] = vocabulary(name, source)
        features.append(Feature(name, first=first, **words))
        first += len(features[-1].columns)
    return Schema(config.row_id, label, tuple(features))


def learned_from(columns: Mapping[str, Column], said: Mapping[str, Any], config: Config) -> list[str]:
    """The features' columns. Raises Problem unless all that the settings name is there, and once."""
    apart = {config.label: "the label", config.row_id: "the row id"}
    chosen = [name.strip() for name in config.features.split(",") if config.features]
    chosen = chosen or [name for name in columns if name not in apart]
    named = {"label": [config.label], "row-id": [config.row_id], "features": chosen, "columns": said}
    for option, names in named.items():
        if missing := [name for name in names if name not in columns]:
            raise Problem(f"{config.data} has no column {missing[0]} (--{option})", suggestion(missing[0], columns))
    if not chosen:
        raise Problem(f"{config.data} has no column to learn from", "add columns of numbers beside label and row id")
    if config.label == config.row_id:
        raise Problem(f"--label and --row-id both name {config.label}", "name the column to learn with --label")
    for name in chosen:
        if name in apart or chosen.count(name) > 1:
            wrong = f"which is {apart[name]}" if name in apart else "more than once"
            raise Problem(f"--features names {name}, {wrong}", "list each column to learn from once")
    if unused := [name for name in said if name not in (*chosen, config.label)]:
        raise Problem(f"--columns speaks of {unused[0]}, which is not learned from", "add it to --features")
    return chosen


def labelled(config: Config, said: Mapping[str, Any]) -> Label:
    check(config.label, "label", said)
    if said and (words := len(said["vocabulary"])) != config.classes:
        what = f"{config.label} has a vocabulary of {words} for {config.classes} classes"
        raise Problem(what, f"set --classes {words}")
    return Label(config.label, config.classes, **said)


def declaration(column: Column, said: Mapping[str, Any]) -> dict[str, Any]:
    """A feature's words before any row is read. What all the rows are to tell is "mean", in the place of a number."""
    name, kind = column.name, said.get("kind", column.kind)
    if not kind:
        raise Problem(f"{name} is {column.type}, which cannot be learned from", "leave it out: see --features")
    if kind == "text":
        fix = f'say --columns \'{{"{name}": {{"kind": "category"}}}}\', or leave it out: see --features'
        raise Problem(f"{name} is text ({column.type}) without a vocabulary", fix)
    possible = {"text": "category", "numeric": "numeric, category"}.get(column.kind, column.kind)
    if kind not in possible.split(", "):
        raise Problem(f"{name} is {column.type} and cannot be of kind {kind!r}", f"choose from {possible}")
    check(name, kind, said)
    words = {"kind": kind, **said}
    if kind == "vector" and not words.setdefault("width", column.width):
        fix = f'say --columns \'{{"{name}": {{"width": 128}}}}\''
        raise Problem(f"{name} is {column.type}: how many numbers it holds is not declared", fix)
    if column.width not in (0, words.get("width")):
        raise Problem(f"{name} holds {column.width} numbers a row, not {words['width']}", "mend --columns")
    if kind in ("numeric", "timestamp") and not {"mean", "deviation"} & words.keys():
        words["mean"] = "mean"
    return words


def by_rows(name: str, words: Mapping[str, Any], mean: float, deviation: float) -> dict[str, float]:
    if not (math.isfinite(mean) and math.isfinite(deviation)):
        raise Problem(f"{name} has no mean: its rows are null, NaN or infinite", f"mend it, or {MEND}")
    mean, deviation = steady(mean, deviation)
    measured = {"mean": mean, "deviation": deviation} if words.get("mean") == "mean" else {}
    return measured | ({"null": mean} if words.get("null") == "mean" else {})


def steady(mean: float, deviation: float) -> tuple[float, float]:
    """Both, to about a thousandth of the deviation: finer than training needs, and far above what changes when the
    same rows are summed in another order. A warehouse sums in any order, and a resumed run must see the same numbers.
    """
    if not deviation > 1e-9 * abs(mean):
        return float(np.float32(mean)), 1.0  # a constant, but for rounding
    unit = 2.0 ** (math.floor(math.log2(deviation)) - 10)
    return round(mean / unit) * unit, round(deviation / unit) * unit


def vocabulary(name: str, source: Source) -> list[Any]:
    found = source.distinct(name, MOST_WORDS + 1)
    if len(found) > MOST_WORDS:
        what = f"{name} holds more than {MOST_WORDS} different values: too many for a category"
        raise Problem(what, f"leave it out, or list those that matter as its vocabulary: {MEND}")
    # Whole numbers may come as floats or decimals.
    whole = [not isinstance(word, str) and math.isfinite(word) and word == int(word) for word in found]
    words = sorted(int(word) if is_whole else word for word, is_whole in zip(found, whole, strict=True))
    check(name, "category", {"vocabulary": words})
    return words
