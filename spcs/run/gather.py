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
from spcs.run.measures import Measures, Series
from spcs.run.model import LogLine, Output, Run, Snapshot, State, Verdict
from spcs.run.record import End, Record
from spcs.run.story import Picture, Resource, Story

METRICS = "metrics.jsonl"
SETTINGS = "config.json"
PREDICTIONS = "predictions.json"
MOST_PICTURES = 12
LARGEST_PICTURE = 2_000_000  # bytes; larger ones are for inv fetch
LARGEST_TEXT = 50_000_000
NOT_ASKED = "The account was not asked for measurements of processors, memory and GPUs: inv report does."
KINDS = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".gif": "image/gif", ".webp": "image/webp"}


def story(account: Account, root: Path, run: Run) -> Story:
    """Return what is known of a run now, whether it waits, goes on, has ended, or was dropped.

    `root` is the project's folder, where a copy of the run's record may be. Raises RunMissing where neither the account
    nor the stage knows the run. A file that cannot be read counts as not there.
    """
    return Teller(account, root, run).tell()


class Teller:
    """Tells the story of one run, as often as it is asked, and reads again only what is new."""

    def __init__(self, account: Account, root: Path, run: Run, *, resources: bool = True, most_lines: int = 0) -> None:
        """Without `resources` the account is not asked for its measurements, which takes a warehouse. Of a log of more
        than `most_lines` (0: any) those in front are forgotten, but for what they measure."""
        self._account, self._root, self._run = account, root, run
        self._asks, self._most = resources, most_lines
        self._contents: dict[str, tuple[str, bytes]] = {}
        self._warnings: dict[str, None] = {}
        self._reader = LogReader(account, run, lambda text: self._warnings.update({_sentence(text): None}), patience=0)
        self._lines: list[LogLine] = []

    def tell(self) -> Story:
        """See `story`."""
        account, record = self._account, history.find(self._account, self._root, self._run)
        notes: list[str] = []
        snapshot = self._look(record, notes)
        ended = _ended(account, record, snapshot, self._lines)
        if snapshot.state is State.DELETED and not ended.outputs:
            raise watch.RunMissing(self._run)
        left = _Left(account, record.run, {output.path: output for output in ended.outputs}, self._contents)
        measured = _measures(left.text(METRICS), self._lines)
        resources, unmeasured = _resources(account, record.run, snapshot) if self._asks else ((), NOT_ASKED)
        return Story(
            verdict=ended,
            snapshot=snapshot,
            record=record,
            told=datetime.now(UTC),
            lines=tuple(self._lines),
            measures=measured.series(),
            counted_by=measured.counted_by or "step",
            program=left.table(SETTINGS),
            texts=record.texts or left.specification(),
            pictures=left.pictures(notes),
            predictions=left.rows(PREDICTIONS),
            resources=resources,
            unmeasured=unmeasured,
            notes=(*notes, *self._warnings),
        )

    def _look(self, record: Record, notes: list[str]) -> Snapshot:
        """The run's state; and its log is read. Of one that the account has forgotten, the record has the state."""
        try:
            snapshot = watch.observe(self._account, record.run)
        except watch.RunMissing:
            notes.append("The account does not know the run any more, and its log is gone with it.")
            end = record.end or End(State.DELETED)
            return Snapshot(end.state, created=end.created, updated=end.ended)
        try:
            self._lines += [*self._reader.poll(snapshot.containers), *self._reader.flush()]
        except Problem as problem:
            notes.append(f"The log could not be read: {problem.what}.")
        if 0 < self._most < len(self._lines):
            early = [line for line in self._lines[: -self._most // 2] if measures.measurement(line.text)]
            self._lines = early + self._lines[-self._most // 2 :]
        return snapshot


class Measured:
    """The measurements of one run alone, with as few questions as they take."""

    def __init__(self, account: Account, run: Run) -> None:
        self._account, self._run = account, run
        self._reader, self._said = LogReader(account, run, patience=0), Measures()

    def look(self, *, ended: bool) -> Mapping[str, Series]:
        """Return them as they are now: from the file that an ended run left, else from the log, which is read on."""
        if ended and (content := files.read_file(self._account, self._run.output + METRICS)):
            return measures.from_jsonl(content.decode(errors="replace")).series()
        snapshot = watch.observe(self._account, self._run)
        for line in [*self._reader.poll(snapshot.containers), *self._reader.flush()]:
            if found := measures.measurement(line.text):
                self._said.add(found)
        return self._said.series()


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

    def __init__(
        self,
        account: Account,
        run: Run,
        outputs: Mapping[str, Output],
        contents: dict[str, tuple[str, bytes]],
    ) -> None:
        """`contents` keeps what was read, with its checksum, by path."""
        self._account, self._run, self._outputs, self._contents = account, run, outputs, contents

    def content(self, path: str) -> bytes:
        md5 = self._outputs[path].md5
        if path not in self._contents or not md5 or self._contents[path][0] != md5:
            self._contents[path] = md5, files.read_file(self._account, self._run.output + path) or b""
        return self._contents[path][1]

    def text(self, path: str) -> str:
        if path not in self._outputs or self._outputs[path].size > LARGEST_TEXT:
            return ""
        return self.content(path).decode(errors="replace")

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
        contents = {path: self.content(path) for path in small}
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


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _number(value: object) -> float | None:
    try:
        return float(str(value))
    except ValueError:
        return None
