"""Lines of output and their times, as engines write them and as Snowflake shows them."""

from __future__ import annotations

import calendar
import functools
import re
import time
from datetime import datetime

from local_account.runtime.model import LogLine

_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?)? ?(Z|[+-]\d\d:?\d\d)?")
_PIECE = 16 * 1024
_STAMP_LENGTH = len("2026-01-31T12:00:00.000000000Z")
_STAMPED = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:?\d\d) ?")


def stamp(time_ns: int) -> str:
    """Return a UTC time with nine digits always: clients sort these as text."""
    seconds, fraction = divmod(time_ns, 1_000_000_000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{fraction:09d}Z"


def parse_stamp(text: str) -> int | None:
    """Return the nanoseconds since 1970 of a date or a time, UTC unless it has a zone; None if it is neither."""
    match = _MOMENT.fullmatch(text.strip())
    if match is None:
        return None
    date, clock, fraction, zone = match.groups()
    stamped = _STAMPED.fullmatch(f"{date}T{clock or '00:00:00'}.{fraction or '0'}{zone or 'Z'}")
    try:
        return _nanoseconds(stamped) if stamped else None
    except ValueError:
        return None


def parse_line(line: str, stream: str) -> LogLine | None:
    """Return a line that begins with its time as LogLine, or None if it does not."""
    match = _STAMPED.match(line)
    return LogLine(_nanoseconds(match), stream, line[match.end() :]) if match else None


def lines_of(output: str) -> list[str]:
    """Return the lines of an engine's output."""
    # Only a newline ends a line: str.splitlines would also cut at carriage returns.
    return output.removesuffix("\n").split("\n") if output else []


def rejoined(line: str) -> str:
    """Return a line without the times inside it: docker keeps a long line as pieces of 16 KiB, each with its own."""
    if len(line) <= _PIECE:
        return line
    head = _STAMP_LENGTH + 1
    data = line.encode(errors="replace")
    pieces = [data[: head + _PIECE]]
    rest = data[head + _PIECE :]
    while rest:
        stamped = parse_line(rest[:head].decode(errors="replace"), "") is not None
        cut = head if stamped else 0
        pieces.append(rest[cut : cut + _PIECE])
        rest = rest[cut + _PIECE :]
    return b"".join(pieces).decode(errors="replace")


def newest(lines: list[LogLine], budget: int, stamped: bool) -> str:
    """Return the newest lines, joined by newlines, `budget` bytes at most.

    Of the line that does not fit the end is kept, so that an answer from which something is missing is a full one.
    """
    kept: list[str] = []
    for line in reversed(lines):
        text = f"{stamp(line.time_ns)} {line.text}" if stamped else line.text
        size = len(text.encode()) + 1
        if size > budget:
            kept.append(text.encode()[size - budget :].decode(errors="ignore"))
            break
        budget -= size
        kept.append(text)
    return "\n".join(reversed(kept))


def _nanoseconds(match: re.Match[str]) -> int:
    fraction = int((match[2] or "").ljust(9, "0"))
    return (_seconds(match[1]) - _offset(match[3])) * 1_000_000_000 + fraction


@functools.lru_cache(maxsize=256)
def _seconds(text: str) -> int:
    return calendar.timegm(time.strptime(text, "%Y-%m-%dT%H:%M:%S"))


@functools.lru_cache(maxsize=16)
def _offset(zone: str) -> int:
    if zone == "Z":
        return 0
    shift = datetime.strptime(zone.replace(":", ""), "%z").utcoffset()
    assert shift is not None
    return int(shift.total_seconds())
