"""The layers of an image: each step of the recipe as one, and each of the heavy wheels in one of its own.

A layer of packages is made once: what it is made of decides its key, and a receipt of that name says which blob it is.
Layers are made several at a time, and the wheels that only a missing layer needs are fetched before.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Final, NoReturn

from spcs.errors import BuildFailed, NotReady, SettingsProblem
from spcs.image.commands import Say
from spcs.image.inputs import ContextFile
from spcs.image.layers import Blobs, Layer, Writer
from spcs.image.wheels import environment
from spcs.image.wheels.fetch import Wheels
from spcs.image.wheels.install import BadWheel, Venv, add
from spcs.image.wheels.recipe import Copy, Install, MakeVenv, Recipe, Step
from spcs.image.wheels.system import System
from spcs.image.wheels.target import Target
from spcs.lock.model import Requirement, Unreadable, requirements_of

# Raise it when the same wheel comes to another layer than before.
FORMAT: Final = 2


@dataclass(frozen=True)
class Planned:
    """A layer to be: its name, what writes it, or which packages go into it."""

    name: str
    fill: Callable[[Writer], None] | None = None
    packages: tuple[Requirement, ...] = ()


class Assembly:
    """One image's layers, as blobs; `kept` is the folder of wheels and receipts."""

    def __init__(
        self, recipe: Recipe, files: Sequence[ContextFile], system: System, target: Target, blobs: Blobs, kept: Path,
        say: Say,
    ) -> None:  # fmt: skip
        self._recipe, self._files, self._system, self._target = recipe, files, system, target
        self._blobs, self._kept, self._say = blobs, kept, say
        self._rights = environment.rights(recipe.steps, system)
        self._venv = Venv(next((step.path for step in recipe.steps if isinstance(step, MakeVenv)), ""), target.minor)

    def layers(self) -> list[Layer]:
        """All layers above those of the base, the lowest first; raises BuildFailed, or NotReady without a lock."""
        planned = list(self._planned())
        known = {each: self._known(each) for each in planned if each.packages}
        lacking = [each for each in planned if known.get(each) is None]
        wheels = self._fetch([package for each in lacking for package in each.packages])
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            # The heavy ones take longest.
            begun = {each: pool.submit(self._write, each, wheels) for each in sorted(lacking, key=_is_light)}
            return [known.get(each) or begun[each].result() for each in planned]

    def _planned(self) -> Iterator[Planned]:
        for is_made, steps in itertools.groupby(self._recipe.steps, lambda step: not isinstance(step, Copy | Install)):
            if is_made:
                made = [step for step in steps if not isinstance(step, Copy | Install)]
                fill = partial(environment.make, made, self._system)
                yield Planned("user, folders, virtual environment", fill)
            else:
                yield from (planned for step in steps for planned in self._of(step))

    def _of(self, step: Step) -> Iterator[Planned]:
        if isinstance(step, Copy):
            yield Planned(f"COPY {step.source} {step.target}", partial(self._copy, step))
        elif isinstance(step, Install):
            packages = self._packages(step) if self._venv.folder else _no_venv(step)
            yield from (Planned(each.pin, packages=(each,)) for each in packages if each.heavy)
            light = tuple(each for each in packages if not each.heavy)
            if light:
                yield Planned(f"{len(light)} packages of {PurePosixPath(step.path).name}", packages=light)

    def _write(self, planned: Planned, wheels: Mapping[Requirement, Path]) -> Layer:
        layer = self._blobs.write(planned.name, planned.fill or partial(self._install, planned, wheels), self._rights)
        if planned.packages:
            receipt = self._receipt(planned)
            receipt.parent.mkdir(parents=True, exist_ok=True)
            receipt.write_text(json.dumps(asdict(layer), indent=2) + "\n")
            self._say(f"packed {planned.name} ({layer.size / 1e6:.1f} MB)")
            for package in planned.packages:
                if package.heavy:  # gigabytes need not lie there twice
                    wheels[package].unlink()
        return layer

    def _install(self, planned: Planned, wheels: Mapping[Requirement, Path], layer: Writer) -> None:
        for package in planned.packages:
            try:
                add(wheels[package], self._venv, layer)
            except BadWheel as error:
                raise BuildFailed(
                    f"{package.pin} cannot be put into the image", why=str(error), fix="pin another version of it"
                ) from error

    def _copy(self, step: Copy, layer: Writer) -> None:
        for path, file in self._copies(step):
            layer.file(self._system.place(path), file.content, executable=file.executable)

    def _copies(self, step: Copy) -> Iterator[tuple[str, ContextFile]]:
        """The files that a step copies, each with its path in the image."""
        inside = "" if step.source == "." else f"{step.source}/"
        found = [file for file in self._files if file.path == step.source or file.path.startswith(inside)]
        if not found:
            raise SettingsProblem(
                f"COPY {step.source}: there is no such file among those that enter the image",
                fix="name it in image.code, or in the job's own code",
            )
        for file in found:
            name = PurePosixPath(file.path)
            rest = file.path.removeprefix(inside) if file.path != step.source else name.name if step.into else ""
            yield str(PurePosixPath(step.target) / rest), file

    def _packages(self, step: Install) -> tuple[Requirement, ...]:
        copies = [copied for each in self._recipe.steps if isinstance(each, Copy) for copied in self._copies(each)]
        text = next((file.content.decode() for path, file in copies if path == step.path), "")
        try:
            return tuple(requirements_of(text))
        except Unreadable as error:
            raise NotReady(
                "without a container engine an image is made of locked packages alone, and these are not",
                why=f"{PurePosixPath(step.path).name}: {error}",
                fix="inv lock",
            ) from error

    def _fetch(self, wanted: Sequence[Requirement]) -> Mapping[Requirement, Path]:
        indexes = [index for step in self._recipe.steps if isinstance(step, Install) for index in step.indexes]
        return Wheels(self._kept / "wheels", self._target, list(dict.fromkeys(indexes)), self._say).fetch(wanted)

    def _known(self, planned: Planned) -> Layer | None:
        """The layer that was made of the same packages before, if its blob is still there."""
        try:
            layer = Layer(**json.loads(self._receipt(planned).read_text()))
        except (OSError, ValueError, TypeError):
            return None
        return layer if self._blobs.has(layer.digest) else None

    def _receipt(self, planned: Planned) -> Path:
        parts = [str(FORMAT), str(self._target), self._venv.folder, repr(sorted(self._rights.items()))]
        parts += [line for package in planned.packages for line in package.lines]
        return self._kept / "layers" / f"{hashlib.sha256(chr(10).join(parts).encode()).hexdigest()}.json"


def _no_venv(step: Install) -> NoReturn:
    raise SettingsProblem(
        f"the Dockerfile installs {step.path} outside of a virtual environment",
        fix="make one before, as Dockerfile.j2 does, or build with Docker or Podman",
    )


def _is_light(planned: Planned) -> bool:
    return not any(package.heavy for package in planned.packages)
