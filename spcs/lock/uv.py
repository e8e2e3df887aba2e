"""Resolving pins with uv: pure functions make the command, `resolve` runs it.

uv reads what is there of packages (metadata, not the packages themselves) for the image's Python and platform, whatever
this machine has. Indexes, proxies and certificates of one machine come from uv's own configuration and `UV_*`; they
decide where packages are looked for, and leave no trace in a lock.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from spcs import pins
from spcs.errors import NotReady, Problem, SettingsProblem
from spcs.lock.model import Inputs, Lock, Requirement, Unreadable, requirements_of, text
from spcs.lock.wanted import Wanted

# glibc 2.28 and newer: every Debian from 10 on, and what the wheels of torch are built for.
PLATFORMS = {"linux/amd64": "x86_64-manylinux_2_28", "linux/arm64": "aarch64-manylinux_2_28"}
PROJECT, OUTPUT = "pyproject.toml", "requirements.txt"
NAME = "the-packages-of-the-image"
EVERYTHING = "*"
"""As `upgrade`: let every package that is no pin move to its newest version that fits."""


def project(inputs: Inputs, index: str = "", along: Sequence[str] = ()) -> str:
    """The pins as the `pyproject.toml` that uv reads, with where PyTorch's packages come from if there is an `index`.

    From there come only those: an index of PyTorch has copies of others, too, not all of them whole or new. `along` are
    the ones that are no pins themselves.
    """
    lines = ["[project]", f"name = {_text(NAME)}", 'version = "0"', "dependencies = ["]
    lines += [f"  {_text(pin)}," for pin in (*inputs.pins, *along)] + ["]"]
    if of_pytorch := [name for name in map(pins.plain, (*inputs.pins, *along)) if index and name in pins.OF_PYTORCH]:
        lines += ["", "[[tool.uv.index]]", 'name = "pytorch"', f"url = {_text(index)}", "explicit = true"]
        lines += ["", "[tool.uv.sources]", *(f'{name} = {{ index = "pytorch" }}' for name in of_pytorch)]
    return "".join(f"{line}\n" for line in lines)


def argv(inputs: Inputs, folder: Path, upgrade: str = "") -> list[str]:
    """`uv pip compile`, which reads PROJECT in `folder` and writes OUTPUT there, keeping the versions it finds in that.

    `upgrade` is a package that may move all the same, or EVERYTHING.
    """
    words = ["uv", "pip", "compile", str(folder / PROJECT), "--output-file", str(folder / OUTPUT), "--quiet"]
    words += ["--no-header", "--generate-hashes", "--no-python-downloads"]
    words += ["--python-version", inputs.python, "--python-platform", PLATFORMS[inputs.platform]]
    return [*words, *(["--upgrade"] if upgrade == EVERYTHING else ["--upgrade-package", upgrade] if upgrade else [])]


def folder_of(wanted: Wanted) -> Path:
    """Where uv works on a lock, from the project's root; what it leaves there is of no worth later."""
    return Path(".spcs") / wanted.file.removesuffix(".txt")


def resolve(root: Path, wanted: Wanted, index: str, known: Lock | None, upgrade: str = "") -> Lock:
    """Every package that the pins need, at the versions of the lock that is `known` as far as those still fit.

    `index` is where PyTorch's packages are, empty for the usual one. Raises SettingsProblem if there is no such set,
    NotReady if uv cannot do its work here.
    """
    found = _compile(root, wanted, project(wanted.inputs, index), known, upgrade)
    asked_for = set(map(pins.plain, wanted.inputs.pins))
    along = [each.name for each in found if each.name in pins.OF_PYTORCH and each.name not in asked_for]
    if index and along:
        # This time from where the settings say: a source counts for what is asked for outright, and for nothing else.
        found = _compile(root, wanted, project(wanted.inputs, index, along), known, upgrade)
    return Lock(wanted.inputs, found)


def _compile(root: Path, wanted: Wanted, asked: str, known: Lock | None, upgrade: str) -> tuple[Requirement, ...]:
    folder = root / folder_of(wanted)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / PROJECT).write_text(asked)
    (folder / OUTPUT).write_text(text(known) if known else "")
    done = subprocess.run(
        argv(wanted.inputs, folder_of(wanted), upgrade), executable=_binary(), cwd=root, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, errors="replace", check=False,
    )  # fmt: skip
    if done.returncode:
        raise problem(wanted.file, done.stderr)
    try:
        return tuple(requirements_of((folder / OUTPUT).read_text()))
    except Unreadable as error:
        raise NotReady(
            f"uv found nothing for {wanted.file} that can be locked", str(error), "pin another version"
        ) from error


def problem(file: str, said: str) -> Problem:
    """What it means that uv gave up, in its own words."""
    why = "\n".join(line.strip() for line in said.replace("error: ", "", 1).splitlines() if line.strip())
    if "No solution found" in said:
        return SettingsProblem(
            f"the pins of {file} cannot be had together",
            why,
            "change one of them under pins in the settings, then inv lock",
        )
    return NotReady(f"{file} could not be resolved", why, "check network, proxy and image.indexes, then inv lock")


def _binary() -> str:
    """The uv that requirements.txt pins: another version may write another lock."""
    try:
        import uv
    except ImportError as error:
        raise NotReady("uv is not installed, which resolves the pins", fix="python3 -m spcs.venv") from error
    return os.fspath(uv.find_uv_bin())


def _text(words: str) -> str:
    """As TOML has it, which for such words is as JSON has it."""
    return json.dumps(words, ensure_ascii=False)
