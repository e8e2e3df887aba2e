"""COPY INTO a table from staged files, and COPY INTO a stage. A load and the memory of it are one transaction."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path as Folder
from typing import TYPE_CHECKING, Any

from local_account import objects
from local_account.catalog import Path
from local_account.engine_sql import names
from local_account.engine_sql.connections import Connection
from local_account.engine_sql.engine import Engine
from local_account.engine_sql.translate import translate
from local_account.errors import SqlError, unsupported
from local_account.objects import StageFile
from local_account.parse.tables import CopyInto, Unload
from local_account.sessions import Session
from local_account.statements.result import INSERT, Column, Result, fixed, rows, status, text

if TYPE_CHECKING:
    from local_account.account import Account

_LOADED: tuple[Column, ...] = (
    text("file"),
    text("status"),
    fixed("rows_parsed"),
    fixed("rows_loaded"),
    fixed("error_limit"),
    fixed("errors_seen"),
    text("first_error"),
    fixed("first_error_line"),
    fixed("first_error_character"),
    text("first_error_column_name"),
)


def into_table(
    engine: Engine,
    session: Session,
    wanted: CopyInto,
    options: Mapping[str, Any],
    files: list[StageFile],
    label: str,
) -> Result:
    """Load files that have not been loaded into this table before (all of them with FORCE = TRUE)."""
    table = session.qualify(wanted.table)
    columns = [column.name for column, _, _ in engine.columns(table)]
    if str(options.get("ON_ERROR", "ABORT_STATEMENT")).upper() != "ABORT_STATEMENT":
        raise unsupported(f"ON_ERROR = {options['ON_ERROR']}")
    where, loaded = names.table(table), []
    with engine.connections.writing(session) as cursor:
        for file in files:
            mark = f"{label}{file.key}"
            md5 = file.md5
            if not options.get("FORCE") and _seen(cursor, where, mark, md5):
                continue
            source = _reader(file, options["FILE_FORMAT"])
            target, select = _projection(cursor, wanted, options, columns, source)
            count = cursor.execute(
                f"INSERT INTO {where} ({target}) SELECT {select} FROM {source} AS source"
            ).fetchall()[0][0]
            _remember(cursor, where, mark, md5, file.size, count)
            loaded.append((mark, "LOADED", count, count, 1, 0, None, None, None, None))
    if not loaded:
        return status("Copy executed with 0 files processed.")
    result = rows(_LOADED, loaded)
    result.statement_type = INSERT
    return result


def _seen(cursor: Connection, where: str, mark: str, md5: str) -> bool:
    found = cursor.execute(
        "SELECT 1 FROM account.load_history WHERE table_name = ? AND file = ? AND md5 = ?", [where, mark, md5]
    )
    return bool(found.fetchall())


def _remember(cursor: Connection, where: str, mark: str, md5: str, size: int, count: int) -> None:
    cursor.execute("DELETE FROM account.load_history WHERE table_name = ? AND file = ?", [where, mark])
    cursor.execute("INSERT INTO account.load_history VALUES (?, ?, ?, ?, ?, now())", [where, mark, md5, size, count])


def _reader(file: StageFile, form: Mapping[str, Any]) -> str:
    """The DuckDB table function that reads a staged file."""
    path = names.literal(str(file.path))
    if form["TYPE"] == "PARQUET":
        return f"read_parquet({path})"
    if form["TYPE"] == "CSV":
        return f"read_csv({path}, {_csv(form)})"
    if form["TYPE"] == "JSON":
        return f"read_json({path}, columns = {{'$1': 'JSON'}}, records = false, format = 'auto')"
    raise unsupported(f"FILE_FORMAT TYPE = {form['TYPE']}")


def _csv(form: Mapping[str, Any]) -> str:
    header = bool(form.get("PARSE_HEADER"))
    quote = form.get("FIELD_OPTIONALLY_ENCLOSED_BY")
    nulls = form.get("NULL_IF", ["\\N"])
    options = {
        "header": str(header).lower(),
        "skip": str(int(form.get("SKIP_HEADER", 0))),
        "delim": names.literal(str(form.get("FIELD_DELIMITER", ","))),
        "quote": names.literal("" if quote in (None, "NONE") else str(quote)),
        "escape": names.literal("" if quote in (None, "NONE") else str(quote)),
        "nullstr": "["
        + ", ".join(names.literal(str(n)) for n in (nulls if isinstance(nulls, list) else [nulls]))
        + "]",
        "all_varchar": "true",
        "auto_detect": "true",
    }
    return ", ".join(f"{key} = {value}" for key, value in options.items())


def _projection(
    cursor: Connection, wanted: CopyInto, options: Mapping[str, Any], columns: list[str], source: str
) -> tuple[str, str]:
    """Target columns and the expressions that fill them."""
    form = options["FILE_FORMAT"]["TYPE"]
    target = list(wanted.columns) or columns
    if wanted.select is not None:
        return _list(target), _transformed(wanted.select)
    match = str(options.get("MATCH_BY_COLUMN_NAME") or "NONE").upper()
    if match != "NONE":
        return _matched(cursor, source, target, case_sensitive=match == "CASE_SENSITIVE")
    if form == "CSV":
        return _list(target), "*"
    if len(target) > 1:
        raise SqlError(
            2019,
            "0A000",
            f"SQL compilation error:\n{form} file format can produce one and only one column of type variant, object,"
            " or array."
            " Load data into separate columns using the MATCH_BY_COLUMN_NAME copy option or copy with transformation.",
        )
    return _list(target), '"$1"' if form == "JSON" else "to_json(source)"


def _matched(cursor: Connection, source: str, target: list[str], *, case_sensitive: bool) -> tuple[str, str]:
    """Columns of the file go to the table's columns of the same name; the table's others get NULL."""
    described = cursor.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
    fold = (lambda name: name) if case_sensitive else str.upper
    inside = {fold(str(row[0])): str(row[0]) for row in described}
    pairs = [(name, inside[fold(name)]) for name in target if fold(name) in inside]
    if not pairs:
        raise SqlError(
            100070, "22000", "No column of the file has the name of a column of the table (MATCH_BY_COLUMN_NAME)."
        )
    return _list([name for name, _ in pairs]), _list([column for _, column in pairs])


def _transformed(select: str) -> str:
    """`$1:name::type` of a Parquet file is its column `name`."""
    plain = re.sub(r'(?:\b\w+\.)?\$1:(?:"([^"]+)"|(\w+))', lambda m: names.quoted(m.group(1) or m.group(2)), select)
    return translate(f"SELECT {plain}", _no_tables, {}).sql.removeprefix("SELECT ")


def _no_tables(name: object) -> Path:
    raise unsupported("a table inside a COPY transformation")


def _list(columns: list[str]) -> str:
    return ", ".join(names.quoted(column) for column in columns)


def to_stage(
    account: Account,
    session: Session,
    wanted: Unload,
    form: Mapping[str, Any],
    stage: Path,
    key: str,
    context: Mapping[str, str | None],
) -> Result:
    """Write the result of a query: Parquet as `data_0_0_0…`, `data_0_0_1…` of MAX_FILE_SIZE each, CSV as one file."""
    session.need_warehouse()
    query, options = translate(wanted.query, session.qualify, context).sql, wanted.options
    suffix, how = _written(form, options)
    single = bool(options.get("SINGLE"))
    prefix = key if key and not key.endswith("/") else f"{key}data"
    if not options.get("OVERWRITE") and account.stages.list(stage, prefix if single else key):
        raise SqlError(
            1030, "22000", "Files already existing at the unload destination: use OVERWRITE option to force unloading"
        )
    most = 0 if single or form["TYPE"] != "PARQUET" else int(str(options.get("MAX_FILE_SIZE", 16 << 20)))
    target = account.stages.file(stage, prefix if single else f"{prefix}_0_0_0{suffix}")
    with account.engine.connections.reading(session.id) as cursor, objects.unseen(target.parent) as mark:
        if form["TYPE"] == "PARQUET":
            query = _for_parquet(cursor, query, header=bool(options.get("HEADER")))
        written = []
        for number, (part, count) in enumerate(_copied(cursor, query, mark, how, most)):
            final = target if single else target.with_name(target.name.replace("_0_0_0.", f"_0_0_{number}."))
            written.append((f"{key[: key.rfind('/') + 1]}{final.name}", part.stat().st_size, count))
            part.replace(final)
    if options.get("DETAILED_OUTPUT"):
        return rows((text("FILE_NAME"), fixed("FILE_SIZE"), fixed("ROW_COUNT")), written)
    size = sum(file[1] for file in written)
    columns = (fixed("rows_unloaded"), fixed("input_bytes"), fixed("output_bytes"))
    return rows(columns, [(sum(file[2] for file in written), size, size)])


def _copied(cursor: Connection, query: str, mark: Folder, how: str, most: int) -> list[tuple[Folder, int]]:
    """The files that hold the query's result, with the rows of each: none if there are no rows."""
    if not most:
        count = cursor.execute(f"COPY ({query}) TO {names.literal(str(mark))} ({how})").fetchall()[0][0]
        return [(mark, count)] if count else []
    pattern = names.literal(f"{mark.name}_{{i}}")
    several = f"FILE_SIZE_BYTES {most}, FILENAME_PATTERN {pattern}, OVERWRITE_OR_IGNORE, RETURN_STATS"
    stats = cursor.execute(f"COPY ({query}) TO {names.literal(str(mark.parent))} ({how}, {several})").fetchall()
    return [(Folder(file), count) for file, count, *_ in stats if count]


