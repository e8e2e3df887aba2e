"""From numbers to places along an axis, and the round numbers that stand beside it. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

TICKS = 5


@dataclass(frozen=True)
class Scale:
    """An axis from `low` to `high`, which differ; with `log` both are positive."""

    low: float
    high: float
    log: bool = False

    def at(self, value: float) -> float:
        """Return where the value lies: 0 is the low end, 1 the high one."""
        if self.log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def ticks(self, about: int = TICKS) -> list[float]:
        """Return round numbers on the axis, about so many."""
        return _decades(self.low, self.high, about) if self.log else _round(self.low, self.high, about)

    def named(self, about: int = TICKS) -> list[tuple[float, str]]:
        """Return the ticks with their texts, all with as many digits as tell them apart."""
        ticks = self.ticks(about)
        if self.log:
            return [(tick, compact(tick)) for tick in ticks]
        step = ticks[1] - ticks[0] if len(ticks) > 1 else abs(self.high - self.low)
        return [(tick, compact(tick, step)) for tick in ticks]


def scale_of(values: Sequence[float], *, log: bool = False) -> Scale:
    """Return a scale that holds finite values with some room; positive ones with `log`. It begins at zero where that is
    not far away."""
    low, high = min(values), max(values)
    if log and high > low:
        room = (high / low) ** 0.04
        return Scale(low / room, high * room, log=True)
    if high == low:
        room = abs(high) / 10 or 1.0
        return Scale(low - room, high + room)
    if 0 < low < (high - low) / 2:
        low = 0.0
    step = _step(high - low, TICKS)
    return Scale(math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step)


def steps_scale(values: Sequence[float]) -> Scale:
    """Return a scale across that begins and ends with the values."""
    low, high = min(values), max(values)
    return Scale(low, high) if high > low else Scale(low - 0.5, high + 0.5)


def spans_decades(values: Sequence[float]) -> bool:
    """Tell whether values, all of them positive, differ so much that a straight scale would hide most of them."""
    return bool(values) and min(values) > 0 and max(values) / min(values) >= 20


def compact(value: float, step: float = 0.0) -> str:
    """Write a number for an axis, `20k`, `0.05`, `1e-06`: as many digits as a step between neighbours asks for."""
    if value == 0:
        return "0"
    if abs(value) < 1e-4:
        return (f"{value:.2g}" if step == 0 else f"{value:.{_digits(value, step)}e}").replace("e-0", "e-")
    for size, suffix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size and (size > 1e3 or abs(value) >= 1e4):
            return f"{value / size:.4g}{suffix}"
    if step == 0:
        return f"{value:.4g}"
    return f"{value:.{max(0, (_leads(step) == 2.5) - math.floor(math.log10(step) + 1e-9))}f}"


def figure(value: float) -> str:
    """Write a measured number: four significant digits, thousands parted; the words for what is no number."""
    if not math.isfinite(value):
        return "not a number" if math.isnan(value) else ("-∞" if value < 0 else "∞")
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    if 1000 <= abs(value) < 1e9:
        return f"{value:,.0f}"
    return f"{value:.4g}"


def _round(low: float, high: float, about: int) -> list[float]:
    step = _step(high - low, about)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [number * step for number in range(first, last + 1)]


def _step(span: float, about: int) -> float:
    """The 1, 2, 2.5 or 5 times a power of ten that parts the span into at most `about` pieces."""
    rough = span / about
    power = 10.0 ** math.floor(math.log10(rough))
    return next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * (1 - 1e-9))


def _leads(step: float) -> float:
    return round(step / 10.0 ** math.floor(math.log10(step) + 1e-9), 3)


def _digits(value: float, step: float) -> int:
    return max(0, math.floor(math.log10(abs(value))) - math.floor(math.log10(step) + 1e-9))


def _decades(low: float, high: float, about: int) -> list[float]:
    """Powers of ten; every second, third … where there are many, with their doubles and fives where there are few."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    inside = [power for power in range(first, last + 1) if low <= 10.0**power <= high]
    if len(inside) > 2:
        stride = -(-len(inside) // about)
        return [10.0**power for power in inside[::stride]]
    ticks = [factor * 10.0**power for power in range(first, last + 1) for factor in (1, 2, 5)]
    return [tick for tick in ticks if low <= tick <= high]
