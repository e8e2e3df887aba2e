"""Files of a stage, as LIST, PUT and GET tell of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

from spcs.errors import Refused

_TRANSFERRED = ("UPLOADED", "SKIPPED", "DOWNLOADED")


@dataclass(frozen=True)
class StageFile:
    """One row of LIST: `name` as Snowflake gives it (the stage's name in lower case comes first), `size` in bytes,
    `modified` in UTC."""

    name: str
    size: int
    md5: str
    modified: datetime | None = None


def stage_file(row: Mapping[str, Any]) -> StageFile:
    """A row of LIST."""
    modified = None
    with suppress(TypeError, ValueError):  # `Fri, 27 Nov 2026 13:37:43 GMT`
        modified = parsedate_to_datetime(row["last_modified"])
    return StageFile(str(row["name"]), int(row["size"]), str(row.get("md5") or ""), modified)


def check_transfer(rows: Iterable[Mapping[str, Any]]) -> None:
    """Raise Refused for the first file that a PUT or GET did not transfer."""
    for row in rows:
        if str(row.get("status", "")).upper() not in _TRANSFERRED:
            name = row.get("source") or row.get("file")
            raise Refused(f"the file {name} was not transferred", str(row.get("message") or ""))
