"""The desk's receipts of its runs: `.spcs/runs/<run>.json`.

They only spare a look into the account: which run was the last, where its stage is. Deleting them loses nothing.
"""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime
from pathlib import Path

from spcs.errors import NotReady
from spcs.run.model import Run
from spcs.run.names import started


def write(root: Path, run: Run) -> Path:
    """Write the receipt of a run that is about to be submitted; returns its path. `root` is the project's folder."""
    file = folder(root) / f"{run.name}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    written = datetime.now(UTC).isoformat(timespec="seconds")
    file.write_text(json.dumps(dataclasses.asdict(run) | {"written": written}, indent=2) + "\n")
    return file


def find(root: Path, name: str) -> Run | None:
    """Return the run of that name, or None if there is no readable receipt of it."""
    return _read(folder(root) / f"{name}.json")


def last(root: Path, connection: str) -> Run:
    """Return the run started last over `connection`."""
    runs = [run for file in folder(root).glob("*.json") if (run := _read(file)) and run.connection == connection]
    if not runs:
        raise NotReady(
            f"no run has been started from here over the connection {connection!r}",
            "without --run, the last run is meant",
            "inv run",
        )
    return max(runs, key=lambda run: started(run.name))


def folder(root: Path) -> Path:
    return root / ".spcs" / "runs"


def _read(file: Path) -> Run | None:
    try:
        entries = json.loads(file.read_text())
        known = {field.name for field in dataclasses.fields(Run)}
        return Run(**{name: entry for name, entry in entries.items() if name in known})
    except (OSError, ValueError, AttributeError, TypeError):
        return None
