"""Checkpoints on a volume that is object storage underneath: a file can be written once from start to end, and nothing
else. No append, no rename, no seek; so every name is new, and a manifest written last says that the rest is whole.

    checkpoints/step-000500/state.pt, metrics.jsonl, manifest.json
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path

MANIFEST = "manifest.json"
NAME = re.compile(r"step-(\d+)(?:\.(\d+))?")
CHUNK = 1 << 20


def copy(source: Path, target: Path) -> dict[str, int | str]:
    """Copies in one sequential pass to a name that must be new. Returns {"bytes", "sha256"} of what was copied."""
    digest = hashlib.sha256()
    with source.open("rb") as reader, target.open("xb") as writer:
        while chunk := reader.read(CHUNK):
            digest.update(chunk)
            writer.write(chunk)
    size = target.stat().st_size
    if size != source.stat().st_size:
        raise OSError(f"{target} has {size} bytes after copying {source.stat().st_size}")
    return {"bytes": size, "sha256": digest.hexdigest()}


def replace(source: Path, target: Path) -> None:
    """Puts a file under a fixed name: the old object is deleted and a new one made, as it cannot be overwritten."""
    target.unlink(missing_ok=True)
    copy(source, target)


def save(directory: Path, step: int, files: Sequence[Path]) -> Path:
    """Writes a checkpoint of local `files` and returns its folder. The manifest is made beside the first of them."""
    folder = unused(directory, step)
    folder.mkdir(parents=True)
    manifest = {"step": step, "files": {file.name: copy(file, folder / file.name) for file in files}}
    local = files[0].with_name(MANIFEST)
    local.write_text(json.dumps(manifest, indent=1))
    copy(local, folder / MANIFEST)
    return folder


def restore(directory: Path, into: Path, say: Callable[[str], None]) -> Path | None:
    """Copies the files of the newest whole checkpoint to the local folder `into`; returns its folder, None without one.

    Each checkpoint that fails its checks is passed over with a line to `say`.
    """
    for folder in reversed(ordered(directory)):
        try:
            fetch(folder, into)
            return folder
        except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
            say(f"checkpoint {folder.name} passed over: {error!s:.200}")
    return None


def fetch(folder: Path, into: Path) -> None:
    """Raises OSError, ValueError or what a damaged manifest leads to, unless every file is as it was written."""
    if not (folder / MANIFEST).exists():
        raise ValueError("it has no manifest: its writing was cut short")
    for name, mark in json.loads((folder / MANIFEST).read_text())["files"].items():
        (into / name).unlink(missing_ok=True)
        if copy(folder / name, into / name) != mark:
            raise ValueError(f"{name} is not what was written")


def prune(saved: Path, keep: int, say: Callable[[str], None]) -> None:
    """Keeps `saved` and the `keep - 1` before it. The manifest goes first: half-deleted is not a checkpoint."""
    older = [folder for folder in ordered(saved.parent) if key(folder) < key(saved)]
    for folder in older[: max(0, len(older) - (keep - 1))]:
        try:
            (folder / MANIFEST).unlink(missing_ok=True)
            for file in folder.iterdir():
                file.unlink()
            folder.rmdir()
        except OSError as error:
            say(f"checkpoint {folder.name} could not be removed: {error}")


def unused(directory: Path, step: int) -> Path:
    """A folder name of this step that was never used: a broken checkpoint may be in the way."""
    attempts = [attempt for taken, attempt in map(key, ordered(directory)) if taken == step]
    return directory / (f"step-{step:06d}" + (f".{max(attempts) + 1}" if attempts else ""))


def ordered(directory: Path) -> list[Path]:
    """The checkpoint folders, whole or not, oldest first."""
    found = directory.iterdir() if directory.is_dir() else ()
    return sorted((folder for folder in found if NAME.fullmatch(folder.name)), key=key)


def key(folder: Path) -> tuple[int, int]:
    """The step and the attempt: 0, or what follows the dot."""
    step, attempt = NAME.fullmatch(folder.name).groups(default="0")  # type: ignore[union-attr]  # `ordered` chose it
    return int(step), int(attempt)
