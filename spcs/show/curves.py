"""Which measurements of which runs are drawn together, and what is said below each drawing. Pure functions."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from spcs.run.best import LARGER, SMALLER
from spcs.run.measures import Series
from spcs.show.chart import TALL, Line, chart
from spcs.show.scale import compact, figure, spans_decades

SMALL = 136  # pixels
LEARNING, SPEED, MACHINE = "Learning", "Throughput", "Resources"

_SPEED = re.compile(
    r"(^|_)(per_?s|per_sec(ond)?|ms_per_\w+|s_per_\w+|data_wait|mfu|\w*throughput|step_time)($|_)|/s(ec)?$"
)
_MACHINE = re.compile(r"(^|[_./])(gpu|cpu|memory|mem|rss|vram|disk|network|container|volume)([_./]|$)")
_PART = re.compile(r"(held_out|validation|valid|val|eval|dev|test|train|training)[_/.-](.+)")
_LAST = ("grad_norm", "learning_rate", "lr")
_TRAINING = ("train", "training", "")


@dataclass(frozen=True)
class Told:
    """A run as curves know it: the letter and the number of the colour that stand for it."""

    letter: str
    colour: int
    measures: Mapping[str, Series]


@dataclass(frozen=True)
class Key:
    """A line of a drawing, in words: `look` is its class, `last` its newest value, `note` what else is to be said."""

    look: str
    name: str
    last: str
    note: str = ""


@dataclass(frozen=True)
class Drawing:
    title: str
    by: str
    svg: Markup
    keys: tuple[Key, ...]


def is_better(name: str, value: float, than: float) -> bool:
    """Tell whether a value of the measurement is better; False where nobody can know which way is better."""
    if SMALLER.search(name):
        return value < than
    return bool(LARGER.search(name)) and value > than


def section(name: str) -> str:
    """Return what a measurement is about: LEARNING, SPEED or MACHINE."""
    lowered = name.lower()
    if _SPEED.search(lowered):
        return SPEED
    return MACHINE if _MACHINE.search(lowered) else LEARNING


def family(name: str) -> tuple[str, str]:
    """Return the drawing a measurement belongs in, and which part of the data it is about: `held_out_loss` is
    ('loss', 'held out'), `loss` ('loss', '')."""
    found = _PART.fullmatch(name)
    return (found[2], found[1].replace("_", " ")) if found else (name, "")


def drawings(runs: Sequence[Told], about: str, counted_by: str = "step") -> list[Drawing]:
    """Return the drawings of one section: losses first, what steers the training last, the rest as it was met."""
    families: dict[str, list[str]] = {}
    for name in dict.fromkeys(name for run in runs for name in run.measures if section(name) == about):
        families.setdefault(family(name)[0], []).append(name)
    order = sorted(families, key=lambda title: (title in _LAST, not SMALLER.search(title)))
    drawn = (_drawing(title, families[title], runs, counted_by) for title in order)
    return [drawing for drawing in drawn if drawing.svg]


def _drawing(title: str, names: Sequence[str], runs: Sequence[Told], counted_by: str) -> Drawing:
    lines = [line for name in names for line in _lines(name, names, runs)]
    values = [y for line in lines for _, y in line.finite]
    log = bool(SMALLER.search(title)) and spans_decades(values)
    height = TALL if section(names[0]) == LEARNING else SMALL
    return Drawing(
        title=title,
        by=f"by {counted_by}" + (", logarithmic" if log else ""),
        svg=chart(lines, title=title, x=counted_by, log=log, height=height),
        keys=tuple(_key(line, title, counted_by, len(runs) == 1) for line in lines if line.finite),
    )


def _lines(name: str, names: Sequence[str], runs: Sequence[Told]) -> list[Line]:
    """One measurement of every run. With one run, the colour tells the parts of the data apart; with several it tells
    the runs apart, and what was measured on the rows trained on is dashed if there is another part beside it."""
    part = family(name)[1]
    if len(runs) == 1:
        label = "" if len(names) == 1 else (part or "training")[:9]
        shown = part or "training" if len(names) > 1 else name
        return [Line(shown, label, runs[0].measures[name], names.index(name))]
    dashed = len(names) > 1 and part in _TRAINING
    shown = f" {part or 'training'}" if len(names) > 1 else ""
    having = [run for run in runs if name in run.measures]
    return [
        Line(f"{run.letter}{shown}", "" if dashed else run.letter, run.measures[name], run.colour, dashed)
        for run in having
    ]


def _key(line: Line, title: str, counted_by: str, notes: bool) -> Key:
    points = line.finite
    last, best = points[-1], points[0]
    for point in points[1:]:
        best = point if is_better(title, point[1], best[1]) else best
    knows = is_better(title, 0, 1) or is_better(title, 1, 0)
    missing = sum(not math.isfinite(y) for _, y in line.points)
    told = [f"at {counted_by} {compact(last[0])}"] if notes else []
    told += [f"best {figure(best[1])} at {compact(best[0])}"] if notes and knows and best != last else []
    told += [f"{missing} of {len(line.points)} values not a number"] if missing else []
    return Key(line.look, line.name, figure(last[1]), ", ".join(told))


def main(measures: Mapping[str, Series]) -> str:
    """Return the name of the measurement that says most of a run: the loss, or else the first; empty without any."""
    learned = [name for name in measures if section(name) == LEARNING] or list(measures)
    losses = [name for name in learned if SMALLER.search(name)]
    return next((name for name in losses if family(name)[1] in _TRAINING), next(iter(losses or learned), ""))
