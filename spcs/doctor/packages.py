"""The packages of this Python against the pins of requirements.txt."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from importlib import metadata

from spcs.doctor.model import Check, Finding, Ground, NotChecked, fail, ok, warn

FILE = "requirements.txt"
REMEDY = "python3 -m spcs.venv"
_PIN = re.compile(r"(?P<name>[A-Za-z0-9._-]+)(?:\[[^]]*\])?==(?P<version>[^\s;#]+)")


def look(ground: Ground) -> Finding:
    try:
        pins = list(pinned((ground.root / FILE).read_text().splitlines()))
    except OSError as error:
        raise NotChecked(f"there is no {FILE}") from error
    missing = [name for name, _, found in pins if not found]
    other = [f"{name} is {found}, not {wanted}" for name, wanted, found in pins if found and found != wanted]
    if missing:
        return fail(f"missing from this Python: {_few(missing)}", REMEDY)
    if other:
        return warn(f"other versions than {FILE} pins: {_few(other)}", REMEDY)
    return ok(f"all {len(pins)} packages are as {FILE} pins them")


def pinned(lines: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    """Each pin as name, version, and the version that is installed: `2.13.0+cpu` counts as `2.13.0`."""
    for line in lines:
        if pin := _PIN.match(line):
            yield pin["name"], pin["version"], _installed(pin["name"]).partition("+")[0]


def _installed(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def _few(texts: list[str]) -> str:
    return ", ".join(texts[:4]) + (f" and {len(texts) - 4} more" if len(texts) > 4 else "")


CHECK = Check("packages", "machine", f"the installed packages against {FILE}", look)
