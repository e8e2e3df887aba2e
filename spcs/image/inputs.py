"""What decides an image, and the tag that follows from it.

The files are read once, into memory: what is hashed is what reaches the builder, even if someone edits meanwhile. The
hash knows nothing of times, of bytecode, or of which builder is at hand (both give the same files).
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal

from spcs.errors import SettingsProblem
from spcs.image.private import why_private
from spcs.lock import Lock, Requirement

Kind = Literal["container", "process"]
"""What the image holds: everything from a base up, or only the code, for a process on the local account."""

TAG_LENGTH = 12
# Dates that do not move keep the layers' bytes, and so their digests, the same from build to build.
DATE = 315532800
DATES = 1 << 30
NEUTRAL_WITH_VALUE = frozenset(
    {"--network", "--add-host", "--secret", "--ssh", "--cache-from", "--cache-to", "--progress", "--builder"}
    | {"--memory", "--cpu-quota", "--cpuset-cpus", "--shm-size", "--ulimit"}
)
NEUTRAL = frozenset({"--no-cache", "--pull", "--quiet", "-q"})
NEVER = ("__pycache__",)
INSTALLER = ".uv"
"""The folder of the context with what installs the packages. No path of the user's own begins with a dot."""
INSIDE = tuple(Path(__file__).with_name("inside") / name for name in ("install.py", "uv.txt"))
NEVER_SUFFIXES = (".pyc", ".pyo")


@dataclass(frozen=True)
class ContextFile:
    """One file of the build context: its path there (with `/`), its bytes, whether it may be executed."""

    path: str
    content: bytes = field(repr=False)
    executable: bool = False


@dataclass(frozen=True)
class ImagePlan:
    """An image to be: `dockerfile` is the text for any builder, `dockerfile_buildkit` the one with cache mounts.

    `code` are the top-level paths (see `top_level`) of `files` that are the user's program. `lock` is what the image
    installs (None: nothing), of which `files` has requirement files. `options` are further words for the builder
    (`image.build_options`). `labels` say where the image came from; they are no part of its identity, so a new commit
    with the same files does not make a new image.
    """

    repository_url: str
    name: str
    base: str
    dockerfile: str
    dockerfile_buildkit: str
    files: tuple[ContextFile, ...]
    code: tuple[str, ...]
    entrypoint: tuple[str, ...]
    lock: Lock | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    platform: str = "linux/amd64"
    options: tuple[str, ...] = ()


def top_level(paths: Iterable[str]) -> tuple[str, ...]:
    """The paths as the image names them (`app/` and `./app` are `app`), each once, none that lies inside another."""
    plain = [PurePosixPath(path) for path in paths]
    outer = [path for path in plain if not set(path.parents) & set(plain)]
    return tuple(dict.fromkeys(map(str, outer)))


def collect(root: Path, paths: Iterable[str], named: Iterable[str] = ()) -> tuple[ContextFile, ...]:
    """Read the files and folders `paths` below `root`: no hidden file, no bytecode; raises SettingsProblem.

    A file that looks like a secret is refused, unless somebody has `named` that very file.
    """
    asked = {PurePosixPath(path) for path in (*paths, *named)}
    found = tuple(file for path in paths for file in _under(root, Path(path)))
    for file in found:
        if PurePosixPath(file.path) not in asked:
            _refuse_private(file)
    return found


def requirement_files(lock: Lock) -> tuple[ContextFile, ...]:
    """The requirement files that the image's layers install, with hashes, and what installs them; none for an empty
    half."""
    halves = {"requirements-heavy.txt": lock.heavy, "requirements-light.txt": lock.light}
    files = [ContextFile(name, _text(half)) for name, half in halves.items() if half]
    tools = [ContextFile(f"{INSTALLER}/{file.name}", file.read_bytes()) for file in INSIDE if files]
    return (*tools, *files)


