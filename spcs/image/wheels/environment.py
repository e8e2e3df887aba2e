"""What the commands of `Dockerfile.j2` leave behind that are no packages: a user, folders, a virtual environment."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Sequence
from typing import TypeVar

from spcs.image.layers import Rights, Writer
from spcs.image.wheels.install import Venv
from spcs.image.wheels.recipe import MakeFolder, MakeGroup, MakeUser, MakeVenv, Step
from spcs.image.wheels.system import GROUP, PASSWD, System

T = TypeVar("T")
Made = MakeGroup | MakeUser | MakeFolder | MakeVenv


def rights(steps: Sequence[Step], system: System) -> dict[str, Rights]:
    """The rights of all folders that are not the usual ones, those of the base and those of the image's user."""
    owned = [step for step in steps if isinstance(step, MakeFolder) and step.owner]
    return {**system.folders, **{system.place(each.path): Rights(0o755, each.owner, each.owner) for each in owned}}


def make(steps: Sequence[Made], system: System, layer: Writer) -> None:
    """Write what the steps leave behind."""
    users = [f"{user.name}:x:{user.number}:{user.group}::{user.home}:/bin/sh" for user in _of(MakeUser, steps)]
    _list(PASSWD, system.passwd, users, layer)
    _list(GROUP, system.group, [f"{group.name}:x:{group.number}:" for group in _of(MakeGroup, steps)], layer)
    for step in steps:
        if isinstance(step, MakeFolder):
            layer.folder(system.place(step.path))
        elif isinstance(step, MakeVenv):
            _venv(Venv(step.path, minor(system)), system, layer)


def minor(system: System) -> str:
    """The minor version of the system's Python, such as `3.11`."""
    return ".".join(system.python.split(".")[:2])


def _of(kind: type[T], steps: Iterable[object]) -> list[T]:
    return [step for step in steps if isinstance(step, kind)]


def _list(path: str, before: str, lines: Sequence[str], layer: Writer) -> None:
    """Add lines to one of the lists of users and groups; a name that is there stays what it is."""
    known = {line.partition(":")[0] for line in before.splitlines()}
    new = [line for line in lines if line.partition(":")[0] not in known]
    if new:
        text = before if before.endswith("\n") or not before else f"{before}\n"
        layer.file(path, (text + "".join(f"{line}\n" for line in new)).encode(errors="surrogateescape"))


def _venv(venv: Venv, system: System, layer: Writer) -> None:
    """What `python3 -m venv` makes, but for pip and the scripts for shells, which a job has no use for."""
    python = f"python{venv.python}"
    settings = {
        "home": posixpath.dirname(system.python3),
        "include-system-site-packages": "false",
        "version": system.python,
        "executable": system.interpreter,
        "command": f"{system.python3} -m venv {venv.folder}",
    }
    layer.folder(f"{venv.folder}/bin")
    layer.link(f"{venv.folder}/bin/python", "python3")
    layer.link(f"{venv.folder}/bin/python3", system.python3)
    layer.link(f"{venv.folder}/bin/{python}", "python3")
    layer.folder(f"{venv.folder}/include/{python}")
    layer.folder(venv.packages)
    layer.link(f"{venv.folder}/lib64", "lib")
    layer.file(f"{venv.folder}/pyvenv.cfg", "".join(f"{key} = {value}\n" for key, value in settings.items()).encode())
