"""INFORMATION_SCHEMA: the views that clients ask for most, over DuckDB's own."""

from __future__ import annotations

from sqlglot import exp, parse_one

from local_account.engine_sql import names

#: a DuckDB schema is `DATABASE.SCHEMA` with dots inside a name doubled
_PLACE = """replace(split_part(place, '.', 1), chr(1), '.') AS {catalog},
    replace(split_part(place, '.', 2), chr(1), '.') AS {schema}"""
_TABLE_PLACE = _PLACE.format(catalog='"TABLE_CATALOG"', schema='"TABLE_SCHEMA"')
_FROM = "(SELECT *, replace(schema_name, '..', chr(1)) AS place FROM {source} WHERE schema_name LIKE '%.%')"
_TABLES = f"""
SELECT {_TABLE_PLACE}, table_name AS "TABLE_NAME", 'BASE TABLE' AS "TABLE_TYPE", estimated_size AS "ROW_COUNT"
FROM {_FROM.format(source="duckdb_tables()")}
UNION ALL
SELECT {_TABLE_PLACE}, view_name, 'VIEW', NULL FROM {_FROM.format(source="duckdb_views()")}"""
_COLUMNS = f"""
SELECT {_TABLE_PLACE}, table_name AS "TABLE_NAME", column_name AS "COLUMN_NAME", column_index AS "ORDINAL_POSITION",
    column_default AS "COLUMN_DEFAULT", CASE WHEN is_nullable THEN 'YES' ELSE 'NO' END AS "IS_NULLABLE",
    split_part(coalesce(comment, data_type), '(', 1) AS "DATA_TYPE"
FROM {_FROM.format(source="duckdb_columns()")}"""
_SCHEMATA = f"""
SELECT {_PLACE.format(catalog='"CATALOG_NAME"', schema='"SCHEMA_NAME"')}
FROM {_FROM.format(source="duckdb_schemas()")}"""
_VIEWS = {
    "TABLES": (_TABLES, "TABLE_CATALOG"),
    "COLUMNS": (_COLUMNS, "TABLE_CATALOG"),
    "SCHEMATA": (_SCHEMATA, "CATALOG_NAME"),
}


def view(database: str, name: str, alias: str) -> exp.Subquery | None:
    """`database.INFORMATION_SCHEMA.name` as a subquery, or None where there is no such view."""
    if name not in _VIEWS:
        return None
    text, catalog = _VIEWS[name]
    query = parse_one(f'SELECT * FROM ({text}) AS v WHERE "{catalog}" = {names.literal(database)}', read="duckdb")
    assert isinstance(query, exp.Select)
    return query.subquery(exp.to_identifier(alias, quoted=True), copy=False)
