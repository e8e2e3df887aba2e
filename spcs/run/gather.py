"""Ask the account for all that a report tells of a run. What it does not have is left out, and said in the notes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

from spcs.account import sql
from spcs.errors import Problem
from spcs.run import files, history, measures, verdict, watch
from spcs.run.account import Account
from spcs.run.logs import LogReader
from spcs.run.measures import Measures
from spcs.run.model import LogLine, Output, Run, Snapshot, State, Verdict
from spcs.run.record import End, Record
from spcs.run.story import Picture, Resource, Story

METRICS = "metrics.jsonl"
SETTINGS = "config.json"
PREDICTIONS = "predictions.json"
MOST_PICTURES = 12
LARGEST_PICTURE = 2_000_000  # bytes; larger ones are for inv fetch
LARGEST_TEXT = 50_000_000
KINDS = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".gif": "image/gif", ".webp": "image/webp"}


def story(account: Account, root: Path, run: Run) -> Story:
    """Return what is known of a run now, whether it waits, goes on, has ended, or was dropped.

    `root` is the project's folder, where a copy of the run's record may be. Raises RunMissing where neither the account
    nor the stage knows the run. A file that cannot be read counts as not there.
    """
    notes: list[str] = []
    record = history.find(account, root, run)
    snapshot, lines = _seen(account, record, notes)
    ended = _ended(account, record, snapshot, lines)
    if snapshot.state is State.DELETED and not ended.outputs:
        raise watch.RunMissing(run)
    left = _Left(account, record.run, {output.path: output for output in ended.outputs})
    measured = _measures(left.text(METRICS), lines)
    resources, unmeasured = _resources(account, record.run, snapshot)
    return Story(
        verdict=ended,
        snapshot=snapshot,
        record=record,
        told=datetime.now(UTC),
        lines=tuple(lines),
        measures=measured.series(),
        counted_by=measured.counted_by or "step",
        program=left.table(SETTINGS),
        texts=record.texts or left.specification(),
        pictures=left.pictures(notes),
        predictions=left.rows(PREDICTIONS),
        resources=resources,
        unmeasured=unmeasured,
        notes=tuple(notes),
    )


def _seen(account: Account, record: Record, notes: list[str]) -> tuple[Snapshot, list[LogLine]]:
    """The run's state and its log. Of one that the account has forgotten, the record has the state and no log."""
    try:
        snapshot = watch.observe(account, record.run)
    except watch.RunMissing:
        notes.append("The account does not know the run any more, and its log is gone with it.")
        end = record.end or End(State.DELETED)
        return Snapshot(end.state, created=end.created, updated=end.ended), []
    reader = LogReader(account, record.run, notes.append, patience=0)
    try:
        return snapshot, [*reader.poll(snapshot.containers), *reader.flush()]
    except Problem as problem:
        notes.append(f"The log could not be read: {problem.what}.")
        return snapshot, []


def _ended(account: Account, record: Record, snapshot: Snapshot, lines: list[LogLine]) -> Verdict:
    ended = verdict.conclude(account, record.run, snapshot, lines)
    if not record.end or snapshot.containers:
        return ended
    return replace(ended, reason=record.end.reason, remedy=record.end.remedy, last_lines=record.end.last_lines)


def _measures(text: str, lines: list[LogLine]) -> Measures:
    """The file has all digits, the log may be ahead of it: what both have is taken from the file."""
    kept, said = measures.from_jsonl(text), measures.from_log(lines)
    if kept.counted_by in ("", said.counted_by):
        said.update(kept)
        return said
    return kept


class _Left:
    """What the run left on the stage, by path, each read when it is asked for."""

    def __init__(self, account: Account, run: Run, outputs: Mapping[str, Output]) -> None:
        self._account, self._run, self._outputs = account, run, outputs

    def text(self, path: str) -> str:
        if path not in self._outputs or self._outputs[path].size > LARGEST_TEXT:
            return ""
        return (files.read_file(self._account, self._run.output + path) or b"").decode(errors="replace")

    def table(self, path: str) -> dict[str, Any]:
        found = _parsed(self.text(path))
        return found if isinstance(found, dict) else {}

    def rows(self, path: str) -> tuple[dict[str, Any], ...]:
        found = _parsed(self.text(path))
        return tuple(row for row in found if isinstance(row, dict)) if isinstance(found, list) else ()

    def specification(self) -> dict[str, str]:
        """The one text that lies on the stage of a run that has no record."""
        text = files.read_file(self._account, self._run.spec_path)
        return {"spec.yaml": text.decode(errors="replace")} if text else {}

    def pictures(self, notes: list[str]) -> tuple[Picture, ...]:
        found = [path for path in sorted(self._outputs) if PurePosixPath(path).suffix.lower() in KINDS]
        small = [path for path in found if self._outputs[path].size <= LARGEST_PICTURE][:MOST_PICTURES]
        if len(found) > len(small):
            notes.append(f"{len(found) - len(small)} more pictures are in {self._run.output} (inv fetch brings them).")
        contents = {path: files.read_file(self._account, self._run.output + path) for path in small}
        return tuple(
            Picture(path, KINDS[PurePosixPath(path).suffix.lower()], content)
            for path, content in contents.items()
            if content
        )


def _parsed(text: str) -> Any:
    try:
        return json.loads(text) if text else None
    except (ValueError, RecursionError):
        return None


def _resources(account: Account, run: Run, snapshot: Snapshot) -> tuple[tuple[Resource, ...], str]:
    """What the account measured of the run's containers, or why there is nothing."""
    if not snapshot.containers:
        return (), "The account does not know the run's containers any more."
    try:
        rows = account.query(sql.measured(run.service, snapshot.created))
    except Problem:
        who = "The local account" if run.connection == "local" else "The account"
        return (), f"{who} has no measurements of processors, memory and GPUs."
    series: dict[tuple[str, str, str], dict[float, float]] = {}
    for row in rows:
        if (at := watch.moment(row.get("timestamp"))) and (value := _number(row.get("value"))) is not None:
            where = f"{row.get('instance_id', '')}/{row.get('container_name', '')}"
            key = str(row.get("metric_name", "")), str(row.get("unit") or ""), where
            series.setdefault(key, {})[at.timestamp()] = value
    found = tuple(Resource(*key, tuple(sorted(values.items()))) for key, values in series.items())
    return (
        found,
        "" if found else "The account measures what `platformMonitor` in the specification names: nothing here.",
    )


def _number(value: object) -> float | None:
    try:
        return float(str(value))
    except ValueError:
        return None
