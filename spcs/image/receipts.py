"""What `build` did and `push` added, one small file a job.

The truth is with the engine and the registry; a receipt only saves asking them, and may be deleted at any time.
"""

from __future__ import annotations

import dataclasses
import json
import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Receipt:
    """One image of one job. `digest` is the registry's (`sha256:…`), empty until it was pushed.

    `outcome` says in one line what the command that wrote this did, and `changed` whether that was anything at all.
    """

    job: str
    ref: str
    inputs: str
    engine: str
    image_id: str = ""
    digest: str = ""
    outcome: str = ""
    changed: bool = False

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


def forget_pushes(state: Path) -> None:
    """Take no image for pushed any more: the repository it was pushed to is gone."""
    for file in (state / "images").glob("*.json"):
        if receipt := read(state, file.stem):
            write(state, dataclasses.replace(receipt, digest=""))


def _path(state: Path, job: str) -> Path:
    return state / "images" / f"{job}.json"