def _for_parquet(cursor: Connection, query: str, *, header: bool) -> str:
    """Refuses the types that Snowflake does not write to Parquet; without HEADER columns have no names of their own."""
    found = cursor.sql(query)
    for name, kind in zip(found.columns, map(str, found.types), strict=True):
        if kind == "TIMESTAMP WITH TIME ZONE":
            what = "TIMESTAMP_TZ and LTZ types are not supported for unloading to Parquet."
            raise SqlError(
                100090, "0A000", f"Error encountered when unloading to PARQUET: {what} value for column {name}"
            )
        if re.fullmatch(r"(FLOAT|INTEGER)\[\d+\]", kind):
            raise SqlError(100090, "0A000", f"SQL compilation error: Unsupported data type 'VECTOR' for column {name}")
    if header:
        return query
    return f"SELECT * FROM ({query}) AS unnamed ({', '.join(f'_COL_{i}' for i in range(len(found.columns)))})"


def _written(form: Mapping[str, Any], options: Mapping[str, Any]) -> tuple[str, str]:
    compression = str(form.get("COMPRESSION", "AUTO")).upper()
    if form["TYPE"] == "PARQUET":
        return ".snappy.parquet", "FORMAT parquet, COMPRESSION " + (
            "snappy" if compression == "AUTO" else compression.lower()
        )
    if form["TYPE"] == "CSV":
        plain = compression == "NONE"
        header = str(bool(options.get("HEADER"))).lower()
        delimiter = names.literal(str(form.get("FIELD_DELIMITER", ",")))
        kind = "none" if plain else "gzip"
        return (
            ".csv" if plain else ".csv.gz"
        ), f"FORMAT csv, HEADER {header}, DELIMITER {delimiter}, COMPRESSION {kind}"
    raise unsupported(f"unload with TYPE = {form['TYPE']}")
