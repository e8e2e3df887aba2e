"""The Python that runs the commands."""

from __future__ import annotations

import sys

from spcs.doctor.model import Check, Finding, Ground, fail, ok, warn

NEEDS = (3, 11)


def look(ground: Ground) -> Finding:
    return judge(sys.version_info[:3], NEEDS, in_venv=sys.prefix != sys.base_prefix)


def judge(version: tuple[int, ...], needs: tuple[int, ...], *, in_venv: bool) -> Finding:
    said, wanted = ".".join(map(str, version)), ".".join(map(str, needs))
    if version < needs:
        return fail(f"Python {said} is too old: {wanted} or newer is needed", "make PYTHON=/path/to/a/newer/one run")
    if not in_venv:
        return warn(f"Python {said} is not that of a virtual environment", "make venv, then source .venv/bin/activate")
    return ok(f"Python {said} ({wanted} or newer is needed)")


CHECK = Check("python", "machine", "the version of this Python", look)
