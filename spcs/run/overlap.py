"""From overlapping answers to one stream: parse a log text, drop what was seen, merge several sources by time.

Pure functions and small state, no account. Snowflake hands out the *newest* part of a container's log (at most
100 KB), so each poll asks from a little before the last line it has, and what comes twice is dropped by time and text.
An answer without any known line means that lines between were cut off from the answer: a gap.
"""

from __future__ import annotations

import heapq
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from time import monotonic

from spcs.run.model import LogLine

# Two streams (stdout, stderr) may be stamped a moment out of order; a poll looks back this far for such latecomers.
LOOK_BACK = 50_000_000
# What Snowflake cuts an answer to, less room for the one line that did not fit any more.
FULL_BYTES = 95_000
# Of how many last records, and by how many last characters, the end of a huge line is known again.
_LAST = 200

_STAMPED = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d) ?(.*)", re.DOTALL)


def nanoseconds(stamp: str) -> int | None:
    """Read an RFC 3339 time as nanoseconds since the epoch; None if it is not one."""
    found = _STAMPED.fullmatch(stamp)
    return _nanoseconds(found) if found and not found[4] else None


def parse(text: str, instance: int, container: str) -> list[LogLine]:
    """Read the text of SYSTEM$GET_SERVICE_LOGS (with timestamps) into lines, in the order of the text.

    A line without a time of its own takes that of the line before it. One at the very start is the rest of a line that
    was cut off, and is dropped; the missing line then shows as a gap.
    """
    lines: list[LogLine] = []
    for raw in text.split("\n"):
        found = _STAMPED.fullmatch(raw)
        if found:
            lines.append(LogLine(_nanoseconds(found), instance, container, found[4].removesuffix("\r")))
        elif raw and lines:
            lines.append(LogLine(lines[-1].time, instance, container, raw.removesuffix("\r")))
    return lines


def is_full(text: str) -> bool:
    """Tell whether an answer was probably cut to the newest 100 KB."""
    return len(text) >= FULL_BYTES or len(text.encode()) >= FULL_BYTES


class Source:
    """The log of one container of one instance, and how far it has been given out; from `since` on, if given."""

    def __init__(self, instance: int, container: str, since: int | None = None) -> None:
        self.instance = instance
        self.container = container
        self.last: int | None = None
        self.restarts = 0
        self._began = since
        self._anew = False
        self._seen: Counter[tuple[int, str]] = Counter()

    @property
    def key(self) -> tuple[int, str]:
        return self.instance, self.container

    @property
    def since(self) -> int | None:
        """From when to ask next, in nanoseconds; None for the beginning."""
        if self.last is None:
            return self._began
        return max(self.last - LOOK_BACK, self._began or 0)

    def restart(self, restarts: int) -> None:
        """Note that the container began anew: its log has no line that is known."""
        self.restarts, self._anew = restarts, True

    def has_gap(self, lines: list[LogLine], full: bool) -> bool:
        """Tell whether lines are missing between what was given out and `lines`."""
        if self.last is None or self._anew:
            self._anew = self._anew and not lines
            return full
        if not lines:  # the end of a line that is larger than an answer
            return full
        return not any(_key(line) in self._seen for line in lines)

    def fresh(self, lines: list[LogLine]) -> list[LogLine]:
        """Return the lines not yet given out, in order, and count them as given out."""
        met: Counter[tuple[int, str]] = Counter()
        new = []
        oldest = 0 if self.since is None else self.since // 1000
        for line in lines:
            key = _key(line)
            if key[0] < oldest:  # the server may round `since` down, to a whole second
                continue
            met[key] += 1
            if met[key] > self._seen[key]:
                new.append(line)
        self._remember(new)
        return new

    def _remember(self, new: list[LogLine]) -> None:
        if not new:
            return
        self._seen.update(map(_key, new))
        self.last = max(max(line.time for line in new), self.last or 0)
        oldest = (self.last - LOOK_BACK) // 1000
        self._seen = Counter({key: count for key, count in self._seen.items() if key[0] >= oldest})


