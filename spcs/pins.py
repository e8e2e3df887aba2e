"""Pins: the packages that settings choose, each at one exact version, and which packages are heavy.

torch and its companions are gigabytes that change seldom. They make an image's layer of their own, so that a new
version of a light package re-sends megabytes only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from spcs.errors import SettingsProblem

# What PyTorch's own indexes have; all else comes from the usual one.
OF_PYTORCH = ("torch", "torchaudio", "torchvision")
HEAVY = re.compile(r"torch|torchvision|torchaudio|(pytorch-)?triton|nvidia-.+|cuda-.+")
PACKAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(\[[A-Za-z0-9._,\s-]+\])?")
VERSION = re.compile(r"[0-9][A-Za-z0-9.!+_-]*")


def lines(pins: Mapping[str, str]) -> tuple[str, ...]:
    """`pins` (package, extras allowed → exact version) as requirement lines, `name==version`, in alphabetical order.

    Raises SettingsProblem for a pin that is not exact.
    """
    return tuple(_line(name, version) for name, version in sorted(pins.items(), key=lambda pin: plain(pin[0])))


def is_heavy(pin: str) -> bool:
    """Does the package (a name, or a line) belong in the layer of torch and its companions?"""
    return HEAVY.fullmatch(plain(pin)) is not None


def plain(pin: str) -> str:
    """The name of a package (or of a line's) as indexes compare it: lower case, no extras, runs of `-_.` as one `-`."""
    name = pin.partition("==")[0].partition("[")[0]
    return re.sub(r"[-_.]+", "-", name).strip().lower()


def _line(name: str, version: str) -> str:
    if not PACKAGE.fullmatch(name):
        raise SettingsProblem(f"pins: '{name}' is not the name of a package", fix="write it as an index spells it")
    if not VERSION.fullmatch(version):
        raise SettingsProblem(
            f"pins.{name}: '{version}' is not one exact version",
            why="the image must come out the same on every machine",
            fix=f'name one version in invoke.yaml, such as {name}: "1.2.3"',
        )
    return f"{''.join(name.split())}=={version}"
