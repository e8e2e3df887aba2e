"""Tables: by rich on a terminal, in plain aligned columns elsewhere, one JSON object a row with `--json`."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from spcs.show.console import emit, is_colourful, is_terminal, say, width, write

if TYPE_CHECKING:
    from spcs.run.model import Run, Snapshot


def table(columns: Sequence[str], rows: Sequence[Mapping[str, Any]], *, as_json: bool = False, none: str = "") -> None:
    """Show these columns of the rows; `none` is what to say where there are no rows. JSON gives the rows whole."""
    if as_json:
        for row in rows:
            emit(row)
    elif not rows:
        say(none or "there is nothing to show")
    elif is_terminal(sys.stdout):
        _rich(columns, rows)
    else:
        write(aligned([columns, *([_cell(row.get(column)) for column in columns] for row in rows)]))


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Return rows of text as columns two spaces apart, without trailing blanks."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(size) for cell, size in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join(lines)


def images(rows: Sequence[Mapping[str, Any]], *, as_json: bool = False) -> None:
    """Show rows of SHOW IMAGES IN IMAGE REPOSITORY."""
    columns = [c for c in ("image_name", "tags", "digest", "created_on") if any(c in row for row in rows)]
    table(columns, rows, as_json=as_json, none="no images yet; inv build push makes one")


def status(run: Run, snapshot: Snapshot, *, as_json: bool = False) -> None:
    """Show a run's state and its containers. JSON gives one object with both."""
    containers = [
        {
            "instance": c.instance,
            "container": c.name,
            "status": c.status,
            "exit_code": c.exit_code,
            "signal": c.signal,
            "message": c.message,
        }
        for c in snapshot.containers
    ]
    entry = {"run": run.name, "state": snapshot.state.value, "pool": snapshot.pool or run.pool}
    entry |= {"created": _time(snapshot.created), "output": run.output}
    if as_json:
        emit({**entry, "updated": _time(snapshot.updated), "containers": containers})
        return
    write(aligned([(key, value) for key, value in entry.items() if value]))
    if containers:
        write("")
        table(("instance", "container", "status", "exit_code", "message"), containers)


def pool(entry: Mapping[str, Any], *, as_json: bool = False) -> None:
    """Show a compute pool; `credits_per_hour` is what it is billed now, None where that is not known."""
    if as_json:
        return emit(entry)
    idle, credits = entry["auto_suspend_secs"], entry["credits_per_hour"]
    lines = {
        "pool": entry["pool"],
        "state": entry["state"],
        "nodes": f"{entry['nodes']} of {entry['min_nodes']} to {entry['max_nodes']}, {entry['instance_family']}",
        "runs in it": f"{entry['jobs']} jobs, {entry['services']} services",
        "suspends": f"after {idle} s without any" if idle else "never by itself",
        "costs now": "" if credits is None else f"{credits:.4g} credits an hour",
    }
    write(aligned([(key, str(value)) for key, value in lines.items() if value]))


def _rich(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        grid.add_column(column, overflow="fold")
    for row in rows:
        grid.add_row(*(Text(_cell(row.get(column))) for column in columns))
    colours: Literal["auto"] | None = "auto" if is_colourful(sys.stdout) else None
    Console(width=width(), highlight=False, color_system=colours).print(grid)


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return _time(value)
    return " ".join(str(value).split())


def _time(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
