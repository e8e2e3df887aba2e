"""What each column holds and how it becomes numbers: fixed before the first row is read, as no batch of rows can be
trusted to say. It travels with the data, in the checkpoints and in the exported model.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from app.config import Config, Problem, suggestion

if TYPE_CHECKING:
    from app.data.files import Files
    from app.data.table import Table

LARGEST = 65_536  # of vocabularies, and of what a vector holds
MEND = "see --columns and --features"
# What --columns may say, and of which kinds of feature.
WORDS = {
    "kind": "numeric timestamp boolean category vector",
    "null": "numeric timestamp boolean category",
    "indicator": "numeric timestamp boolean category",
    "mean": "numeric timestamp vector",
    "deviation": "numeric timestamp vector",
    "vocabulary": "category label",
    "width": "vector",
}
NULLS = {"category": "refuse, unknown", "boolean": "refuse, or a number"}


@dataclass(frozen=True)
class Column:
    """A column of the source. `kind` is that of the feature it can be: empty for what cannot be learned from, and
    "text" for what only --columns can make a category. `type` is the source's own word for it; `width` is how many
    numbers it holds, 0 if that is not declared.
    """

    name: str
    kind: str
    type: str
    width: int = 1


@dataclass(frozen=True)
class Feature:
    """A column as float32 numbers, at `first` and the `width - 1` places behind it: (value - mean) / deviation, or for
    a category 1 + its place in the vocabulary, 0 for what is not in it. `null` is what stands for a null: "refuse"
    (there may be none), "unknown" (a category's 0) or a number. `indicator` adds a place: 1 where it was null.
    Raises Problem for what means nothing.
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

    def __post_init__(self) -> None:
        category, nulls = self.kind == "category", NULLS.get(self.kind, "refuse, mean, or a number")
        stands = self.null == "refuse" or (self.null == "unknown" if category else is_number(self.null))
        rules = {
            "null": (stands, f"choose from {nulls}"),
            "indicator": (isinstance(self.indicator, bool), "say true or false"),
            "mean": (is_number(self.mean), "give a number"),
            "deviation": (is_number(self.deviation) and self.deviation > 0, "give a number above 0"),
            "width": (type(self.width) is int and 1 <= self.width <= LARGEST, "say how many numbers it holds"),
        }
        for word, (sound, fix) in rules.items():
            if not sound:
                raise Problem(f"--columns says {word} {getattr(self, word)!r:.100} of {self.name}", fix)
        if self.indicator and self.null == "refuse":
            raise Problem(f"{self.name} has an indicator of nulls, and nulls are refused", 'add "null" to its words')
        if category:
            check_vocabulary(self.name, self.vocabulary)

    @property
    def places(self) -> list[str]:
        values = [self.name] if self.kind != "vector" else [f"{self.name}[{i}]" for i in range(self.width)]
        return values + [f"{self.name} IS NULL"] * self.indicator


@dataclass(frozen=True)
class Label:
    """What is learned: a class 0..classes-1, its place in the vocabulary if it has one, or with classes=1 a number."""

    name: str
    classes: int
    vocabulary: Sequence[str | int] = ()

    def __post_init__(self) -> None:
        if self.vocabulary:
            check_vocabulary(self.name, self.vocabulary)
            if (words := len(self.vocabulary)) != self.classes:
                what = f"{self.name} has a vocabulary of {words} for {self.classes} classes"
                raise Problem(what, f"set --classes {words}")


@dataclass(frozen=True)
class Schema:
    row_id: str
    label: Label
    features: tuple[Feature, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the F numbers of a row."""
        return tuple(place for feature in self.features for place in feature.places)

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


def is_number(said: Any) -> bool:
    return isinstance(said, (int, float)) and not isinstance(said, bool) and math.isfinite(said)


def check_vocabulary(name: str, said: Any) -> None:
    alike = isinstance(said, (list, tuple)) and any(all(type(word) is kind for word in said) for kind in (str, int))
    if not (alike and len(set(said)) == len(said) > 0):
        what = f"the vocabulary of {name} is {said!r:.100}"
        raise Problem(what, f"list words, or whole numbers, each once, or leave it out: {MEND}")


def fixed(source: Files | Table, config: Config) -> Schema:
    """The whole schema: what the source declares, what --columns says of it, what all the rows together say.

    Raises Problem for a column that is not there or cannot be learned from, and a word that means nothing.
    """
    columns, said = {column.name: column for column in source.columns}, spoken(config.columns)
    others = [name for name in columns if name not in (config.label, config.row_id)]
    chosen = [name.strip() for name in config.features.split(",")] if config.features else others
    asked = {"label": [config.label], "row-id": [config.row_id], "features": chosen, "columns": said}
    for option, names in asked.items():
        if missing := [name for name in names if name not in columns]:
            raise Problem(f"{config.data} has no column {missing[0]} (--{option})", suggestion(missing[0], columns))
    if not chosen:
        raise Problem(f"{config.data} has no column to learn from", "add columns of numbers beside label and row id")
    if unused := [name for name in said if name not in (*chosen, config.label)]:
        raise Problem(f"--columns speaks of {unused[0]}, which is not learned from", "add it to --features")
    label = Label(config.label, config.classes, **meant(config.label, "label", said.get(config.label, {})))
    declared = {name: declaration(columns[name], said.get(name, {})) for name in chosen}
    scalars = {name: words for name, words in declared.items() if words["kind"] in ("numeric", "timestamp")}
    measured = [columns[name] for name, words in scalars.items() if "mean" in (words.get("null"), words.get("mean"))]
    measures = source.measure(measured) if measured else {}
    features: list[Feature] = []
    for name, words in declared.items():
        if words["kind"] == "category" and "vocabulary" not in words:
            words["vocabulary"] = vocabulary(name, source)
        if name in measures:
            words |= by_rows(name, words, *measures[name])
        features.append(Feature(name, first=sum(len(feature.places) for feature in features), **words))
    return Schema(config.row_id, label, tuple(features))


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


def meant(name: str, kind: str, said: Mapping[str, Any]) -> dict[str, Any]:
    known = [word for word, kinds in WORDS.items() if kind in kinds.split()]
    if unknown := [word for word in said if word not in known]:
        raise Problem(f"--columns says {unknown[0]!r} of {name} ({kind})", suggestion(unknown[0], known))
    return dict(said)


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
    words = {"kind": kind, "width": column.width} | meant(name, kind, said)
    if not words["width"]:
        fix = f'say --columns \'{{"{name}": {{"width": 128}}}}\''
        raise Problem(f"{name} is {column.type}: how many numbers it holds is not declared", fix)
    if column.width not in (0, words["width"]):
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


def vocabulary(name: str, source: Files | Table) -> list[Any]:
    words = source.distinct(name, LARGEST + 1)
    if len(words) > LARGEST:
        what = f"{name} holds more than {LARGEST} different values: too many for a category"
        raise Problem(what, f"leave it out, or list those that matter as its vocabulary: {MEND}")
    return sorted(word if isinstance(word, str) or word != int(word) else int(word) for word in words)
