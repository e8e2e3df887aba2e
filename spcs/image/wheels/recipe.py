"""A Dockerfile read as a list of things to do without a container engine.

What it sets (ENV, USER, ENTRYPOINT, …) and copies is taken as it says. What it runs is not run: the commands of
`Dockerfile.j2` are known by their words, and what they do is done in another way. Any other command is refused.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Final

from spcs.errors import SettingsProblem
from spcs.image.inputs import INSTALLER

ROOT: Final = "/"
INDEX: Final = re.compile(r'--extra-index-url ("[^"]*")')


@dataclass(frozen=True)
class MakeGroup:
    name: str
    number: int


@dataclass(frozen=True)
class MakeUser:
    name: str
    number: int
    group: int
    home: str


@dataclass(frozen=True)
class MakeFolder:
    path: str
    owner: int = 0


@dataclass(frozen=True)
class MakeVenv:
    path: str


@dataclass(frozen=True)
class Copy:
    """A file of the context, or what is in a folder of it. `target` is the full path that it has then; a file goes
    `into` it where that is a folder."""

    source: str
    target: str
    into: bool


@dataclass(frozen=True)
class Install:
    """The packages of a requirements file that was copied to `path` before; `indexes` are asked besides pip's own."""

    path: str
    indexes: tuple[str, ...] = ()


Step = MakeGroup | MakeUser | MakeFolder | MakeVenv | Copy | Install


@dataclass(frozen=True)
class Recipe:
    """What is done, in order, and what is set in the end. Variables are those of the base, and the Dockerfile's own."""

    steps: tuple[Step, ...]
    variables: Mapping[str, str]
    labels: Mapping[str, str]
    folder: str
    user: str
    entrypoint: tuple[str, ...] | None
    command: tuple[str, ...] | None


class Refused(Exception):
    """An instruction that means nothing without a container engine."""


def read(dockerfile: str, variables: Mapping[str, str]) -> Recipe:
    """Read a Dockerfile whose base has `variables`; raises SettingsProblem for what only an engine can do."""
    reader = _Reader(dict(variables))
    for instruction, words in _instructions(dockerfile):
        try:
            reader.take(instruction, words)
        except Refused:
            shown = f"{instruction} {words}"
            raise SettingsProblem(
                f"without a container engine this cannot be done: {shown[:100]}{'…' if len(shown) > 100 else ''}",
                why="image.engine: wheels puts wheels and files into the image, but runs nothing in it",
                fix=_remedy(words),
            ) from None
    return reader.recipe()


def _remedy(words: str) -> str:
    if "apt-get" in words:
        return (
            "remove image.apt from invoke.yaml, or take a base that has those packages, or build with Docker or Podman"
        )
    return "remove it from the job's Dockerfile, or build with Docker or Podman"


