"""A run's outputs on the stage, and the run as a thing to list, cancel or drop."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from spcs.account import sql
from spcs.errors import Problem
from spcs.run import names, watch
from spcs.run.account import Account
from spcs.run.model import Output, Run, State


def outputs(account: Account, run: Run) -> tuple[Output, ...]:
    """List what the run has left so far, by path."""
    marker = names.output_folder("", run.name).removeprefix("@")
    found = []
    for file in account.list_stage(run.output):
        # LIST puts the stage's own name in front, in a case of its choosing.
        _, inside, path = f"/{file.name.lstrip('/')}".partition(marker)
        if inside and path and ".." not in path.split("/"):
            found.append(Output(path, file.size, file.md5, file.modified))
    return tuple(sorted(found, key=lambda output: output.path))


def read_file(account: Account, path: str) -> bytes | None:
    """Return the bytes of one small file at a stage path, None if it is not there."""
    directory = Path(tempfile.mkdtemp(prefix="spcs-"))
    try:
        account.get(path, directory)
        file = directory / PurePosixPath(path).name
        return file.read_bytes() if file.exists() else None
    except Problem:
        return None
    finally:
        shutil.rmtree(directory)


def read_table(account: Account, run: Run, path: str, found: Iterable[Output]) -> Mapping[str, Any] | None:
    """Return the JSON object in one small output, given those there are; None if it is not among them, or no object."""
    if not any(output.path == path for output in found):
        return None
    try:
        table = json.loads(read_file(account, run.output + path) or b"null")
    except ValueError:
        return None
    return table if isinstance(table, dict) else None


def cancel(account: Account, run: Run) -> State:
    """Ask Snowflake to stop the run; returns the state it then has. A run that has ended stays as it is."""
    state = watch.observe(account, run).state
    if state.final or state is State.CANCELLING:
        return state
    account.query(sql.cancel_job(run.service))
    return watch.observe(account, run).state


def drop(account: Account, run: Run) -> None:
    """Remove the run's service from the account, stopping it if need be. Its files on the stage stay."""
    account.query(sql.drop_service(run.service, if_exists=True))


def runs(account: Account, database: str, schema: str, stage: str, connection: str) -> list[tuple[Run, State]]:
    """List the schema's runs that the account still knows, newest first."""
    found = []
    for row in account.query(sql.show_job_services(f"{database}.{schema}")):
        name = str(row["name"]).lower()
        if names.is_run(name):
            run = Run(name, database, schema, stage, connection, pool=str(row.get("compute_pool") or ""))
            found.append((run, State.of(str(row.get("status") or ""))))
    return sorted(found, key=lambda pair: names.started(pair[0].name), reverse=True)
