"""How far a fetch has come: a bar on a terminal, elsewhere a line now and then."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from spcs.run.model import readable_size
from spcs.show.console import is_colourful, is_terminal, say

if TYPE_CHECKING:
    from rich.progress import Progress

    from spcs.run.model import Output

LINES = 10
"""At most so many lines tell of one fetch where there is no terminal."""


class Shown(Protocol):
    """What `shown` gives: a `spcs.run.fetch.FetchView`."""

    def arrived(self, count: int, size: int) -> None: ...
    def notice(self, text: str) -> None: ...


@contextmanager
def shown(outputs: Sequence[Output]) -> Iterator[Shown]:
    """Show how these outputs arrive."""
    total = sum(output.size for output in outputs)
    if not is_terminal(sys.stderr):
        yield _Lines(len(outputs), total)
        return
    with _bar() as bar:
        yield _Bar(bar, total)


class _Lines:
    def __init__(self, count: int, total: int) -> None:
        self._count, self._total = count, total
        self._files = self._bytes = self._said = 0

    def arrived(self, count: int, size: int) -> None:
        self._files, self._bytes = self._files + count, self._bytes + size
        step = LINES * self._bytes // max(1, self._total)
        if self._said < step < LINES:
            self._said = step
            say(f"{self._files} of {self._count} files, {readable_size(self._bytes)} of {readable_size(self._total)}")

    def notice(self, text: str) -> None:
        say(text, "warn")


class _Bar:
    def __init__(self, bar: Progress, total: int) -> None:
        self._bar, self._task = bar, bar.add_task("", total=total)

    def arrived(self, count: int, size: int) -> None:
        self._bar.advance(self._task, size)

    def notice(self, text: str) -> None:
        self._bar.console.print(text, markup=False, highlight=False)


def _bar() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

    console = Console(stderr=True, no_color=not is_colourful(sys.stderr))
    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, transient=True)
