"""The desk's receipts of its runs: `.spcs/runs/<run>.json`.

They only spare a look into the account: which run was the last, where its stage is. Deleting them loses nothing but
what `inv render --diff` compares with: beside a receipt, in `<run>/`, lie the texts that the run was made of.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping
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
    runs = _all(root, connection)
    if not runs:
        raise NotReady(
            f"no run has been started from here over the connection {connection!r}",
            "without --run, the last run is meant",
            "inv run",
        )
    return max(runs, key=lambda run: started(run.name))


def last_of(root: Path, connection: str, job: str) -> Run | None:
    """Return the run of `job` started last over `connection`, None where there is no receipt of one."""
    runs = [run for run in _all(root, connection) if run.job == job]
    return max(runs, key=lambda run: started(run.name), default=None)


def keep(root: Path, run: str, texts: Mapping[str, str]) -> None:
    """Keep texts that a run is made of, by the names of their files."""
    place = folder(root) / run
    place.mkdir(parents=True, exist_ok=True)
    for file, text in texts.items():
        (place / file).write_text(text)


def kept(root: Path, run: str, names: Iterable[str]) -> dict[str, str]:
    """Return those of the texts called `names` that are kept of a run (`submit` adds its specification)."""
    files = [folder(root) / run / name for name in names]
    return {file.name: file.read_text() for file in files if file.is_file()}


def folder(root: Path) -> Path:
    return root / ".spcs" / "runs"


def _all(root: Path, connection: str) -> list[Run]:
    return [run for file in folder(root).glob("*.json") if (run := _read(file)) and run.connection == connection]


def _read(file: Path) -> Run | None:
    try:
        entries = json.loads(file.read_text())
        known = {field.name for field in dataclasses.fields(Run)}
        return Run(**{name: entry for name, entry in entries.items() if name in known})
    except (OSError, ValueError, AttributeError, TypeError):
        return None
