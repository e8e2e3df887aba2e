"""The SQL engine: statements over tables, translated and carried out in one DuckDB for all sessions."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path as Folder
from typing import Any

from local_account import results
from local_account.catalog import Path
from local_account.engine_sql import catalog, names
from local_account.engine_sql.connections import Connection, Connections, errors
from local_account.engine_sql.translate import Translated, translate
from local_account.engine_sql.types import column, from_duckdb, on_the_wire
from local_account.errors import exists, missing, unsupported
from local_account.sessions import Session
from local_account.statements import result as wire
from local_account.statements.result import Column, Result, fixed, status

_BATCH_ROWS = 8192
_HISTORY = """
CREATE SCHEMA IF NOT EXISTS account;
CREATE TABLE IF NOT EXISTS account.load_history (
    table_name VARCHAR, file VARCHAR, md5 VARCHAR, size BIGINT, row_count BIGINT, loaded_at TIMESTAMP);
"""


class Engine:
    """Thread-safe. `connections` has the transactions; nothing is cached: DuckDB itself is the catalog of tables."""

    def __init__(self, folder: Folder, results_folder: Folder, stages_folder: Folder) -> None:
        self.connections = Connections(folder / "tables.duckdb", stages_folder)
        self.connections.cursor().execute(_HISTORY)
        self._results = results_folder

    def run(self, session: Session, sql: str, context: Mapping[str, str | None], *, arrow: bool) -> Result:
        """Carry out a statement over tables. `context`: values of the CURRENT_… functions by name."""
        with errors():
            statement = translate(sql, session.qualify, context)
        if statement.reads or statement.verb in ("INSERT", "UPDATE", "DELETE", "MERGE"):
            session.need_warehouse()
        for path in statement.reads:
            catalog.need(self.connections.cursor(), path)
        if statement.verb == "SELECT":
            with self.connections.reading(session.id) as cursor:
                return self._select(cursor, statement.sql, arrow=arrow)
        if statement.verb in ("CREATE", "DROP", "ALTER"):
            return self._define(session, statement)
        return self._change(session, statement)

    def _select(self, cursor: Connection, sql: str, *, arrow: bool) -> Result:
        relation = cursor.sql(sql)
        kinds = [str(kind) for kind in relation.types]
        columns = [column(name, from_duckdb(kind)) for name, kind in zip(relation.columns, kinds, strict=True)]
        sent = [on_the_wire(f"#{place + 1}", kind) for place, kind in enumerate(kinds)]
        if any(not expression.startswith("#") for expression in sent):
            relation = relation.project(", ".join(sent))
        reader = relation.to_arrow_reader(_BATCH_ROWS)
        if arrow:
            chunks = results.write(iter(reader), reader.schema, columns, self._results)
            return Result(columns, chunks=chunks, statement_type=wire.SELECT)
        return Result(columns, results.in_memory(iter(reader)), statement_type=wire.SELECT)

    def _change(self, session: Session, statement: Translated) -> Result:
        if statement.target:
            catalog.need(self.connections.cursor(), statement.target)
        if statement.overwrite and statement.target in statement.reads:
            raise unsupported("INSERT OVERWRITE of a table from itself")
        with self.connections.writing(session) as cursor:
            if statement.overwrite and statement.target:
                cursor.execute(f"DELETE FROM {names.table(statement.target)}")
            rows = cursor.execute(statement.sql).fetchall()
        if statement.verb == "MERGE":
            actions = [row[0] for row in rows]
            counts = (actions.count("INSERT"), actions.count("UPDATE"), actions.count("DELETE"))
            kinds = [fixed(f"number of rows {word}") for word in ("inserted", "updated", "deleted")]
            return Result(kinds, [counts], statement_type=wire.MERGE)
        count = rows[0][0] if rows else 0
        if statement.verb == "UPDATE":
            kinds = [fixed("number of rows updated"), fixed("number of multi-joined rows updated")]
            return Result(kinds, [(count, 0)], statement_type=wire.UPDATE)
        word, code = ("inserted", wire.INSERT) if statement.verb == "INSERT" else ("deleted", wire.DELETE)
        return Result([fixed(f"number of rows {word}")], [(count,)], statement_type=code)

    def _define(self, session: Session, statement: Translated) -> Result:
        target = statement.target
        assert target is not None
        there = self.has(target)
        if statement.verb != "CREATE" and not there:
            if statement.conditional:
                return status(f"Drop statement executed successfully ({target.name} already dropped).")
            raise missing(statement.kind.capitalize(), str(target))
        if statement.verb == "CREATE" and there and not statement.or_replace:
            if statement.conditional:
                return status(f"{target.name} already exists, statement succeeded.")
            raise exists("Object", target.name)
        catalog.need_schema(self.connections.cursor(), target)
        self.connections.commit(session.id)  # Snowflake ends an open transaction before DDL
        with self.connections.writing(session) as cursor:
            cursor.execute(statement.sql)
            self._describe_new(cursor, session, statement, target)
        done = {"CREATE": "created", "DROP": "dropped"}.get(statement.verb)
        if statement.verb == "CREATE":
            return status(f"{statement.kind.capitalize()} {target.name} successfully {done}.")
        return status(f"{target.name} successfully {done}." if done else "Statement executed successfully.")

    def _describe_new(self, cursor: Connection, session: Session, statement: Translated, target: Path) -> None:
        """Keep in DuckDB's comments what Snowflake knows of a table and DuckDB does not."""
        where = names.table(target)
        if statement.verb != "ALTER":
            cursor.execute("DELETE FROM account.load_history WHERE table_name = ?", [where])
        if statement.verb == "CREATE":
            about = {"owner": session.role, "created_on": time.time(), "comment": statement.comment}
            if statement.temporary:
                about["session"] = session.id
            catalog.note(cursor, statement.kind, target, about)
        if statement.kind == "TABLE":
            for name, kind in statement.types.items():
                cursor.execute(f"COMMENT ON COLUMN {where}.{names.quoted(name)} IS {names.literal(kind.snowflake)}")

    def comment(self, session: Session, kind: str, path: Path, text: str) -> None:
        """Change the comment of a table or view, and nothing else that is kept with it."""
        about = next(about for found, about in self.tables(kind) if found == path)
        kept = {key: value for key, value in about.items() if key != "rows"} | {"comment": text}
        with self.connections.writing(session) as cursor:
            catalog.note(cursor, kind, path, kept)

    def truncate(self, session: Session, path: Path) -> None:
        """Empty a table and forget what was loaded into it."""
        catalog.need(self.connections.cursor(), path)
        with self.connections.writing(session) as cursor:
            cursor.execute(f"DELETE FROM {names.table(path)}")
            cursor.execute("DELETE FROM account.load_history WHERE table_name = ?", [names.table(path)])

    def create_schema(self, session: Session, path: Path) -> None:
        """`path` is a schema; what an unfinished DROP left in it goes."""
        where = names.quoted(names.schema_of(path.database, path.name))
        self.connections.commit(session.id)
        with self.connections.writing(session) as cursor:
            cursor.execute(f"DROP SCHEMA IF EXISTS {where} CASCADE")
            cursor.execute(f"CREATE SCHEMA {where}")

    def drop_schema(self, session: Session, path: Path) -> None:
        where = names.quoted(names.schema_of(path.database, path.name))
        self.connections.commit(session.id)
        with self.connections.writing(session) as cursor:
            cursor.execute(f"DROP SCHEMA IF EXISTS {where} CASCADE")
            cursor.execute("DELETE FROM account.load_history WHERE starts_with(table_name, ?)", [f"{where}."])

    def has(self, path: Path) -> bool:
        """Is there a table or view of this name?"""
        return catalog.has(self.connections.cursor(), path)

    def tables(self, kind: str = "TABLE") -> list[tuple[Path, dict[str, Any]]]:
        """All tables (or, with `kind` VIEW, views) with owner, created_on, comment and rows."""
        return catalog.tables(self.connections.cursor(), kind)

    def columns(self, path: Path) -> list[tuple[Column, str, str | None]]:
        """Columns in order: of the wire, the type as DESCRIBE spells it, the default. SqlError 2003 without a table."""
        return catalog.columns(self.connections.cursor(), path)

    def session_closed(self, session_id: int) -> None:
        """Roll back what the session left open and drop its temporary tables."""
        self.connections.rollback(session_id)
        for path, about in self.tables():
            if about.get("session") == session_id:
                with errors():
                    self.connections.cursor().execute(f"DROP TABLE IF EXISTS {names.table(path)}")

    def close(self) -> None:
        self.connections.close()
