"""Spans of time and moments as they are typed: `90`, `30s`, `10m`, `1h30m`, `2026-11-27T12:00:00Z`."""

from __future__ import annotations

import re
import time

from spcs.errors import SettingsProblem
from spcs.run.overlap import nanoseconds

_UNITS = {"d": 86_400, "h": 3600, "m": 60, "s": 1}
_SPAN = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s?)?")


def seconds(text: str, option: str) -> float:
    """Return a span in seconds; `option` is named where it is none."""
    found = _SPAN.fullmatch(text.strip())
    if not found or not text.strip():
        raise SettingsProblem(f"{option} {text!r} is no span of time", fix="write it as 90, 30s, 10m or 1h30m")
    return sum(float(part) * unit for part, unit in zip(found.groups(), _UNITS.values(), strict=True) if part)


def since(text: str, now: float | None = None) -> int:
    """Return from when on lines are wanted, in nanoseconds since the epoch: so long ago, or at that moment."""
    moment = nanoseconds(text.strip())
    if moment is not None:
        return moment
    try:
        ago = seconds(text, "--since")
    except SettingsProblem:
        fix = "write how long ago (30s, 10m, 1h30m, 7d), or a time such as 2026-11-27T12:00:00Z"
        raise SettingsProblem(f"--since {text!r} is no span of time, and no moment either", fix=fix) from None
    return int(((time.time() if now is None else now) - ago) * 1_000_000_000)
