"""The desk's copies of the records of runs: `.spcs/runs/<run>.json`.

The records themselves lie on the stage; a copy only spares a look there: which run was the last, what it was made of.
Deleting them costs only time. Beside a copy, in `<run>/`, lie the texts that the run was made of, as they were sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from spcs.errors import NotReady
from spcs.run.model import Run
from spcs.run.names import is_run, record_file, started
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


def keep(root: Path, run: str, texts: Mapping[str, str]) -> None:
    """Keep texts that a run is made of, by the names of their files."""
    place = folder(root) / run
    place.mkdir(parents=True, exist_ok=True)
    for file, text in texts.items():
        (place / file).write_text(text)


def kept(root: Path, run: str, names: Iterable[str]) -> dict[str, str]:
    """Return those of the texts called `names` that are kept of a run."""
    files = [folder(root) / run / name for name in names]
    return {file.name: file.read_text() for file in files if file.is_file()}


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
