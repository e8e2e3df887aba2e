"""Roles, users and grants. Grants are kept and shown; of privileges only the right to use a role is enforced."""

from __future__ import annotations

import sqlite3
import time
from dataclasses import dataclass

from local_account.state import State

ROLES = ("ACCOUNTADMIN", "ORGADMIN", "PUBLIC", "SECURITYADMIN", "SYSADMIN", "USERADMIN")
_INHERITED = (("SYSADMIN", "ACCOUNTADMIN"), ("SECURITYADMIN", "ACCOUNTADMIN"), ("USERADMIN", "SECURITYADMIN"))
_TABLES = """
CREATE TABLE IF NOT EXISTS grants (
    privilege TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,
    grantee_kind TEXT NOT NULL, grantee TEXT NOT NULL, grant_option INTEGER NOT NULL,
    granted_by TEXT NOT NULL, created_on REAL NOT NULL,
    PRIMARY KEY (privilege, kind, name, grantee_kind, grantee));
"""


@dataclass(frozen=True)
class Grant:
    """`privilege` on the object `kind` `name`. A role granted to a role or user is USAGE on ROLE."""

    privilege: str
    kind: str
    name: str
    grantee_kind: str
    grantee: str
    grant_option: bool
    granted_by: str
    created_on: float


class Grants:
    """Thread-safe."""

    def __init__(self, state: State) -> None:
        self._state = state
        state.tables(_TABLES)

    def founded(self, user: str) -> None:
        """What every account has from its first day; the user is its administrator."""
        for role in ("ACCOUNTADMIN", "ORGADMIN"):
            self.add("USAGE", "ROLE", role, "USER", user, "")
        for role, above in _INHERITED:
            self.add("USAGE", "ROLE", role, "ROLE", above, "")

    def add(
        self, privilege: str, kind: str, name: str, grantee_kind: str, grantee: str, by: str, *, option: bool = False
    ) -> None:
        """Idempotent, as GRANT is."""
        self._state.execute(
            "INSERT INTO grants VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
            " grant_option = max(grant_option, excluded.grant_option)",
            (privilege, kind, name, grantee_kind, grantee, option, by, time.time()),
        )

    def remove(self, privilege: str, kind: str, name: str, grantee_kind: str, grantee: str) -> bool:
        """True if there was such a grant. `ALL` removes all but OWNERSHIP."""
        which = "privilege != 'OWNERSHIP'" if privilege == "ALL" else "privilege = ?"
        values = [] if privilege == "ALL" else [privilege]
        return bool(
            self._state.execute(
                f"DELETE FROM grants WHERE {which} AND kind = ? AND name = ? AND grantee_kind = ? AND grantee = ?",
                (*values, kind, name, grantee_kind, grantee),
            )
        )

    def on(self, kind: str, name: str) -> list[Grant]:
        return self._select("kind = ? AND name = ?", kind, name)

    def to(self, grantee_kind: str, grantee: str) -> list[Grant]:
        return self._select("grantee_kind = ? AND grantee = ?", grantee_kind, grantee)

    def of_role(self, role: str) -> list[Grant]:
        """Who has been granted this role."""
        return self._select("kind = 'ROLE' AND name = ? AND privilege = 'USAGE'", role)

    def forget(self, kind: str, name: str) -> None:
        """The object is gone, and so are the grants on it and (for a role) to it."""
        self._state.execute(
            "DELETE FROM grants WHERE (kind = ? AND name = ?) OR (grantee_kind = ? AND grantee = ?)",
            (kind, name, kind, name),
        )

    def roles_of(self, user: str) -> set[str]:
        """Roles the user may use: granted directly, and whatever these roles have been granted."""
        found = {"PUBLIC"}
        waiting = self._used_by("USER", user)
        while waiting:
            role = waiting.pop()
            if role not in found:
                found.add(role)
                waiting += self._used_by("ROLE", role)
        return found

    def _used_by(self, grantee_kind: str, grantee: str) -> list[str]:
        """Owning a role is not using it."""
        return [g.name for g in self.to(grantee_kind, grantee) if (g.kind, g.privilege) == ("ROLE", "USAGE")]

    def _select(self, where: str, *values: str) -> list[Grant]:
        return [
            _grant(row) for row in self._state.read(f"SELECT * FROM grants WHERE {where} ORDER BY created_on", values)
        ]


def _grant(row: sqlite3.Row) -> Grant:
    return Grant(
        row["privilege"],
        row["kind"],
        row["name"],
        row["grantee_kind"],
        row["grantee"],
        bool(row["grant_option"]),
        row["granted_by"],
        row["created_on"],
    )
