"""Trying again where that can help: a registry that drops is asked again, a bit later each time, and not for ever."""

from __future__ import annotations

import email.utils
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from spcs.image.commands import Say

T = TypeVar("T")


class Failing(Exception):
    """What a registry or an engine did not do.

    `passes`: it may go well when tried again. `retry_after`: in how many seconds, where the other side said so.
    """

    passes: bool = False
    retry_after: float | None = None


@dataclass(frozen=True)
class Retries:
    """How often and how fast: `tries` in all, with pauses (in seconds) that double from `first` up to `longest`.

    Each pause is shortened by chance, so that many who were dropped at once do not come back at once. A registry that
    names its own pause is obeyed up to `longest`; one that asks for more than that is not waited for.
    """

    tries: int = 5
    first: float = 1
    longest: float = 60
    sleep: Callable[[float], None] = time.sleep

    def pause(self, tried: int, asked: float | None) -> float | None:
        """Seconds to wait after the try number `tried` (from 1) has failed; None if there shall be no other."""
        if tried >= self.tries or (asked is not None and asked > self.longest):
            return None
        most = min(self.first * 2 ** (tried - 1), self.longest)
        return asked if asked is not None else most * random.uniform(0.5, 1)

    def persist(self, do: Callable[[], T], say: Say) -> T:
        """What `do` returns, in the end; each new try is said in a line. Raises its last Failing."""
        tried = 1
        while True:
            try:
                return do()
            except Failing as failed:
                pause = self.pause(tried, failed.retry_after) if failed.passes else None
                if pause is None:
                    raise
                tried += 1
                say(f"{_short(failed)}; trying again in {pause:.0f} s (try {tried} of {self.tries})")
            self.sleep(pause)


ONCE = Retries(tries=1)


def seconds_of(retry_after: str | None) -> float | None:
    """What the header `Retry-After` asks for, which names seconds or a date; None if it is absent or makes no sense."""
    if not retry_after:
        return None
    if retry_after.strip().isdigit():
        return float(retry_after)
    try:
        until = email.utils.parsedate_to_datetime(retry_after).timestamp()
    except ValueError:
        return None
    return max(0.0, until - time.time())


def _short(failed: Failing) -> str:
    """The last line, which holds what went wrong."""
    lines = [line.strip() for line in str(failed).splitlines() if line.strip()]
    return lines[-1] if lines else type(failed).__name__
