"""What tables there are, as DuckDB knows it; its comments hold what Snowflake knows beyond that."""

from __future__ import annotations

import json
from typing import Any

from local_account.catalog import Path
from local_account.engine_sql import names
from local_account.engine_sql.connections import Connection
from local_account.engine_sql.types import column, from_duckdb
from local_account.errors import missing
from local_account.statements.result import Column


def has(cursor: Connection, path: Path) -> bool:
    """Is there a table or view of this name?"""
    found = cursor.execute(
        "SELECT 1 FROM duckdb_tables() WHERE schema_name = ? AND table_name = ? UNION ALL"
        " SELECT 1 FROM duckdb_views() WHERE schema_name = ? AND view_name = ?",
        [names.schema_of(path.database, path.schema), path.name] * 2,
    )
    return bool(found.fetchall())


def need(cursor: Connection, path: Path) -> None:
    """SqlError 2003 without such a table or view."""
    if not has(cursor, path):
        raise missing("Object", str(path))


def need_schema(cursor: Connection, path: Path) -> None:
    """SqlError 2003 without the schema that `path` is in."""
    found = cursor.execute(
        "SELECT 1 FROM duckdb_schemas() WHERE schema_name = ?", [names.schema_of(path.database, path.schema)]
    )
    if not found.fetchall():
        raise missing("Schema", f"{path.database}.{path.schema}")


def tables(cursor: Connection, kind: str) -> list[tuple[Path, dict[str, Any]]]:
    """All tables (or, with `kind` VIEW, views) with owner, created_on, comment and rows (0 for a view)."""
    word = kind.lower()
    rows = ", estimated_size" if kind == "TABLE" else ", 0"
    found = cursor.execute(
        f"SELECT schema_name, {word}_name, comment{rows} FROM duckdb_{word}s()"
        " WHERE schema_name LIKE '%.%' ORDER BY 1, 2"
    )
    described = []
    for schema, name, comment, size in found.fetchall():
        database, _, own = schema.replace("..", "\0").partition(".")
        path = Path(database.replace("\0", "."), own.replace("\0", "."), name)
        described.append((path, {"rows": size, **json.loads(comment or "{}")}))
    return described


def columns(cursor: Connection, path: Path) -> list[tuple[Column, str, str | None]]:
    """Columns in order: of the wire, the type as DESCRIBE spells it, the default. SqlError 2003 without a table."""
    need(cursor, path)
    found = cursor.execute(
        "SELECT column_name, data_type, is_nullable, column_default, comment FROM duckdb_columns()"
        " WHERE schema_name = ? AND table_name = ? ORDER BY column_index",
        [names.schema_of(path.database, path.schema), path.name],
    )
    described = []
    for name, stored, nullable, default, comment in found.fetchall():
        spelled = comment or from_duckdb(stored)
        described.append((column(name, spelled, nullable), spelled, default))
    return described


def note(cursor: Connection, kind: str, path: Path, about: dict[str, Any]) -> None:
    """Keep what Snowflake knows of a table or view."""
    cursor.execute(f"COMMENT ON {kind} {names.table(path)} IS {names.literal(json.dumps(about))}")