@dataclass
class _Reader:
    """Goes through the instructions; holds what they have set so far."""

    variables: dict[str, str]
    steps: list[Step] = field(default_factory=list)
    labels: dict[str, str] = field(default_factory=dict)
    folder: str = ROOT
    user: str = ""
    entrypoint: tuple[str, ...] | None = None
    command: tuple[str, ...] | None = None
    bases: int = 0

    def take(self, instruction: str, words: str) -> None:
        known: Mapping[str, Callable[[str], None]] = {
            "FROM": self._from,
            "ENV": self._env,
            "LABEL": self._label,
            "WORKDIR": self._workdir,
            "USER": self._user,
            "ENTRYPOINT": self._entrypoint,
            "CMD": self._command,
            "COPY": self._copy,
            "RUN": self._run,
        }
        if instruction not in known:
            raise Refused
        known[instruction](words)

    def recipe(self) -> Recipe:
        return Recipe(
            tuple(self.steps), self.variables, self.labels, self.folder, self.user, self.entrypoint, self.command
        )

    def _from(self, words: str) -> None:
        self.bases += 1
        if self.bases > 1 or len(words.split()) > 1:  # stages, other platforms
            raise Refused

    def _env(self, words: str) -> None:
        self.variables |= dict(self._pairs(words))

    def _label(self, words: str) -> None:
        self.labels |= dict(self._pairs(words))

    def _workdir(self, words: str) -> None:
        self.folder = self._full(self._filled(words))
        self.steps.append(MakeFolder(self.folder))

    def _user(self, words: str) -> None:
        self.user = self._filled(words)

    def _entrypoint(self, words: str) -> None:
        self.entrypoint, self.command = _exec_form(words), None

    def _command(self, words: str) -> None:
        self.command = _exec_form(words)

    def _copy(self, words: str) -> None:
        listed = tuple(json.loads(words)) if words.startswith("[") else tuple(shlex.split(self._filled(words)))
        if len(listed) != 2 or listed[0].startswith("--") or any(mark in listed[0] for mark in "*?"):
            raise Refused
        source, target = listed
        if source == INSTALLER:  # what is installed here is installed by us
            return
        self.steps.append(Copy(str(PurePosixPath(source)), self._full(target), target.endswith(("/", "."))))

    def _run(self, words: str) -> None:
        for command in words.split("&&"):
            self.steps += _done_by(re.sub(r"^(\w+=\S+ )+", "", command.strip()))

    def _full(self, path: str) -> str:
        return str(PurePosixPath(self.folder) / path)

    def _filled(self, words: str) -> str:
        """The words with the variables in them replaced by what they are."""
        return re.sub(r"\$(\w+|\{\w+\})", lambda found: self.variables.get(found[1].strip("{}"), ""), words)

    def _pairs(self, words: str) -> Iterator[tuple[str, str]]:
        """`A=1 B="two words"` as pairs; `\\$` is a dollar."""
        for word in shlex.split(words.replace("\\$", "\0")):
            key, equals, value = word.partition("=")
            if not equals:
                raise Refused
            yield key, self._filled(value).replace("\0", "$")


def _done_by(command: str) -> tuple[Step, ...]:
    """What a command of `Dockerfile.j2` does; raises Refused for any other."""
    for pattern, steps in COMMANDS:
        if found := pattern.fullmatch(command):
            return steps(found)
    raise Refused


COMMANDS: Final[tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], tuple[Step, ...]]], ...]] = (
    (
        re.compile(r"groupadd --non-unique --gid (\d+) (\w+)"),
        lambda found: (MakeGroup(found[2], int(found[1])),),
    ),
    (
        re.compile(
            r"useradd --non-unique --uid (\d+) --gid (\d+) --no-log-init --no-create-home --home-dir (\S+) (\w+)"
        ),
        lambda found: (MakeUser(found[4], int(found[1]), int(found[2]), found[3]),),
    ),
    (re.compile(r"mkdir -p ([\w/ .-]+)"), lambda found: tuple(map(MakeFolder, found[1].split()))),
    (re.compile(r"chown (\d+):\1 (\S+)"), lambda found: (MakeFolder(found[2], int(found[1])),)),
    (re.compile(r"python3 -m venv (?:--without-pip )?(\S+)"), lambda found: (MakeVenv(found[1]),)),
    # Any other list would have uv look for what it is to install.
    (
        re.compile(r"python3 /opt/uv/install\.py ((?=[^;|<>]*--require-hashes)(?=[^;|<>]*--no-deps)[^;|<>]*) -r (\S+)"),
        lambda found: (Install(found[2], tuple(json.loads(index) for index in INDEX.findall(found[1]))),),
    ),
)


def _exec_form(words: str) -> tuple[str, ...]:
    if not words.startswith("["):
        raise Refused
    return tuple(map(str, json.loads(words)))


def _instructions(dockerfile: str) -> Iterator[tuple[str, str]]:
    """Each instruction with its words, comments left out, continued lines joined."""
    lines = [line for line in dockerfile.splitlines() if not line.lstrip().startswith("#")]
    whole = re.sub(r"\\\n", " ", "\n".join(lines))
    for line in filter(None, map(str.strip, whole.splitlines())):
        instruction, _, words = line.partition(" ")
        yield instruction.upper(), re.sub(r"\s+", " ", words).strip()