def fingerprint(plan: ImagePlan, kind: Kind) -> str:
    """The sha256 (64 hex digits) of everything that decides what is in the image: all that `stage` writes, and how it
    is built. Both Dockerfiles count, whichever of them the builder at hand will get."""
    digest = hashlib.sha256()
    texts = (plan.dockerfile, plan.dockerfile_buildkit)
    words = (*plan.code, *plan.entrypoint, *deciding(plan.options))
    for part in (kind, plan.base, plan.platform, *texts, *words):
        _add(digest, part.encode())
    for file in sorted(plan.files, key=lambda file: file.path):
        _add(digest, file.path.encode())
        _add(digest, b"x" if file.executable else b"-")
        _add(digest, file.content)
    return digest.hexdigest()


def deciding(options: Sequence[str]) -> list[str]:
    """Those words for the builder that may change what is in the image.

    Where it gets its network, its cache or its secrets from differs from machine to machine and changes nothing.
    """
    kept: list[str] = []
    words = iter(options)
    for word in words:
        name, _, value = word.partition("=")
        if name in NEUTRAL_WITH_VALUE and not value:
            next(words, None)
        elif name not in NEUTRAL_WITH_VALUE | NEUTRAL:
            kept.append(word)
    return kept


def reference(plan: ImagePlan, kind: Kind) -> str:
    """`<repository_url>/<name>:<12 hex>`, the name under which the image is built, pushed and run."""
    return f"{plan.repository_url}/{plan.name}:{fingerprint(plan, kind)[:TAG_LENGTH]}"


def stage(plan: ImagePlan, dockerfile: str, folder: Path) -> None:
    """Make `folder` the build context: `dockerfile` and the plan's files, nothing else, modes and dates normalised.

    A file's date follows from its content. BuildKit takes a file for the one it was sent before if path, mode, size and
    date are the same: with one date for all, an edit that keeps the size would never reach the image.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for file in (ContextFile("Dockerfile", dockerfile.encode()), *plan.files):
        target = folder / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.content)
        target.chmod(0o755 if file.executable else 0o644)
        os.utime(target, (_date(file.content),) * 2)
    for path in (*(path for path in folder.rglob("*") if path.is_dir()), folder):
        path.chmod(0o755)
        os.utime(path, (DATE, DATE))


def _under(root: Path, path: Path) -> Iterator[ContextFile]:
    """The files at `path` (relative to `root`), in the order of their names."""
    full = root / path
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise SettingsProblem(
            f"image code: '{path}' is not a path below the project",
            fix="mend image.code or the job's code in invoke.yaml",
        )
    if full.is_symlink():
        raise SettingsProblem(
            f"image code: {path} is a symbolic link", why="what it points to would not be in the image",
            fix="put the file itself there",
        )  # fmt: skip
    if full.is_dir():
        for entry in sorted(full.iterdir()):
            if not _left_out(entry):
                yield from _under(root, path / entry.name)
    elif full.is_file():
        yield ContextFile(path.as_posix(), full.read_bytes(), bool(full.stat().st_mode & 0o100))
    else:
        raise SettingsProblem(
            f"image code: there is no file or folder {path}", fix="mend image.code or the job's code in invoke.yaml"
        )


def _refuse_private(file: ContextFile) -> None:
    path = PurePosixPath(file.path)
    why = why_private(path.name, file.content)
    if why:
        raise SettingsProblem(
            f"image code: {path} looks like a secret",
            f"{why}, and whoever may pull the image could read it",
            f"move it out of {path.parent} and hand it to the job as a secret: see docs/your_own_job.md,"
            f" or, if it is none, name {path} itself in `code`",
        )


def _left_out(path: Path) -> bool:
    return path.name.startswith(".") or path.name in NEVER or path.suffix in NEVER_SUFFIXES


def _date(content: bytes) -> int:
    """One second of the years 1980 to 2014, the same for the same content."""
    return DATE + int.from_bytes(hashlib.sha256(content).digest()[:8]) % DATES


def _text(half: Iterable[Requirement]) -> bytes:
    return "".join(f"{line}\n" for each in half for line in each.lines).encode()


def _add(digest: hashlib._Hash, part: bytes) -> None:
    """Add one part with its length, so that no two lists of parts look the same."""
    digest.update(len(part).to_bytes(8, "big"))
    digest.update(part)
