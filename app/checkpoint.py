"""Checkpoints on a volume that is object storage underneath: a file can be written once from start to end, and nothing
else. No append, no rename, no seek; so every name is new, and a manifest written last says that the rest is whole.

    checkpoints/step-000500/state.pt, manifest.json
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

MANIFEST, STATE = "manifest.json", "state.pt"
SLOW = 10  # seconds; a container has 30 from SIGTERM to its end

Say = Callable[[str], None]


class Writer:
    """Saves checkpoints, one at a time, in a thread. The loop waits only while its state is copied to memory that is
    kept for the next time, and for the save before if that still lasts. Errors come up at the next call.
    """

    def __init__(self, directory: Path, keep: int, say: Say, then: Callable[[], None] = lambda: None) -> None:
        """`then` is called, in the thread, when a checkpoint is whole."""
        self.directory, self.keep, self.say, self.then = directory, keep, say, then
        self.pool = ThreadPoolExecutor(1, "checkpoint")
        self.pending: Future[None] | None = None
        self.state: Any = None

    def save(self, step: int, state: Mapping[str, Any], best: int = 0, **facts: Any) -> None:
        """Saves `state`, nested dicts and lists, as it is now. Keeps the checkpoint of step `best`, too. `facts` go
        into the manifest, for people."""
        self.wait()
        self.state = snapshot(state, self.state)
        if torch.cuda.is_available():
            torch.cuda.synchronize()  # the copies to pinned memory are under way
        self.pending = self.pool.submit(self.write, step, best, facts)

    def write(self, step: int, best: int, facts: Mapping[str, Any]) -> None:
        started = time.perf_counter()
        folder = self.directory / f"step-{step:06d}"
        if folder.exists():  # a broken one is in the way, and no name is used twice
            folder = folder.with_suffix(f".{time.time_ns()}")
        folder.mkdir(parents=True)
        with tempfile.TemporaryFile() as local:
            torch.save(self.state, local)
            manifest = {"step": step, "files": {STATE: mark(local)}, "best": best, **facts}
            put(folder / STATE, local)
        put(folder / MANIFEST, io.BytesIO(json.dumps(manifest, indent=1).encode()))
        prune(folder, self.keep, best, self.say)
        self.then()
        if (seconds := time.perf_counter() - started) > SLOW:
            self.say(f"the checkpoint took {seconds:.0f} s to write; a container that is stopped has 30")

    def wait(self) -> None:
        """Until the last save is whole. Raises what it raised."""
        pending, self.pending = self.pending, None
        if pending:
            pending.result()

    def close(self) -> None:
        self.pool.shutdown()
        self.wait()


def restore(places: Sequence[Path], say: Say, step: int | None = None) -> dict[str, Any] | None:
    """The newest whole state (of a step) in the first of the folders `places` that has one, with its tensors on the
    CPU. A checkpoint that is not as it was written is passed over with a line to `say`."""
    for folder in (folder for place in places for folder in reversed(ordered(place))):
        if step in (None, order(folder)[0]):
            try:
                return load(folder)
            except (OSError, ValueError, LookupError, TypeError) as error:
                say(f"checkpoint {folder.name} passed over: {error!s:.200}")
    return None


def load(folder: Path) -> dict[str, Any]:
    """Raises OSError, ValueError or what a damaged manifest leads to unless the state is as it was written."""
    if not (folder / MANIFEST).exists():
        raise ValueError("it has no manifest: its writing was cut short")
    files = json.loads((folder / MANIFEST).read_text())["files"]
    content = io.BytesIO((folder / STATE).read_bytes())
    if mark(content) != files[STATE]:
        raise ValueError(f"{STATE} is not what was written")
    state: dict[str, Any] = torch.load(content, map_location="cpu", weights_only=True)
    return state


def snapshot(value: Any, before: Any = None) -> Any:
    """A copy on the CPU of nested dicts, lists and tensors. Tensors go into those of `before`, a former copy."""
    if isinstance(value, Tensor):
        if not isinstance(before, Tensor) or (before.shape, before.dtype) != (value.shape, value.dtype):
            before = torch.empty(value.shape, dtype=value.dtype, pin_memory=value.is_cuda)
        return before.copy_(value.detach(), non_blocking=True)
    if isinstance(value, dict):
        known = before if isinstance(before, dict) else {}
        return {key: snapshot(item, known.get(key)) for key, item in value.items()}
    if isinstance(value, list):
        former = before if isinstance(before, list) and len(before) == len(value) else [None] * len(value)
        return list(map(snapshot, value, former))
    return value


def mark(file: BinaryIO) -> dict[str, int | str]:
    """Of what is in it; leaves it at its start."""
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    digest = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]  # typeshed asks for more
    file.seek(0)
    return {"bytes": size, "sha256": digest}


def put(path: Path, source: BinaryIO) -> None:
    """Writes a new file in one pass. Raises OSError, too, where that did not leave all of it."""
    with path.open("xb") as target:
        shutil.copyfileobj(source, target, 1 << 20)
    if (size := path.stat().st_size) != source.tell():
        raise OSError(f"{path} has {size} bytes after writing {source.tell()}")


def publish(path: Path, content: bytes) -> None:
    """A file under a fixed name: the old one is deleted and a new one made, as it cannot be overwritten."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    put(path, io.BytesIO(content))


def prune(saved: Path, keep: int, best: int, say: Say) -> None:
    """Keeps `saved`, the `keep - 1` before it and those of step `best`. The manifest goes first: half-deleted is not a
    checkpoint."""
    older = [folder for folder in ordered(saved.parent) if order(folder) < order(saved)]
    for folder in older[: 1 - keep]:
        if order(folder)[0] != best:
            try:
                (folder / MANIFEST).unlink(missing_ok=True)
                shutil.rmtree(folder)
            except OSError as error:
                say(f"checkpoint {folder.name} could not be removed: {error}")


def ordered(directory: Path) -> list[Path]:
    """The checkpoint folders, whole or not, oldest first."""
    return sorted(directory.glob("step-*"), key=order)


def order(folder: Path) -> list[int]:
    """Its step, and the time if that was saved again."""
    return [int(number) for number in re.findall(r"\d+", folder.name)]
