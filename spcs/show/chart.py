"""Curves, sparklines and bars as SVG that needs no script: pure functions from numbers to markup.

A drawing has no width of its own. What lies across and down is given in percent, and curves are drawn in a square of
SIDE units that is stretched over the plot while strokes and text keep their size: the same markup is right on a
telephone, on a wide screen and on paper. Colours are the page's: class `cN` is the N-th of its palette.
"""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from spcs.show.scale import Scale, compact, figure, scale_of, steps_scale

Point = tuple[float, float]

SIDE = 1000
COLOURS = 8
BUCKETS = 300  # a curve has at most two points in each: its smallest and its largest
STRIPS = 60  # places across that say their values when pointed at
LARGEST = 1e300
TALL = 208  # pixels
LABEL_GAP = 13  # pixels that two labels at the ends of curves keep between them


@dataclass(frozen=True)
class Line:
    """A curve. `points` are (x, y) with x ascending; a y that is not finite leaves a gap. `label` is the few letters at
    its end, `name` what it is called where there is room; `colour` counts through the page's palette."""

    name: str
    label: str
    points: Sequence[Point]
    colour: int = 0
    dashed: bool = False

    @property
    def look(self) -> str:
        return f"c{self.colour % COLOURS}" + (" dashed" if self.dashed else "")

    @property
    def finite(self) -> list[Point]:
        return [point for point in self.points if math.isfinite(point[1])]


@dataclass(frozen=True)
class Span:
    """A stretch of time, in seconds from the beginning; `kind` is the class that gives it its colour."""

    kind: str
    name: str
    begin: float
    end: float

    @property
    def seconds(self) -> float:
        return self.end - self.begin

    @property
    def told(self) -> str:
        return f"{self.name} {self.seconds:.1f} s"


def chart(lines: Sequence[Line], *, title: str, x: str = "step", log: bool = False, height: int = TALL) -> Markup:
    """Curves over one pair of axes; empty markup where no line has a finite value.

    `title` and `x` are said to who cannot see the picture, and in what shows up at the pointer. With `log`, values that
    are not positive leave gaps.
    """
    shown = [Line(each.name, each.label, _drawable(each.points, log), each.colour, each.dashed) for each in lines]
    shown = [line for line in shown if line.finite]
    if not shown:
        return Markup()
    across = steps_scale([point[0] for line in shown for point in line.points])
    down = scale_of([point[1] for line in shown for point in line.finite], log=log)
    parts = [_grid(across, down), *(_curve(line, across, down) for line in shown)]
    parts += [_ends(shown, across, down, height), _strips(shown, across, x)]
    frame = Markup('<svg class="chart" height="{}" role="img" aria-label="{}">{}</svg>')
    return frame.format(height, _told(title, x, shown), Markup().join(parts))


def sparkline(points: Sequence[Point], colour: int = 0, *, log: bool = False) -> Markup:
    """A curve the size of a word, without axes, its last point marked; empty markup without two finite values."""
    line = Line("", "", _drawable(points, log), colour)
    values = [point[1] for point in line.finite]
    if len(values) < 2:
        return Markup()
    across = Scale(line.finite[0][0], max(line.finite[-1][0], line.finite[0][0] + 1e-9))
    down = Scale(min(values), max(values), log) if max(values) > min(values) else scale_of(values)
    told = f"from {figure(values[0])} to {figure(values[-1])}"
    drawn = _curve(line, across, down) + _dot(line, across, down, 2)
    return Markup('<svg class="spark" role="img" aria-label="{}">{}</svg>').format(told, drawn)


def bar(spans: Sequence[Span], total: float) -> Markup:
    """Stretches of time side by side, `total` seconds wide; each says its name and length when pointed at."""
    rects = Markup().join(
        Markup('<rect class="{}" x="{}%" width="{}%" height="100%"><title>{}</title></rect>').format(
            span.kind,
            _percent(span.begin / total),
            _percent(span.seconds / total),
            f"{span.name}: {span.seconds:.1f} s",
        )
        for span in spans
        if span.seconds > 0 and total > 0
    )
    told = ", ".join(span.told for span in spans)
    return Markup('<svg class="bar" role="img" aria-label="{}">{}</svg>').format(told, rects)


def thinned(points: Sequence[Point], buckets: int = BUCKETS) -> list[Point]:
    """Return the points as they are if there are few; else of each bucket across its smallest and its largest, in their
    order, so that no spike is lost. A bucket without any finite value becomes one gap."""
    if len(points) <= 2 * buckets:
        return list(points)
    first, width = points[0][0], (points[-1][0] - points[0][0]) / buckets or 1.0
    kept: list[Point] = []
    start = 0
    while start < len(points):
        number = int((points[start][0] - first) / width)
        end = bisect.bisect_left(points, first + (number + 1) * width, start + 1, key=lambda point: point[0])
        kept += _extremes(points[start:end])
        start = end
    return kept


def _extremes(bucket: Sequence[Point]) -> list[Point]:
    finite = [(y, index) for index, (_, y) in enumerate(bucket) if math.isfinite(y)]
    if not finite:
        return [bucket[0]]
    return [bucket[index] for index in sorted({min(finite)[1], max(finite)[1]})]


