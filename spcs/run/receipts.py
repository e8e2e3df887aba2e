"""The desk's copies of the records of runs: `.spcs/runs/<run>.json`.

The records themselves lie on the stage; a copy only spares a look there: which run was the last, what it was made of.
Deleting them costs only time. Beside a copy, in `<run>/`, lies the specification as it was sent.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from spcs.errors import NotReady
from spcs.run.model import Run
from spcs.run.names import SPEC_FILE, is_run, record_file, started
from spcs.run.record import Record, from_json, to_json


def write(root: Path, record: Record) -> Path:
    """Keep a record; returns the path of the copy. `root` is the project's folder."""
    file = path(root, record.run.name)
    file.parent.mkdir(parents=True, exist_ok=True)
    new = file.with_suffix(".new")
    new.write_text(to_json(record))
    new.replace(file)
    return file


def read(root: Path, name: str) -> Record | None:
    """Return the record of the run of that name, or None if there is no readable copy of it."""
    try:
        return from_json(path(root, name).read_bytes())
    except OSError:
        return None


def find(root: Path, name: str) -> Run | None:
    """Return the run of that name, or None if there is no readable copy of its record."""
    found = read(root, name)
    return found.run if found else None


def last(root: Path, connection: str) -> Run:
    """Return the run started last over `connection`."""
    found = next(_newest_first(root, connection), None)
    if found is None:
        raise NotReady(
            f"no run has been started from here over the connection {connection!r}",
            "without --run, the last run is meant",
            "inv run",
        )
    return found


def last_of(root: Path, connection: str, job: str) -> Run | None:
    """Return the run of `job` started last over `connection`, None where there is no copy of a record of one."""
    return next((run for run in _newest_first(root, connection) if run.job == job), None)


def spec_file(root: Path, name: str) -> Path:
    """Return where the specification of a run is, as it was sent, or would be."""
    return folder(root) / name / SPEC_FILE


def spec(root: Path, name: str) -> str:
    """Return the specification of a run as it was sent from here, empty where it was not."""
    file = spec_file(root, name)
    return file.read_text() if file.is_file() else ""


def path(root: Path, name: str) -> Path:
    """Return where the copy of a run's record is, or would be."""
    return folder(root) / record_file(name)


def folder(root: Path) -> Path:
    return root / ".spcs" / "runs"


def _newest_first(root: Path, connection: str) -> Iterator[Run]:
    names = [file.stem for file in folder(root).glob("*.json") if is_run(file.stem)]
    for name in sorted(names, key=started, reverse=True):
        run = find(root, name)
        if run and run.connection == connection:
            yield run