class Gap:
    """Lines missing before an answer. What comes after them is held until records bridge it."""

    def __init__(self, source: Source, lines: list[LogLine], text: str, full: bool) -> None:
        self.front = Source(source.instance, source.container, since=source.since)
        self.began = monotonic()
        self.certain = False
        """Was an answer cut? Else the server may only have left out what is known here."""
        self.held: list[LogLine] = []
        self.until: int | None = None
        """Up to when records are needed, in nanoseconds; None for all that there are."""
        self._cut = ""
        self._note(lines, text, full)
        self.held += self.front.fresh(lines)

    def grow(self, lines: list[LogLine], text: str, full: bool) -> None:
        """Take a later answer, before which lines may be missing in turn."""
        if self.front.has_gap(lines, full):
            self._note(lines, text, full)
        self.held += self.front.fresh(lines)

    def is_bridged(self, recorded: list[LogLine]) -> bool:
        """Tell whether records reach what is held: its first line, or, of a line larger than an answer, its end."""
        if self.until is None:
            return bool(self._cut) and any(line.text.endswith(self._cut) for line in recorded[-_LAST:])
        return any(line.time // 1000 == self.until // 1000 for line in recorded)

    def _note(self, lines: list[LogLine], text: str, full: bool) -> None:
        self.certain = self.certain or full
        self.until = lines[0].time if lines else None
        self._cut = "" if lines else text.rstrip("\r\n")[-_LAST:]


class Merger:
    """Merges the sources' new lines by time.

    With several sources, a line waits one round: only when every source has been asked again is it sure that nothing
    older is still to come. With one source nothing waits.
    """

    def __init__(self) -> None:
        self._waiting: dict[tuple[int, str], list[tuple[int, LogLine]]] = {}
        self._horizon = 0

    def feed(self, batches: Mapping[tuple[int, str], list[LogLine]], until: int | None = None) -> list[LogLine]:
        """Take one round of new lines by (instance, container), give back the lines that are due, `until` a time."""
        self.take(batches)
        newest = max((queue[-1][0] for queue in self._waiting.values() if queue), default=0)
        horizon = newest if len(self._waiting) < 2 else self._horizon
        self._horizon = newest
        return self._release(horizon if until is None else min(horizon, until))

    def take(self, batches: Mapping[tuple[int, str], list[LogLine]]) -> None:
        """Take new lines of a round that was broken off: they are due with those of the next."""
        for source, lines in batches.items():
            self._waiting.setdefault(source, []).extend(_rising(lines))

    def flush(self) -> list[LogLine]:
        """Give back everything that still waits."""
        return self._release(self._horizon)

    def _release(self, horizon: int) -> list[LogLine]:
        due = []
        for source, queue in self._waiting.items():
            count = next((i for i, (time, _) in enumerate(queue) if time > horizon), len(queue))
            due.append(queue[:count])
            self._waiting[source] = queue[count:]
        return [line for _, line in heapq.merge(*due, key=lambda entry: entry[0])]


def _rising(lines: Iterable[LogLine]) -> list[tuple[int, LogLine]]:
    """Pair each line with a time that never falls, so that merging keeps each source's own order."""
    pairs, time = [], 0
    for line in lines:
        time = max(time, line.time)
        pairs.append((time, line))
    return pairs


def _key(line: LogLine) -> tuple[int, str]:
    # In microseconds: a line that came back through a table function has lost its last three digits.
    return line.time // 1000, line.text


def _nanoseconds(found: re.Match[str]) -> int:
    return _seconds(found[1] + found[3].replace("Z", "+00:00")) * 1_000_000_000 + int((found[2] or "0").ljust(9, "0"))


@lru_cache(maxsize=4096)
def _seconds(stamp: str) -> int:
    return int(datetime.fromisoformat(stamp).timestamp())
