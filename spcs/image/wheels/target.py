"""The machine that an image is for: which wheels run there, and what markers say of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from packaging.tags import Tag, compatible_tags, cpython_tags

MACHINES: Final = {"amd64": "x86_64", "arm64": "aarch64"}
# PEP 600: the names of before, and the first glibc that an architecture has wheels for.
LEGACY: Final = {(2, 17): "manylinux2014", (2, 12): "manylinux2010", (2, 5): "manylinux1"}
FIRST: Final = {"x86_64": 5, "aarch64": 17}


@dataclass(frozen=True)
class Target:
    """`python` is the interpreter's full version (`3.11.9`, or `3.11` where no more is known), `glibc` its own."""

    architecture: str
    python: str
    glibc: tuple[int, int]

    def __str__(self) -> str:
        return f"Python {self.minor} on linux/{self.architecture} (glibc {self.glibc[0]}.{self.glibc[1]})"

    @property
    def minor(self) -> str:
        return ".".join(self.python.split(".")[:2])

    @property
    def machine(self) -> str:
        return MACHINES[self.architecture]

    @cached_property
    def platforms(self) -> tuple[str, ...]:
        """The platforms whose wheels run there, the newest first."""
        return (*self._manylinux(), f"linux_{self.machine}")

    @cached_property
    def tags(self) -> dict[Tag, int]:
        """The tags of the wheels that run there, with their place: the least is the best."""
        version = tuple(int(part) for part in self.minor.split("."))
        own = f"cp{version[0]}{version[1]}"
        found = (
            *cpython_tags(version, abis=[own], platforms=self.platforms),
            *compatible_tags(version, interpreter=own, platforms=self.platforms),
        )
        return {tag: place for place, tag in enumerate(found)}

    @property
    def environment(self) -> dict[str, str]:
        """What markers (`; sys_platform == "linux"`) are judged by."""
        full = self.python if self.python.count(".") > 1 else f"{self.python}.0"
        return {
            "implementation_name": "cpython",
            "implementation_version": full,
            "os_name": "posix",
            "platform_machine": self.machine,
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_system": "Linux",
            "platform_version": "",
            "python_full_version": full,
            "python_version": self.minor,
            "sys_platform": "linux",
        }

    def _manylinux(self) -> Iterator[str]:
        major, newest = self.glibc
        for minor in range(newest, FIRST[self.machine] - 1, -1):
            yield f"manylinux_{major}_{minor}_{self.machine}"
            if (major, minor) in LEGACY:
                yield f"{LEGACY[major, minor]}_{self.machine}"
