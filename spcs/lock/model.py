"""A lock: every package of an image at one version, with the hashes of its artifacts, and what it was made for.

`locks/cpu.txt` is a requirements file that pip and uv read as it is. It holds for one Python and one platform, so no
line has a marker; `parse` turns it into a `Lock` and `text` back into the same bytes. Nothing in it names a machine: no
index, no path. What installs from it takes an artifact only if its sha256 is among the `hashes` of its requirement.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from spcs import pins

Kind = Literal["cpu", "cuda"]
"""Which builds of torch: those without a GPU, or those with CUDA. The pool's instance family decides."""

FIRST_LINE = "# Made by `inv lock` for the pins below. Change them in the settings, then run it again."
_INPUT = re.compile(r"# (kind|python|platform|pin): (\S+)")
_PACKAGE = re.compile(r"(?P<name>[a-z0-9][a-z0-9-]*)==(?P<version>[A-Za-z0-9.!+_-]+)( \\)?")
_HASH = re.compile(r"    --hash=(?P<hash>sha256:[0-9a-f]{64})( \\)?")
_VIA = re.compile(r"    #(?: via|  )(?: (?P<name>\S+)(?P<place> \(.+\))?)?")  # the place is that of the pins themselves


class Unreadable(Exception):
    """The text is no lock; the message says where and why."""


@dataclass(frozen=True)
class Inputs:
    """What a lock is made for. `pins` are lines (`name==version`, extras allowed) in alphabetical order, `python` is
    `3.11`, `platform` is `linux/amd64` or `linux/arm64`."""

    kind: Kind
    python: str
    platform: str
    pins: tuple[str, ...]


@dataclass(frozen=True)
class Requirement:
    """One package: its name as indexes compare it (`typing-extensions`), its version (with a local one: `2.13.0+cpu`).

    `hashes` (`sha256:…`, at least one) are those of all its artifacts: a wheel for each platform, and the sources.
    `via` are the packages that ask for it; none of them need, where it is a pin.
    """

    name: str
    version: str
    hashes: tuple[str, ...]
    via: tuple[str, ...] = ()

    @property
    def heavy(self) -> bool:
        """Does it belong in the image's layer of gigabytes that seldom change?"""
        return pins.is_heavy(self.name)

    @property
    def pin(self) -> str:
        """`name==version`"""
        return f"{self.name}=={self.version}"

    @property
    def lines(self) -> tuple[str, ...]:
        """What a requirements file says of it, so that pip takes one of its artifacts and no other."""
        *others, last = (self.pin, *(f"    --hash={digest}" for digest in self.hashes))
        return (*(f"{line} \\" for line in others), last)


@dataclass(frozen=True)
class Lock:
    """The whole list, in alphabetical order: what the `inputs` ask for and all that comes along."""

    inputs: Inputs
    requirements: tuple[Requirement, ...]

    @property
    def heavy(self) -> tuple[Requirement, ...]:
        return tuple(each for each in self.requirements if each.heavy)

    @property
    def light(self) -> tuple[Requirement, ...]:
        return tuple(each for each in self.requirements if not each.heavy)


def text(lock: Lock) -> str:
    """The lock as a file; the same lock gives the same bytes."""
    inputs = lock.inputs
    head = [FIRST_LINE, f"# kind: {inputs.kind}", f"# python: {inputs.python}", f"# platform: {inputs.platform}"]
    body = [line for each in lock.requirements for line in (*each.lines, *_via(each))]
    return "".join(f"{line}\n" for line in (*head, *(f"# pin: {pin}" for pin in inputs.pins), "", *body))


def parse(content: str) -> Lock:
    """The lock that `content` is; raises Unreadable for anything but what `text` writes."""
    head, _, body = content.partition("\n\n")
    inputs = _inputs(head)
    requirements = tuple(requirements_of(body))
    lacking = [name for name in map(pins.plain, inputs.pins) if name not in {each.name for each in requirements}]
    if lacking:
        raise Unreadable(f"it lacks {lacking[0]}, which is one of its pins")
    lock = Lock(inputs, requirements)
    if text(lock) != content:
        raise Unreadable("it was changed by hand")
    return lock


def requirements_of(body: str) -> Iterator[Requirement]:
    """The packages of a list as uv writes it (`--generate-hashes`); raises Unreadable for a line of any other kind."""
    lines = [line for line in body.splitlines() if line]
    while lines:
        line = lines.pop(0)
        package = _PACKAGE.fullmatch(line)
        if not package:
            raise Unreadable(f"'{line.strip()}' is neither a package with its version nor part of one")
        hashes = tuple(found["hash"] for found in _taken(lines, _HASH))
        if not hashes:
            raise Unreadable(f"{package['name']} has no hash")
        via = tuple(found["name"] for found in _taken(lines, _VIA) if found["name"] and not found["place"])
        yield Requirement(package["name"], package["version"], hashes, via)


def _taken(lines: list[str], pattern: re.Pattern[str]) -> Iterable[re.Match[str]]:
    """Take the lines off the top that match."""
    while lines and (found := pattern.fullmatch(lines[0])):
        lines.pop(0)
        yield found


def _via(requirement: Requirement) -> list[str]:
    if len(requirement.via) == 1:
        return [f"    # via {requirement.via[0]}"]
    return ["    # via", *(f"    #   {name}" for name in requirement.via)] if requirement.via else []


def _inputs(head: str) -> Inputs:
    found = [(match[1], match[2]) for line in head.splitlines() if (match := _INPUT.fullmatch(line))]
    values = dict(found)
    kind: Kind | None = "cpu" if values.get("kind") == "cpu" else "cuda" if values.get("kind") == "cuda" else None
    if kind is None or "python" not in values or "platform" not in values:
        raise Unreadable("its first lines do not say what it was made for")
    return Inputs(kind, values["python"], values["platform"], tuple(pin for key, pin in found if key == "pin"))
