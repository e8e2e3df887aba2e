"""A run as it goes, on a terminal: its log lines, and below them how it is. Elsewhere plain lines (`RunView`)."""

from __future__ import annotations

import math
import os
import sys
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from spcs.run.measures import PLACES, measurement
from spcs.run.model import LogLine, Run, Snapshot, State
from spcs.show import curves
from spcs.show.console import Tone, is_colourful, is_terminal
from spcs.show.runs import TONES, RunView, duration, number

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

#: Seconds between two drawings; what comes in between appears together.
BEAT = 0.25
SPARKS = "▁▂▃▄▅▆▇█"
_WIDE = 30  # values in a sparkline
_STYLES: dict[Tone, str] = {"good": "green", "warn": "yellow", "bad": "red", "quiet": "dim", "name": "bold"}


@contextmanager
def run_view(run: Run, *, as_json: bool = False, hourly: float | None = None) -> Iterator[RunView]:
    """The view of a run for where this goes; `hourly` is what the run costs in credits, if that is known."""
    whole = is_terminal(sys.stdout) and is_terminal(sys.stderr) and os.environ.get("TERM") != "dumb"
    view = LiveView(run, hourly) if whole and not as_json else RunView(as_json=as_json)
    try:
        yield view
    finally:
        view.close()


class Progress:
    """What a run's log lines measure, as far as it fits below them: where it is, and the last values of each name."""

    def __init__(self) -> None:
        self.places: dict[str, float] = {}
        self._values: dict[str, deque[float]] = {}

    def take(self, text: str) -> None:
        found = measurement(text)
        self.places |= {name: value for name, value in found.items() if name in PLACES}
        for name, value in found.items():
            if name not in PLACES and value is not None and math.isfinite(value):
                self._values.setdefault(name, deque(maxlen=_WIDE)).append(value)

    @property
    def main(self) -> tuple[str, Sequence[float]]:
        """The measurement that says most, the loss as a rule, and its last values."""
        name = curves.main(dict.fromkeys(self._values, ()))
        return name, tuple(self._values.get(name, ()))

    @property
    def speed(self) -> tuple[str, float] | None:
        """The throughput, if one is measured."""
        found = [name for name in self._values if curves.section(name) == curves.SPEED and "per_s" in name]
        return (found[0], self._values[found[0]][-1]) if found else None


def spark(values: Sequence[float], encoding: str = "utf-8") -> str:
    """Draw the values in a line of blocks; nothing where they are too few, or the terminal has no blocks."""
    if len(values) < 2 or not encoding.lower().replace("-", "").startswith("utf"):
        return ""
    low, high = min(values), max(values)
    steps = len(SPARKS) - 1
    return "".join(SPARKS[round((value - low) / (high - low) * steps) if high > low else 0] for value in values)


def below(
    run: Run,
    snapshot: Snapshot,
    progress: Progress,
    now: datetime,
    hourly: float | None = None,
    encoding: str = "utf-8",
) -> list[list[tuple[str, Tone]]]:
    """Return what stands below the log: lines of (text, tone). `now` is aware; the tone says nothing that is not in the
    text."""
    word = "waiting" if snapshot.state is State.PENDING else snapshot.state.word
    started = min((c.started for c in snapshot.containers if c.started), default=None)
    since = snapshot.created if snapshot.state is State.PENDING else started or snapshot.created
    age = max(0.0, (now - since).total_seconds()) if since else 0.0
    first: list[tuple[str, Tone]] = [(f"{word} {duration(age)}", TONES.get(snapshot.state, "warn")), (run.name, "name")]
    first.append((_place(snapshot), "plain"))
    if hourly is not None and started:
        first.append((f"about {number(hourly * age / 3600)} credits", "plain"))
    second = _measured(progress, encoding)
    if snapshot.waits_for:
        second.insert(0, (snapshot.waits_for, "warn"))
    return [first, second] if second else [first]


def _place(snapshot: Snapshot) -> str:
    """Where it runs: the pool, and how many of its replicas do."""
    instances = {c.instance for c in snapshot.containers}
    running = {c.instance for c in snapshot.containers if c.status == "READY"}
    pool = f"pool {snapshot.pool}" if snapshot.pool else ""
    return ", ".join(filter(None, (pool, f"{len(running)} of {len(instances)} replicas" if len(instances) > 1 else "")))


def _measured(progress: Progress, encoding: str) -> list[tuple[str, Tone]]:
    found: list[tuple[str, Tone]] = [(f"{name} {number(value)}", "plain") for name, value in progress.places.items()]
    name, values = progress.main
    if values:
        found.append((f"{name} {number(values[-1])} {spark(values, encoding)}".rstrip(), "good"))
    if speed := progress.speed:
        found.append((f"{speed[1]:,.0f} {speed[0].replace('_per_s', '/s')}", "plain"))
    return found


class LiveView(RunView):
    """Log lines as they come, and below them the state, age, place, measurements and credits. Once closed, plain.

    A thread of its own draws, so that Ctrl-C never strikes half a drawing.
    """

    def __init__(self, run: Run, hourly: float | None = None) -> None:
        super().__init__()
        self._run, self._hourly = run, hourly
        self._snapshot: Snapshot | None = None
        self._progress = Progress()
        self._said: deque[tuple[str, Tone]] = deque()
        self._notes: set[str] = set()
        self._closed = threading.Event()
        self._drawing = threading.Thread(target=self._draw_on, name="live", daemon=True)
        self._drawing.start()

    def state(self, snapshot: Snapshot) -> None:
        """The state stands below the lines; what is special about how it runs is said once among them."""
        if self._closed.is_set():
            return super().state(snapshot)
        self._several = self._several or len(snapshot.containers) > 1
        for note in {c.note for c in snapshot.containers if c.note} - self._notes:
            self._notes.add(note)
            self.notice(note)
        self._snapshot = snapshot

    def line(self, line: LogLine) -> None:
        if self._closed.is_set():
            return super().line(line)
        self._progress.take(line.text)
        self._said.append((self.written(line), "plain"))

    def notice(self, text: str) -> None:
        if self._closed.is_set():
            return super().notice(text)
        self._said.append((text, "warn"))

    def close(self) -> None:
        """Leave the lines on the terminal, and nothing below them."""
        self._closed.set()
        self._drawing.join()

    def _draw_on(self) -> None:
        from rich.console import Console
        from rich.live import Live

        console = Console(highlight=False, emoji=False, color_system="auto" if is_colourful(sys.stdout) else None)
        with Live(
            console=console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False
        ) as live:
            while not self._closed.wait(BEAT):
                self._draw(console)
                if self._snapshot is not None:
                    live.update(self._below(self._snapshot, console), refresh=True)
            self._draw(console)

    def _draw(self, console: Console) -> None:
        """Put what was said above. A line may have colours of its own; the terminal wraps it, so it is copied whole."""
        from rich.text import Text

        said = [self._said.popleft() for _ in range(len(self._said))]
        if said:
            lines = (Text.from_ansi(text, style=_STYLES.get(tone, "")) for text, tone in said)
            console.print(Text("\n").join(lines), soft_wrap=True)

    def _below(self, snapshot: Snapshot, console: Console) -> Text:
        from rich.text import Text

        shown = below(self._run, snapshot, self._progress, datetime.now(UTC), self._hourly, console.encoding)
        drawn = [Text("  ").join(Text(text, _STYLES.get(tone, "")) for text, tone in line if text) for line in shown]
        for line in drawn:
            line.truncate(console.width, overflow="ellipsis")
        return Text("\n", no_wrap=True).join(drawn)
