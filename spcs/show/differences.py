"""How two runs differ: tables of what is not the same in both, and patches of the texts they were made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from spcs.show import changes, compare
from spcs.show.console import emit, say, write
from spcs.show.runs import duration, number
from spcs.show.tables import aligned

if TYPE_CHECKING:
    from spcs.run.record import Record

NOTHING = "–"


@dataclass(frozen=True)
class Difference:
    """Two runs, and by the name of a text the lines of a unified diff from the first to the second."""

    records: tuple[Record, Record]
    patches: Mapping[str, tuple[str, ...]]


def show(found: Difference, *, as_json: bool = False) -> None:
    """Put the differences on stdout, or say that there are none. JSON gives one object."""
    tables = {title: rows for title, rows in _tables(found.records).items() if rows}
    if as_json:
        runs = [record.run.name for record in found.records]
        patches = {name: "\n".join(lines) for name, lines in found.patches.items()}
        return emit({"runs": runs, **_raw(found.records), "texts": patches})
    for title, rows in tables.items():
        write(aligned([(title, *(record.run.name for record in found.records), *_more(title)), *rows]) + "\n")
    for lines in found.patches.values():
        changes.patch(lines)
    if not tables and not found.patches:
        say("they differ in nothing that their records tell")


def _more(title: str) -> tuple[str, ...]:
    return ("change",) if title == "metrics" else ()


def _tables(records: tuple[Record, Record]) -> dict[str, list[tuple[str, ...]]]:
    found: dict[str, list[tuple[str, ...]]] = {}
    for title, (one, other) in _facts(records).items():
        rows = compare.differing((one, other)).rows
        found[title] = [(name, *(cell.text for cell in cells)) for name, cells in rows]
    found["metrics"] = _metrics(records)
    return found


def _raw(records: tuple[Record, Record]) -> dict[str, dict[str, list[Any]]]:
    found: dict[str, dict[str, list[Any]]] = {}
    for title, (one, other) in _facts(records).items():
        rows = compare.differing((one, other)).rows
        found[title] = {name: [cell.text for cell in cells] for name, cells in rows}
    one, other = (record.metrics for record in records)
    names = [name for name in {**one, **other} if one.get(name) != other.get(name)]
    return found | {"metrics": {name: [one.get(name), other.get(name)] for name in names}}


def _facts(records: tuple[Record, Record]) -> dict[str, tuple[Mapping[str, str], Mapping[str, str]]]:
    """What is compared, by titles: of each run a flat table."""
    told = [_of(record) for record in records]
    return {title: (told[0][title], told[1][title]) for title in told[0]}


def _of(record: Record) -> dict[str, dict[str, str]]:
    end = record.end
    settings = {**record.settings, "set": record.overrides, "seeds": record.seeds, "replicas": record.replicas}
    image = asdict(record.image) | {"ran": end.image_digest if end else ""}
    code = {"revision": record.code.revision, "branch": record.code.branch, "untracked": record.code.untracked}
    origin = {"like": record.like, "resumes": record.resumes, "by": record.by, **record.versions.get("desk", {})}
    outcome = {"state": end.state.word if end else "going on", "exit_code": end.exit_code if end else None}
    outcome |= {"took": duration(end.seconds) if end and end.seconds is not None else ""}
    outcome |= {"files": end.files if end else None, "reason": end.reason if end else ""}
    parts: dict[str, Any] = {"settings": settings, "image": image, "code": code, "origin": origin}
    return {title: compare.flattened(part) for title, part in (parts | {"outcome": outcome}).items()}


def _metrics(records: tuple[Record, Record]) -> list[tuple[str, ...]]:
    one, other = (record.metrics for record in records)
    rows = []
    for name in {**one, **other}:
        was, now = one.get(name), other.get(name)
        if was != now:
            rows.append((name, *(NOTHING if each is None else number(each) for each in (was, now)), _change(was, now)))
    return rows


def _change(was: float | None, now: float | None) -> str:
    if was is None or now is None:
        return ""
    relative = f" ({(now - was) / abs(was):+.1%})" if was else ""
    return f"{number(now - was) if now < was else f'+{number(now - was)}'}{relative}"
