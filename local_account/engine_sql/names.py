"""Where a Snowflake table lies in DuckDB: one DuckDB schema `DATABASE.SCHEMA` for each schema."""

from __future__ import annotations

from local_account.catalog import Path


def schema_of(database: str, schema: str) -> str:
    """A dot inside a quoted name is doubled, so that two schemas never share one."""
    return f"{database.replace('.', '..')}.{schema.replace('.', '..')}"


def quoted(name: str) -> str:
    """An identifier in DuckDB's SQL."""
    escaped = name.replace('"', '""')
    return f'"{escaped}"'


def literal(text: str) -> str:
    """A string in DuckDB's SQL."""
    escaped = text.replace("'", "''")
    return f"'{escaped}'"


def table(path: Path) -> str:
    """A table in DuckDB's SQL."""
    return f"{quoted(schema_of(path.database, path.schema))}.{quoted(path.name)}"
