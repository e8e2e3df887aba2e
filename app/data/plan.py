"""What to read, and from where: files, a table, or the files that a table was written to once, in the output folder.

Those lie in `<output>/data/<a name never used before>/`, for all nodes to read, and for runs that go on from this one.
The manifest beside them is written last, when the files are there with all their rows: without it they are nothing.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from app.config import Config, Problem
from app.data.files import LOAD_FIRST, Files, Shard, files, natural
from app.data.schema import Schema, fixed, revived, spoken
from app.data.table import Table, table
from app.report import say

T = TypeVar("T")
MANIFEST = "manifest.json"
WITHIN = 120.0  # seconds until what one machine wrote to a stage is seen by the others


@dataclass(frozen=True)
class Plan:
    """`origin` says where the shards come from: the query's id, and the files with their sizes."""

    schema: Schema
    shards: list[Shard]
    origin: dict[str, Any]


def planned(config: Config, nodes: int) -> Plan:
    """Raises Problem. A name with a slash or .parquet is a file's or a folder's, any other a table's."""
    if config.data.endswith(".parquet") or "/" in config.data:
        given = files(config.data)
        schema = fixed(given, config)
        return Plan(schema, given.shards(schema.sources), {"files": given.sizes()})
    if config.unload != "never" and (plan := kept(config)):
        return plan
    with table(config) as source:
        schema = fixed(source, config)
        wanted = config.stage and (nodes > 1 or config.resume)
        if config.unload == "always" or (config.unload == "auto" and wanted):
            return unloaded(source, schema, config)
        shards, query = source.shards(schema.sources, schema.row_id)
        return Plan(schema, shards, {"query_id": query})


def unloaded(source: Table, schema: Schema, config: Config) -> Plan:
    """Has Snowflake write the table to the stage, and waits until it is seen in the output folder."""
    if not config.stage:
        raise Problem("--unload is always, and --output is on no stage", "name its stage location with --stage")
    name = secrets.token_hex(4)
    folder = Path(config.output, "data", name)
    rows, query = source.unload(schema.sources, schema.row_id, f"{config.stage.rstrip('/')}/data/{name}/")
    if not rows:
        raise Problem(f"{config.data} has no rows", LOAD_FIRST)
    manifest = {
        "settings": deciding(config),
        "schema": schema.as_dict(),
        "query_id": query,
        "rows": sum(rows.values()),
        "files": sorted(rows, key=natural),
    }
    plan = awaited(lambda: opened(folder, manifest))
    with (folder / MANIFEST).open("x") as file:
        json.dump(manifest, file, indent=1)
    return plan


def kept(config: Config) -> Plan | None:
    """The rows that this run, or the one it goes on from, was given before, if they are still whole."""
    for place in filter(None, (config.output, config.resume)):
        for path in sorted(Path(place, "data").glob(f"*/{MANIFEST}")):
            try:
                manifest = json.loads(path.read_text())
                if manifest["settings"] == deciding(config):
                    return opened(path.parent, manifest)
            except (OSError, ValueError, LookupError, TypeError, Problem) as error:
                say(note=f"{path.parent} is passed over: {str(error).splitlines()[0]}")
    return None


def opened(folder: Path, manifest: Mapping[str, Any]) -> Plan:
    """Raises Problem where not all rows are there; a Parquet file that was cut cannot even be opened."""
    found, schema = Files([folder / name for name in manifest["files"]], str(folder)), revived(manifest["schema"])
    if (rows := found.dataset.count_rows()) != manifest["rows"]:
        raise Problem(f"{folder} holds {rows} rows of {manifest['rows']}", "run again")
    return Plan(schema, found.shards(schema.sources), {"query_id": manifest["query_id"], "files": found.sizes()})


def deciding(config: Config) -> dict[str, Any]:
    """The settings that the schema follows from."""
    names = ("data", "label", "row_id", "features", "classes")
    return {name: getattr(config, name) for name in names} | {"columns": spoken(config.columns)}


def check_sizes(there: Iterable[Mapping[str, Any]]) -> None:
    for file in there:
        path = Path(file["path"])
        if not path.exists() or path.stat().st_size != file["bytes"]:
            raise Problem(f"there is no {path} of {file['bytes']} bytes", "run again; give all nodes the same folders")


def awaited(look: Callable[[], T], within: float = WITHIN) -> T:
    """What `look` returns once it no longer raises a Problem."""
    end = time.monotonic() + within
    while True:
        try:
            return look()
        except Problem:
            if time.monotonic() > end:
                raise
        time.sleep(0.5)
