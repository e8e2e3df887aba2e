"""The runs of an account, as it knows them: its job services, and the records on the stage.

A record is written when its run is submitted and completed here, by whoever first sees that the run has ended. The
desk's copies only spare a look.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from spcs.errors import Problem
from spcs.run import cost, files, receipts, verdict, watch
from spcs.run.account import Account
from spcs.run.logs import LogReader
from spcs.run.masks import masked
from spcs.run.model import Run, Snapshot, State, Verdict
from spcs.run.names import folder, record_file, record_path
from spcs.run.record import End, Record, from_json, to_json

PROGRAM = "config.json"
"""The settings of app/, which it writes among its outputs."""


def read(account: Account, run: Run) -> Record | None:
    """Return the run's record as it is on the stage, None where there is none that can be read."""
    content = files.read_file(account, record_path(run.stage, run.name))
    return adopted(from_json(content), run) if content else None


def adopted(found: Record | None, run: Run) -> Record | None:
    """Return a record that came from the stage as this desk's: the word for the account is each desk's own. None if it
    is not that run's."""
    if found is None or found.run.name != run.name:
        return None
    own = replace(found.run, database=run.database, schema=run.schema, stage=run.stage, connection=run.connection)
    return replace(found, run=own)


def find(account: Account, root: Path, run: Run) -> Record:
    """Return what is known of the run: its record here if it is complete, else that on the stage, else a bare one."""
    here = receipts.read(root, run.name)
    if here and here.end:
        return here
    return read(account, run) or here or Record(run)


def complete(account: Account, root: Path, ended: Verdict) -> Record:
    """Add how the run ended to its record, on the stage as here, and return it. What was complete stays as it is.

    A role that may not write the stage completes the copy here only; so it does where the stage cannot be reached.
    """
    # One's own copy spares the look at the stage; of a run that is gone, somebody else may have seen the end.
    here = None if ended.state is State.DELETED else receipts.read(root, ended.run.name)
    record = here or find(account, root, ended.run)
    if record.end or not ended.state.final:
        return record
    end = end_of(account, ended)
    end = replace(end, credits=cost.spent(root, record, end))
    record = replace(record, end=end, seeds={**_seeds(end.program), **record.seeds})
    if receipts.read(root, ended.run.name):
        receipts.write(root, record)
    with suppress(Problem):
        _put(account, record)
    return record


def look(account: Account, root: Path, run: Run) -> Record:
    """Return the run's record, completed first if the run has ended and nobody was there to see it."""
    record = find(account, root, run)
    if record.end:
        return record
    try:
        snapshot = watch.observe(account, record.run)
    except watch.RunMissing:
        return record
    if not snapshot.state.final:
        return record
    return complete(account, root, conclude(account, record.run, snapshot))


def conclude(account: Account, run: Run, snapshot: Snapshot, doom: str = "") -> Verdict:
    """Return the verdict of a run that has ended, from the account alone; `doom` says why it could not begin."""
    lines = []
    if snapshot.state is not State.DONE:
        with suppress(Problem):
            reader = LogReader(account, run)
            lines = [*reader.poll(snapshot.containers), *reader.flush()]
    return verdict.conclude(account, run, snapshot, lines, doom)


def end_of(account: Account, ended: Verdict) -> End:
    """Return a verdict as a record keeps it."""
    snapshot, blamed = ended.snapshot or Snapshot(ended.state), ended.container
    return End(
        state=ended.state,
        reason=ended.reason,
        remedy=ended.remedy,
        container=blamed.name if blamed else "",
        instance=blamed.instance if blamed else None,
        exit_code=_exit_code(ended),
        signal=blamed.signal if blamed else "",
        created=_utc(snapshot.created),
        started=_started(snapshot),
        ended=_utc(snapshot.updated) if ended.state.final else None,
        metrics=ended.metrics,
        program=_program(account, ended),
        files=len(ended.outputs),
        bytes=sum(output.size for output in ended.outputs),
        notes=ended.notes,
        traceback=tuple(map(masked, ended.traceback)),
        last_lines=tuple(map(masked, ended.last_lines)),
        image_digest=next((each.digest for each in snapshot.containers if each.digest), ""),
    )


def _exit_code(ended: Verdict) -> int | None:
    return ended.container.exit_code if ended.container else (0 if ended.succeeded else None)


def _started(snapshot: Snapshot) -> datetime | None:
    started = min((each.started for each in snapshot.containers if each.started), default=None)
    # Containers have whole seconds, the job has fractions: none starts before its job.
    return max(started, snapshot.created).astimezone(UTC) if started and snapshot.created else started


def _utc(moment: datetime | None) -> datetime | None:
    return moment.astimezone(UTC) if moment else None


def _program(account: Account, ended: Verdict) -> Mapping[str, Any] | None:
    return files.read_table(account, ended.run, PROGRAM, ended.outputs)


def _seeds(program: Mapping[str, Any] | None) -> dict[str, int]:
    """The seeds among the settings that the program resolved for itself."""
    found = (program or {}).items()
    return {name: value for name, value in found if name.split("_")[-1] == "seed" and type(value) is int}


def _put(account: Account, record: Record) -> None:
    with tempfile.TemporaryDirectory(prefix="spcs-") as place:
        file = Path(place) / record_file(record.run.name)
        file.write_text(to_json(record))
        account.put(file, folder(record.run.stage, record.run.name))
