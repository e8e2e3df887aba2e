"""Table data: Snowflake's SQL carried out by DuckDB. Nothing outside this folder imports duckdb or sqlglot."""
