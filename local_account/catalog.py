"""The account's objects: one row each in SQLite, whatever their kind. Tables and views live in the SQL engine."""

from __future__ import annotations

import json
import re
import sqlite3
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local_account.errors import exists, missing
from local_account.state import State

_TABLES = """
CREATE TABLE IF NOT EXISTS objects (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL, database TEXT NOT NULL, schema TEXT NOT NULL, name TEXT NOT NULL,
    owner TEXT NOT NULL, comment TEXT NOT NULL, created_on REAL NOT NULL, properties TEXT NOT NULL,
    UNIQUE (kind, database, schema, name));
"""


@dataclass(frozen=True)
class Path:
    """Where an object is. Objects of the account have neither database nor schema; a schema has no schema."""

    database: str
    schema: str
    name: str

    def __str__(self) -> str:
        return ".".join(part for part in (self.database, self.schema, self.name) if part)


@dataclass(frozen=True)
class Object:
    """One object. `created_on` is seconds since 1970; `properties` is what its kind needs (JSON values)."""

    id: int
    kind: str
    path: Path
    owner: str
    comment: str
    created_on: float
    properties: dict[str, Any]

    @property
    def name(self) -> str:
        return self.path.name


class Catalog:
    """Thread-safe. `kind` is Snowflake's word: DATABASE, STAGE, COMPUTE POOL, … Errors are SqlError 2002 and 2003."""

    def __init__(self, state: State) -> None:
        self._state = state
        state.tables(_TABLES)

    def create(
        self,
        kind: str,
        path: Path,
        owner: str,
        properties: Mapping[str, Any] | None = None,
        *,
        or_replace: bool = False,
        if_not_exists: bool = False,
        comment: str = "",
    ) -> bool:
        """True if it was created, False if it was there and IF NOT EXISTS was said."""
        with self._state.write() as db:
            if self.find(kind, path):
                if if_not_exists:
                    return False
                if not or_replace:
                    raise exists("Object", path.name)
                self._delete(kind, path)
            db.execute(
                "INSERT INTO objects (kind, database, schema, name, owner, comment, created_on, properties)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    kind,
                    path.database,
                    path.schema,
                    path.name,
                    owner,
                    comment,
                    time.time(),
                    json.dumps(properties or {}),
                ),
            )
        return True

    def find(self, kind: str, path: Path) -> Object | None:
        row = self._state.one(
            "SELECT * FROM objects WHERE kind = ? AND database = ? AND schema = ? AND name = ?",
            (kind, path.database, path.schema, path.name),
        )
        return _object(row) if row else None

    def get(self, kind: str, path: Path) -> Object:
        """The object, or SqlError 2003."""
        found = self.find(kind, path)
        if not found:
            raise missing(kind.capitalize(), str(path))
        return found

    def list(
        self, kind: str, database: str | None = None, schema: str | None = None, like: str | None = None
    ) -> list[Object]:
        """Objects of a kind, by name. `like` is a SHOW pattern: `%` and `_`, any case."""
        where, values = ["kind = ?"], [kind]
        if database is not None:
            where, values = [*where, "database = ?"], [*values, database]
        if schema is not None:
            where, values = [*where, "schema = ?"], [*values, schema]
        rows = self._state.read(
            f"SELECT * FROM objects WHERE {' AND '.join(where)} ORDER BY database, schema, name", values
        )
        return [_object(row) for row in rows if matches(row["name"], like)]

    def update(
        self,
        found: Object,
        *,
        properties: Mapping[str, Any] | None = None,
        comment: str | None = None,
        owner: str | None = None,
    ) -> None:
        """Change what is given; `properties` are merged into the present ones, None removes a key."""
        with self._state.write() as db:
            row = self._state.one("SELECT * FROM objects WHERE id = ?", (found.id,))
            if row is None:
                return
            present = _object(row)  # `found` may be older than another session's change
            merged = {**present.properties, **(properties or {})}
            kept = {key: value for key, value in merged.items() if value is not None}
            comment, owner = present.comment if comment is None else comment, present.owner if owner is None else owner
            db.execute(
                "UPDATE objects SET properties = ?, comment = ?, owner = ? WHERE id = ?",
                (json.dumps(kept), comment, owner, found.id),
            )

    def drop(self, kind: str, path: Path, *, if_exists: bool = False) -> bool:
        """Remove it and what is inside it. True if it was there; SqlError 2003 if not, unless `if_exists`."""
        with self._state.write():
            if not self.find(kind, path):
                if if_exists:
                    return False
                raise missing(kind.capitalize(), str(path))
            self._delete(kind, path)
        return True

    def _delete(self, kind: str, path: Path) -> None:
        self._state.execute(
            "DELETE FROM objects WHERE kind = ? AND database = ? AND schema = ? AND name = ?",
            (kind, path.database, path.schema, path.name),
        )
        if kind == "DATABASE":
            self._state.execute("DELETE FROM objects WHERE database = ?", (path.name,))
        if kind == "SCHEMA":
            self._state.execute("DELETE FROM objects WHERE database = ? AND schema = ?", (path.database, path.name))


def matches(name: str, like: str | None) -> bool:
    """SHOW … LIKE: `%` any text, `_` one character, backslash escapes, case does not matter."""
    if like is None:
        return True
    pattern = re.sub(r"\\(.)|(%)|(_)|(.)", _translate, like, flags=re.DOTALL)
    return re.fullmatch(pattern, name, re.IGNORECASE | re.DOTALL) is not None


def _translate(match: re.Match[str]) -> str:
    if match.group(2):
        return ".*"
    if match.group(3):
        return "."
    return re.escape(match.group(1) or match.group(4))


def _object(row: sqlite3.Row) -> Object:
    return Object(
        row["id"],
        row["kind"],
        Path(row["database"], row["schema"], row["name"]),
        row["owner"],
        row["comment"],
        row["created_on"],
        json.loads(row["properties"]),
    )
