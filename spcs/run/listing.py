"""The runs of a schema, as the account knows them: by its job services, and by the records that outlive them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from spcs.account import sql
from spcs.account.errors import Missing
from spcs.run import history, names
from spcs.run.account import Account
from spcs.run.listed import Listed
from spcs.run.model import Run, State
from spcs.run.record import Record, from_json
from spcs.run.watch import moment

AT_ONCE = 8
MOST_COMPLETED = 50
"""In one go, the newest first: each takes half a dozen statements."""
MOST_NAMES = 200
"""In the pattern of one GET; each has at most 63 characters."""
_RECORD = r".*/[a-z][a-z0-9_]*_[0-9]{8}_[0-9]{6}_[a-z0-9]{4}[.]json"


@dataclass(frozen=True)
class Home:
    """Where a project's runs are in an account: `stage` is fully qualified, `connection` the desk's word for it all."""

    database: str
    schema: str
    stage: str
    connection: str

    def run(self, name: str, pool: str = "") -> Run:
        return Run(name, self.database, self.schema, self.stage, self.connection, pool)


@dataclass(frozen=True)
class Filter:
    """Which runs: those of a job, in these states (empty: any), made since, and of them the last so many (0: all)."""

    job: str = ""
    states: frozenset[State] = frozenset()
    since: datetime | None = None
    last: int = 0

    def by_name(self, found: Iterable[str]) -> list[str]:
        """Return those that the name does not exclude, newest first."""
        wanted = [
            name
            for name in found
            if (not self.job or names.job_of(name) == self.job)
            and (self.since is None or names.started(name) >= self.since)
        ]
        return sorted(wanted, key=names.started, reverse=True)


def entries(account: Account, cache: Path, home: Home, wanted: Filter | None = None) -> list[Listed]:
    """Return the runs that the account knows, newest first. `cache` is a folder for copies of their records."""
    wanted = wanted or Filter()
    services = _services(account, home)
    staged = _staged(account, home)
    chosen = wanted.by_name({*services, *staged})
    if wanted.last and not wanted.states:
        chosen = chosen[: wanted.last]
    records = _records(account, cache, home, {name: staged[name] for name in chosen if name in staged})
    found = [_entry(home, name, services.get(name), records.get(name)) for name in chosen]
    of_state = [entry for entry in found if not wanted.states or entry.state in wanted.states]
    return of_state[: wanted.last or None]


def states(account: Account, runs: Sequence[Run]) -> dict[str, State]:
    """Return the states of runs of one schema by their names, in one statement; one that is not there is left out."""
    if not runs:
        return {}
    rows = account.query(sql.show_job_services(f"{runs[0].database}.{runs[0].schema}"))
    wanted = {run.name for run in runs}
    found = {str(row["name"]).lower(): State.of(str(row.get("status") or "")) for row in rows}
    return {name: state for name, state in found.items() if name in wanted}


def completed(account: Account, root: Path, found: Sequence[Listed]) -> list[Listed]:
    """Return the entries with the records completed of those whose end nobody has noted, on the stage as well."""
    lacking = [entry for entry in found if entry.needs_end][:MOST_COMPLETED]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        looked = pool.map(lambda entry: history.look(account, root, entry.run), lacking)
        records = dict(zip((entry.run.name for entry in lacking), looked, strict=True))
    return [replace(entry, record=records.get(entry.run.name, entry.record)) for entry in found]


def _entry(home: Home, name: str, row: Mapping[str, Any] | None, record: Record | None) -> Listed:
    end = record.end if record else None
    if row is None:
        run = record.run if record else home.run(name)
        times = (end.created, end.ended) if end else (None, None)
        return Listed(run, end.state if end else State.DELETED, False, *times, record)
    run = record.run if record else home.run(name, str(row.get("compute_pool") or ""))
    state = State.of(str(row.get("status") or ""))
    return Listed(run, state, True, moment(row.get("created_on")), moment(row.get("updated_on")), record)


def _services(account: Account, home: Home) -> dict[str, Mapping[str, Any]]:
    rows = account.query(sql.show_job_services(f"{home.database}.{home.schema}"))
    return {name: row for row in rows if names.is_run(name := str(row["name"]).lower())}


def _staged(account: Account, home: Home) -> dict[str, str]:
    """The records on the stage: run and MD5. None for a role that may not read it: the job services are there yet."""
    try:
        found = account.list_stage(names.all_runs(home.stage), pattern=_RECORD)
    except Missing:
        return {}
    paths = [(file.name.split("/"), file.md5) for file in found]
    return {path[-2]: md5 for path, md5 in paths if len(path) > 2 and path[-1] == names.record_file(path[-2])}


def _records(account: Account, cache: Path, home: Home, staged: Mapping[str, str]) -> dict[str, Record]:
    """The records of these runs: what is here and the same as there is not fetched again."""
    stale = [name for name, md5 in staged.items() if _md5(cache / names.record_file(name)) != md5]
    for first in range(0, len(stale), MOST_NAMES):
        some = "|".join(map(re.escape, stale[first : first + MOST_NAMES]))
        account.get(names.all_runs(home.stage), cache, pattern=rf".*/({some})/({some})[.]json")
    return {name: record for name in staged if (record := _read(cache, home, name))}


def _read(cache: Path, home: Home, name: str) -> Record | None:
    try:
        return history.adopted(from_json((cache / names.record_file(name)).read_bytes()), home.run(name))
    except OSError:
        return None


def _md5(file: Path) -> str:
    try:
        return hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest()
    except OSError:
        return ""
