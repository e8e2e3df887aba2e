"""A push as it goes: bars with bytes and rate on a terminal, else a line for each layer."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from spcs.image.progress import Layer, Watch
from spcs.show.console import is_terminal, say

#: Seconds without a line after which the logs of a pipeline hear that a layer still moves: some end what is silent.
SILENCE = 60


@contextmanager
def push_meter() -> Iterator[Watch]:
    """Shows what it is told of layers, until the context is left; nothing for a push that sends nothing."""
    if not is_terminal(sys.stderr):
        yield Lines()
        return
    bars = Bars()
    try:
        yield bars
    finally:
        bars.stop()


class Lines:
    """One line a layer, when it is over; one a minute while nothing is over."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._started: dict[str, float] = {}
        self._last = clock()

    def __call__(self, layer: Layer) -> None:
        now = self._clock()
        seconds = now - self._started.setdefault(layer.name, now)
        if layer.state == "there":
            self._say(f"layer {layer.name}: already there", now)
        elif layer.state == "sent":
            self._say(
                f"layer {layer.name}: {amount(layer.total)} sent in {seconds:.1f} s{rate(layer.total, seconds)}", now
            )
        elif now - self._last > SILENCE:
            of = f" of {amount(layer.total)}" if layer.total else ""
            self._say(f"layer {layer.name}: {amount(layer.done)}{of}{rate(layer.done, seconds)}", now)

    def _say(self, text: str, now: float) -> None:
        say(text)
        self._last = now


class Bars:
    """A bar a layer, with bytes and rate. What is said meanwhile appears above them."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

        columns = (TextColumn("layer {task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
        self._progress = Progress(*columns, console=Console(stderr=True))
        self._bars: dict[str, int] = {}

    def __call__(self, layer: Layer) -> None:
        if layer.state == "there":
            return
        if layer.name not in self._bars:
            self._progress.start()
            self._bars[layer.name] = self._progress.add_task(layer.name, total=layer.total or None)
        bar = self._progress
        bar.update(self._bars[layer.name], completed=layer.done, total=layer.total or None)  # type: ignore[arg-type]

    def stop(self) -> None:
        self._progress.stop()


def amount(count: int) -> str:
    """`336.9 MB`; `all` where it went too fast to be told."""
    if not count:
        return "all"
    value, units = float(count), iter(("B", "kB", "MB", "GB"))
    unit = next(units)
    while value >= 1000 and unit != "GB":
        value, unit = value / 1000, next(units)
    return f"{value:.1f} {unit}" if unit != "B" else f"{count} B"


def rate(count: int, seconds: float) -> str:
    """` (27.2 MB/s)`, empty where there is nothing to divide."""
    return f" ({amount(int(count / seconds))}/s)" if count and seconds >= 0.1 else ""
