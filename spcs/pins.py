"""The packages of an image, told apart by weight: torch and its companions are gigabytes that change seldom.

Two requirement files make two layers, so that a new version of a light package re-sends megabytes only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from spcs.errors import SettingsProblem

HEAVY = re.compile(r"torch|torchvision|torchaudio|(pytorch-)?triton|nvidia-.+|cuda-.+")
PACKAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(\[[A-Za-z0-9._,\s-]+\])?")
VERSION = re.compile(r"[0-9][A-Za-z0-9.!+_-]*")


class Split(NamedTuple):
    """Requirement lines (`name==version`), each half in alphabetical order."""

    heavy: tuple[str, ...]
    light: tuple[str, ...]


def split(pins: Mapping[str, str]) -> Split:
    """Divide `pins` (package, extras allowed → exact version); raises SettingsProblem for a pin that is not exact."""
    lines = {name: _line(name, version) for name, version in sorted(pins.items(), key=lambda pin: plain(pin[0]))}
    return Split(
        heavy=tuple(line for name, line in lines.items() if is_heavy(name)),
        light=tuple(line for name, line in lines.items() if not is_heavy(name)),
    )


def is_heavy(name: str) -> bool:
    """Does the package belong in the layer of torch and its companions?"""
    return HEAVY.fullmatch(plain(name)) is not None


def plain(name: str) -> str:
    """The package's name as indexes compare it: lower case, without extras, runs of `-_.` as one `-`."""
    return re.sub(r"[-_.]+", "-", name.partition("[")[0]).strip().lower()


def _line(name: str, version: str) -> str:
    if not PACKAGE.fullmatch(name):
        raise SettingsProblem(f"pins: '{name}' is not the name of a package", fix="write it as an index spells it")
    if not VERSION.fullmatch(version):
        raise SettingsProblem(
            f"pins.{name}: '{version}' is not one exact version",
            why="the image must come out the same on every machine",
            fix=f'name one version in invoke.yaml, such as {name}: "1.2.3"',
        )
    return f"{name}=={version}"