def outline(points: Iterable[Point], across: Scale, down: Scale) -> str:
    """Return the path through the points: a new stroke after each gap, a dot for a point alone."""
    strokes: list[list[str]] = [[]]
    for x, y in points:
        if math.isfinite(y):
            strokes[-1].append(f"{across.at(x) * SIDE:.1f} {(1 - down.at(y)) * SIDE:.1f}")
        elif strokes[-1]:
            strokes.append([])
    return "".join(f"M{'L'.join(stroke)}" + ("h0" if len(stroke) == 1 else "") for stroke in strokes if stroke)


def spread(places: Sequence[float], gap: float) -> list[float]:
    """Move places (percent, in any order) apart until each is `gap` from its neighbours, as little as that takes, and
    none of them below 100."""
    order = sorted(range(len(places)), key=lambda index: places[index])
    moved = [places[index] for index in order]
    for index in range(1, len(moved)):
        moved[index] = max(moved[index], moved[index - 1] + gap)
    shift = sum(new - places[index] for new, index in zip(moved, order, strict=True)) / max(1, len(moved))
    lowest = [100 - gap * below for below in reversed(range(len(moved)))]
    result = dict(zip(order, (min(new - shift, most) for new, most in zip(moved, lowest, strict=True)), strict=True))
    return [result[index] for index in range(len(places))]


def _drawable(points: Sequence[Point], log: bool) -> list[Point]:
    """Numbers as large as the largest have no scale that holds two of them."""
    return [(x, y if abs(y) < LARGEST and (not log or y > 0) else math.nan) for x, y in points]


def _grid(across: Scale, down: Scale) -> Markup:
    below = [
        Markup('<text class="tick x" x="{0}%" y="100%" dy="1.5em">{1}</text>').format(_percent(across.at(tick)), text)
        for tick, text in across.named()
    ]
    beside = [
        Markup('<line class="rule" x1="0" x2="100%" y1="{0}%" y2="{0}%"/>').format(_percent(1 - down.at(tick)))
        + Markup('<text class="tick y" x="-8" y="{}%" dy="0.33em">{}</text>').format(_percent(1 - down.at(tick)), text)
        for tick, text in down.named()
    ]
    return Markup().join([*beside, *below])


def _curve(line: Line, across: Scale, down: Scale) -> Markup:
    frame = '<svg viewBox="0 0 {0} {0}" preserveAspectRatio="none" width="100%" height="100%" overflow="visible">'
    path = '<path class="line {}" d="{}" vector-effect="non-scaling-stroke"/></svg>'
    return Markup(frame).format(SIDE) + Markup(path).format(line.look, outline(thinned(line.points), across, down))


def _dot(line: Line, across: Scale, down: Scale, radius: float = 3) -> Markup:
    x, y = line.finite[-1]
    place = _percent(across.at(x)), _percent(1 - down.at(y))
    return Markup('<circle class="dot {}" cx="{}%" cy="{}%" r="{}"/>').format(line.look, *place, radius)


def _ends(lines: Sequence[Line], across: Scale, down: Scale, height: int) -> Markup:
    """A dot where each curve ends, and its label if it has one."""
    labelled = [line for line in lines if line.label]
    places = spread([100 * (1 - down.at(line.finite[-1][1])) for line in labelled], 100 * LABEL_GAP / height)
    text = Markup('<text class="end {}" x="{}%" dx="8" y="{:.1f}%" dy="0.33em">{}</text>')
    labels = [
        text.format(line.look, _percent(across.at(line.finite[-1][0])), place, line.label)
        for line, place in zip(labelled, places, strict=True)
    ]
    return Markup().join([*(_dot(line, across, down) for line in lines), *labels])


def _strips(lines: Sequence[Line], across: Scale, x: str) -> Markup:
    """Upright strips that light up under the pointer and say what the curves are there."""
    every = sorted({point[0] for line in lines for point in line.points})
    if len(every) > STRIPS:
        every = [every[round(index * (len(every) - 1) / (STRIPS - 1))] for index in range(STRIPS)]
    middles = [(a + b) / 2 for a, b in itertools.pairwise(every)]
    edges = [0.0, *(across.at(middle) for middle in middles), 1.0]
    rects = [
        Markup('<rect class="strip" x="{}%" width="{}%" height="100%"><title>{}</title></rect>').format(
            _percent(left), _percent(right - left), _said(lines, place, x)
        )
        for place, left, right in zip(every, edges, edges[1:], strict=False)
    ]
    return Markup().join(rects)


def _said(lines: Sequence[Line], place: float, x: str) -> str:
    told = [f"{x} {compact(place)}"]
    for line in lines:
        index = bisect.bisect_left(line.points, place, key=lambda point: point[0])
        if index < len(line.points) and (index > 0 or line.points[0][0] == place):
            told.append(f"{line.name}: {figure(line.points[index][1])}")
    return "\n".join(told)


def _told(title: str, x: str, lines: Sequence[Line]) -> str:
    each = (f"{line.name} from {figure(line.finite[0][1])} to {figure(line.finite[-1][1])}" for line in lines)
    return f"{title} by {x}: {'; '.join(each)}"


def _percent(share: float) -> str:
    return f"{100 * share:.2f}"
