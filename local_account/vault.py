"""The values of secrets: apart from the objects, so that nothing that lists or describes objects can show one."""

from __future__ import annotations

import json
from collections.abc import Mapping

from local_account.state import State

_TABLES = """
CREATE TABLE IF NOT EXISTS secret_values (
    path TEXT PRIMARY KEY, database TEXT NOT NULL, schema TEXT NOT NULL, content TEXT NOT NULL);
"""


class Vault:
    """Thread-safe. `path` is a secret's full name; its values go by the names of the files that a container gets
    (`secret_string`, or `username` and `password`). They lie in the state root as they are: it is open to its owner
    only."""

    def __init__(self, state: State) -> None:
        self._state = state
        state.tables(_TABLES)

    def put(self, path: str, database: str, schema: str, values: Mapping[str, str]) -> None:
        """Keep the values of a secret; those that it had under the same names are replaced."""
        with self._state.write() as db:
            db.execute(
                "INSERT OR REPLACE INTO secret_values VALUES (?, ?, ?, ?)",
                (path, database, schema, json.dumps({**(self.get(path) or {}), **values})),
            )

    def get(self, path: str) -> Mapping[str, str] | None:
        row = self._state.one("SELECT content FROM secret_values WHERE path = ?", (path,))
        return dict(json.loads(row["content"])) if row else None

    def drop(self, path: str) -> None:
        self._state.execute("DELETE FROM secret_values WHERE path = ?", (path,))

    def drop_schema(self, database: str, schema: str | None = None) -> None:
        """Forget what was in a schema, or in all of a database."""
        self._state.execute(
            "DELETE FROM secret_values WHERE database = ? AND (? IS NULL OR schema = ?)", (database, schema, schema)
        )
