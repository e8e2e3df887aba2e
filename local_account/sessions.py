"""Logins, session and master tokens, and what a session has in USE. Sessions survive a restart of the server."""

from __future__ import annotations

import hashlib
import json
import secrets
import sqlite3
import time
from dataclasses import dataclass, field

from local_account.catalog import Path
from local_account.errors import LoginError, SqlError
from local_account.parse.names import Name
from local_account.state import State

_TABLES = """
CREATE TABLE IF NOT EXISTS sessions (
    id INTEGER PRIMARY KEY AUTOINCREMENT, user TEXT NOT NULL, role TEXT NOT NULL, context TEXT NOT NULL,
    parameters TEXT NOT NULL, client TEXT NOT NULL, client_version TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS tokens (
    hash TEXT PRIMARY KEY, kind TEXT NOT NULL, session INTEGER NOT NULL, expires REAL NOT NULL);
"""


@dataclass
class Session:
    """A login. Names are stored forms (upper case unless quoted); None where nothing is in USE."""

    id: int
    user: str
    role: str
    database: str | None = None
    schema: str | None = None
    warehouse: str | None = None
    parameters: dict[str, str] = field(default_factory=dict)
    client: str = ""
    client_version: str = ""

    def qualify(self, name: Name) -> Path:
        """The full path of an object in a schema. SqlError 90105 / 90106 where nothing is in USE."""
        parts = name.parts
        database = parts[-3] if len(parts) == 3 else self.need_database()
        schema = parts[-2] if len(parts) >= 2 else self.need_schema()
        return Path(database, schema, parts[-1])

    def qualify_schema(self, name: Name) -> Path:
        """The full path of a schema."""
        if len(name.parts) > 2:
            raise SqlError(1003, "42000", f"SQL compilation error:\nsyntax error: '{name}' is not the name of a schema")
        return Path(name.parts[0] if len(name.parts) == 2 else self.need_database(), "", name.last)

    def need_database(self) -> str:
        if not self.database:
            raise SqlError(
                90105,
                "22000",
                "Cannot perform operation. This session does not have a current database."
                " Call 'USE DATABASE', or use a qualified name.",
            )
        return self.database

    def need_schema(self) -> str:
        self.need_database()
        if not self.schema:
            raise SqlError(
                90106,
                "22000",
                "Cannot perform operation. This session does not have a current schema."
                " Call 'USE SCHEMA', or use a qualified name.",
            )
        return self.schema

    def need_warehouse(self) -> str:
        """Reading or writing table data needs a warehouse, as on Snowflake."""
        if not self.warehouse:
            raise SqlError(
                606,
                "57P03",
                "No active warehouse selected in the current session."
                "  Select an active warehouse with the 'use warehouse' command.",
            )
        return self.warehouse

    @property
    def old_client(self) -> bool:
        """A Python connector of the 4.x line: it cannot use a stage over plain http, but can use a local folder."""
        return self.client == "PythonConnector" and self.client_version.split(".")[0] in ("1", "2", "3", "4")


class Sessions:
    """Thread-safe. Tokens are kept as SHA-256 only."""

    def __init__(self, state: State, session_s: float, master_s: float) -> None:
        self._state = state
        self.session_s, self.master_s = session_s, master_s
        self._live: dict[int, Session] = {}
        state.tables(_TABLES)
        state.execute("DELETE FROM tokens WHERE expires < ?", (time.time() - 86400,))

    def open(self, session: Session) -> tuple[Session, str, str]:
        """Store a new session (its id is ignored). Returns it with its session token and its master token."""
        with self._state.write() as db:
            cursor = db.execute(
                "INSERT INTO sessions (user, role, context, parameters, client, client_version)"
                " VALUES (?, ?, '{}', '{}', ?, ?)",
                (session.user, session.role, session.client, session.client_version),
            )
            session.id = int(cursor.lastrowid or 0)
            self.save(session)
            token, master = self._issue("session", session.id), self._issue("master", session.id)
        self._live[session.id] = session
        return session, token, master

    def save(self, session: Session) -> None:
        """Keep what a statement changed (USE, ALTER SESSION)."""
        context = {"database": session.database, "schema": session.schema, "warehouse": session.warehouse}
        self._state.execute(
            "UPDATE sessions SET role = ?, context = ?, parameters = ? WHERE id = ?",
            (session.role, json.dumps(context), json.dumps(session.parameters), session.id),
        )

    def by_token(self, token: str, kind: str = "session") -> Session:
        """The session of a token. LoginError 390112 if it has expired, 390111 if there is none."""
        row = self._state.one("SELECT session, expires FROM tokens WHERE hash = ? AND kind = ?", (_hash(token), kind))
        if row is None:
            raise LoginError("390111", "Session no longer exists. New login required to access the service.")
        if row["expires"] < time.time():
            if kind == "master":
                raise LoginError("390114", "Authentication token has expired. The user must authenticate again.")
            raise LoginError("390112", "Session token has expired. Renew it with the master token.")
        return self._load(row["session"])

    def renew(self, master: str) -> tuple[Session, str, str]:
        """A new pair of tokens for a session. The old session token goes on until it expires."""
        session = self.by_token(master, "master")
        return session, self._issue("session", session.id), self._issue("master", session.id)

    def issue(self, master: str) -> tuple[Session, str]:
        """One more session token, for the image registry."""
        session = self.by_token(master, "master")
        return session, self._issue("session", session.id)

    def close(self, session: Session) -> None:
        with self._state.write() as db:
            db.execute("DELETE FROM tokens WHERE session = ?", (session.id,))
            db.execute("DELETE FROM sessions WHERE id = ?", (session.id,))
        self._live.pop(session.id, None)

    def expire(self, session: Session) -> None:
        """End the life of a session's present session tokens; the master token stays good."""
        self._state.execute("UPDATE tokens SET expires = 0 WHERE session = ? AND kind = 'session'", (session.id,))

    def _issue(self, kind: str, session_id: int) -> str:
        token = secrets.token_urlsafe(32)
        life = self.session_s if kind == "session" else self.master_s
        self._state.execute(
            "INSERT INTO tokens VALUES (?, ?, ?, ?)", (_hash(token), kind, session_id, time.time() + life)
        )
        return token

    def _load(self, session_id: int) -> Session:
        session = self._live.get(session_id)
        if session is None:
            row = self._state.one("SELECT * FROM sessions WHERE id = ?", (session_id,))
            if row is None:
                raise LoginError("390111", "Session no longer exists. New login required to access the service.")
            session = self._live.setdefault(session_id, _session(row))
        return session


def _session(row: sqlite3.Row) -> Session:
    return Session(
        row["id"],
        row["user"],
        row["role"],
        parameters=json.loads(row["parameters"]),
        client=row["client"],
        client_version=row["client_version"],
        **json.loads(row["context"]),
    )


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
