"""What `build` did and `push` added, one small file a job.

The truth is with the engine and the registry; a receipt only saves asking them, and may be deleted at any time.
"""

from __future__ import annotations

import dataclasses
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

#: An answer this young (in seconds) is not asked for again: an edit is built and sent within that.
FRESH: Final = 10


@dataclass(frozen=True)
class Receipt:
    """One image of one job. `digest` is the registry's (`sha256:…`), empty until it was pushed.

    `outcome` says in one line what the command that wrote this did, and `changed` whether that was anything at all.
    `elsewhere` is another name under which the same inputs were pushed before: `host/db/schema/repo/name@sha256:…`.
    `missed` is when the registry said that it has no such image, in seconds since 1970; 0 if it has not said so.
    """

    job: str
    ref: str
    inputs: str
    engine: str
    image_id: str = ""
    digest: str = ""
    outcome: str = ""
    changed: bool = False
    elsewhere: str = ""
    missed: float = 0.0

    @property
    def pushed_as(self) -> str:
        """The name of what was pushed, by its digest; empty if nothing was."""
        return f"{self.ref.rpartition(':')[0]}@{self.digest}" if self.digest else ""

    @property
    def tag(self) -> str:
        """The 12 hex digits that name the inputs."""
        return self.ref.rpartition(":")[2]


def write(state: Path, receipt: Receipt) -> None:
    """Keep the receipt of a job under `state` (`.spcs/`)."""
    path = _path(state, receipt.job)
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(f".{os.getpid()}")
    new.write_text(json.dumps(dataclasses.asdict(receipt), indent=2) + "\n")
    new.replace(path)


def read(state: Path, job: str) -> Receipt | None:
    """The job's last receipt; None where there is none that can be read."""
    try:
        return Receipt(**json.loads(_path(state, job).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def places(state: Path, receipt: Receipt) -> list[tuple[str, str]]:
    """Where else in its registry an image of the receipt's inputs was pushed to: `db/schema/repo/name` and digest."""
    host, own = receipt.ref.partition("/")[0], receipt.ref.rpartition(":")[0]
    same = [other for other in _all(state) if other.inputs == receipt.inputs]
    names = {name for other in same for name in (other.pushed_as, other.elsewhere) if name.startswith(f"{host}/")}
    parts = [name.removeprefix(f"{host}/").partition("@") for name in sorted(names) if not name.startswith(f"{own}@")]
    return [(repository, digest) for repository, _, digest in parts]


def was_just_missed(state: Path, receipt: Receipt) -> bool:
    """Has the registry said within FRESH seconds, for the receipt before, that it has no image of that name?"""
    before = read(state, receipt.job)
    return before is not None and before.ref == receipt.ref and 0 <= time.time() - before.missed < FRESH


def forget_pushes(state: Path) -> None:
    """Take no image for pushed any more: the repository it was pushed to is gone."""
    for receipt in _all(state):
        write(state, dataclasses.replace(receipt, digest="", elsewhere=""))


def _all(state: Path) -> list[Receipt]:
    found = (read(state, file.stem) for file in sorted((state / "images").glob("*.json")))
    return [receipt for receipt in found if receipt]


def _path(state: Path, job: str) -> Path:
    return state / "images" / f"{job}.json"
