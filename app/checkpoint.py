"""Checkpoints on a volume that is object storage underneath: a file can be written once from start to end, and nothing
else. No append, no rename, no seek; so every name is new, and a manifest written last says that the rest is whole.

    checkpoints/step-000500/state.pt, manifest.json

"Whole" is a folder with a manifest; whether it still holds what was written, its checksum tells when it is read.
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
SLOW, LEAVE_WITHIN = 10, 20  # seconds; a container has 30 from SIGTERM to its end

Say = Callable[[str], None]


class Writer:
    """Saves checkpoints, one at a time, in a thread. The loop waits only while its state is copied to memory that is
    kept for the next time, and for the save before if that still lasts. Errors come up at the next call.
    """

    def __init__(
        self,
        directory: Path,
        keep: int,
        say: Say,
        then: Callable[[], None] = lambda: None,
        earlier: Sequence[Path] = (),
    ) -> None:
        """`then` is called, in the thread, when a checkpoint is whole. `earlier` are the directories of the runs that
        this one goes on from, and may hold the best one so far."""
        self.directory, self.keep, self.say, self.then, self.earlier = directory, keep, say, then, earlier
        self.pool = ThreadPoolExecutor(1, "checkpoint")
        self.pending: Future[None] | None = None
        self.state: Any = None
        self.began = self.took = 0.0  # when the last save was asked for, and how long the last write took

    def save(self, step: int, state: Mapping[str, Any], best: int = 0, **facts: Any) -> None:
        """Saves `state`, nested dicts and lists, as it is now. Keeps the checkpoint of step `best`, too. `facts` go
        into the manifest, for people."""
        self.wait()
        self.state = snapshot(state, self.state)
        self.began = time.perf_counter()
        if torch.cuda.is_available():
            torch.cuda.synchronize()  # the copies to pinned memory are under way
        self.pending = self.pool.submit(self.write, step, best, facts)

    def write(self, step: int, best: int, facts: Mapping[str, Any]) -> None:
        started, folder = time.perf_counter(), made(self.directory, step)
        with tempfile.TemporaryFile() as local:
            torch.save(self.state, local)
            manifest = {"step": step, "files": {STATE: mark(local)}, "best": best, **facts}
            put(folder / STATE, local)
        if self.earlier and best not in (0, step):
            adopt(best, self.earlier, self.directory, self.say)
        self.earlier = ()  # what is better will be its own
        put(folder / MANIFEST, io.BytesIO(json.dumps(manifest, indent=1).encode()))
        prune(folder, self.keep, best, self.say)
        self.then()
        self.took = time.perf_counter() - started
        if self.took > SLOW:
            self.say(f"the checkpoint took {self.took:.0f} s to write; a container that is stopped has 30")

    def late(self) -> bool:
        """Whether a process that is to leave should leave with the checkpoint that is being written, as that one and
        another would take too long."""
        if not self.pending or self.pending.done():
            return False
        so_far = time.perf_counter() - self.began
        whole = max(self.took, so_far)
        return whole - so_far + whole > LEAVE_WITHIN

    def wait(self) -> None:
        """Until the last save is whole. Raises what it raised."""
        pending, self.pending = self.pending, None
        if pending:
            pending.result()

    def close(self) -> None:
        self.pool.shutdown()
        self.wait()


def restore(places: Sequence[Path], say: Say, step: int | None = None) -> dict[str, Any] | None:
    """The newest state (of a step) in the first of the directories `places` that has one, with its tensors on the CPU.
    A checkpoint that is not as it was written is passed over with a line to `say`."""
    found = newest(places, say, step)
    return loaded(found[1]) if found else None


def newest(places: Sequence[Path], say: Say, step: int | None = None) -> tuple[Path, BinaryIO] | None:
    """As `restore`, but the checkpoint's folder, and its state as it is in the file."""
    for folder in (folder for place in places for folder in reversed(of_step(place, step))):
        try:
            return folder, read(folder)
        except (OSError, ValueError, LookupError, TypeError) as error:
            say(f"checkpoint {folder.name} passed over: {error!s:.200}")
    return None


def read(folder: Path) -> BinaryIO:
    """Raises OSError, ValueError or what a damaged manifest leads to unless the state is as it was written."""
    if not (folder / MANIFEST).exists():
        raise ValueError("it has no manifest: its writing was cut short")
    files = json.loads((folder / MANIFEST).read_text())["files"]
    content = io.BytesIO((folder / STATE).read_bytes())
    if mark(content) != files[STATE]:
        raise ValueError(f"{STATE} is not what was written")
    return content


def loaded(content: BinaryIO) -> dict[str, Any]:
    state: dict[str, Any] = torch.load(content, map_location="cpu", weights_only=True)
    return state


def adopt(step: int, earlier: Sequence[Path], directory: Path, say: Say) -> None:
    """Copies the best checkpoint, of `step`, from an earlier run's directory, unless it is there. Says so if it can't:
    a run that goes on from this one looks for it in here alone."""
    if any((folder / MANIFEST).exists() for folder in of_step(directory, step)):
        return
    if found := newest(earlier, say, step):
        folder = made(directory, step)
        put(folder / STATE, found[1])
        put(folder / MANIFEST, io.BytesIO((found[0] / MANIFEST).read_bytes()))
    else:
        say(f"the earlier run no longer has its best checkpoint, of step {step}")


def made(directory: Path, step: int) -> Path:
    """A new folder for it. A broken one may be in the way, and no name is used twice."""
    folder = directory / f"step-{step:06d}"
    if of_step(directory, step):
        folder = folder.with_suffix(f".{time.time_ns()}")
    folder.mkdir(parents=True)
    return folder


def snapshot(value: Any, before: Any = None) -> Any:
    """A copy on the CPU of nested dicts, lists and tensors. Tensors go into those of `before`, a former copy."""
    if isinstance(value, Tensor):
        if not isinstance(before, Tensor) or (before.shape, before.dtype) != (value.shape, value.dtype):
            before = torch.empty(value.shape, dtype=value.dtype, pin_memory=value.is_cuda)
        return before.copy_(value.detach(), non_blocking=value.is_cuda)  # of other devices nobody waits for the end
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
    """Of `saved` and what is older, keeps the newest `keep` whole ones and that of step `best`. The manifest goes
    first: half-deleted is not a checkpoint."""
    older = [folder for folder in ordered(saved.parent) if order(folder) < order(saved)]
    whole = [folder for folder in older if (folder / MANIFEST).exists()]
    kept = whole[1 - keep :] + [folder for folder in whole if order(folder)[0] == best]
    for folder in older:
        if folder not in kept:
            try:
                (folder / MANIFEST).unlink(missing_ok=True)
                shutil.rmtree(folder)
            except OSError as error:
                say(f"checkpoint {folder.name} could not be removed: {error}")


def of_step(directory: Path, step: int | None) -> list[Path]:
    return [folder for folder in ordered(directory) if step in (None, order(folder)[0])]


def ordered(directory: Path) -> list[Path]:
    """The checkpoint folders, whole or not, oldest first."""
    return sorted(directory.glob("step-[0-9]*"), key=order)


def order(folder: Path) -> list[int]:
    """Its step, and the time if that was saved again."""
    return [int(number) for number in re.findall(r"\d+", folder.name)]
