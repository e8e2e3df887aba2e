"""The account: what a statement handler is given to work with."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from local_account.catalog import Catalog, Path
from local_account.credentials import Credentials
from local_account.errors import LoginError
from local_account.grants import ROLES, Grants
from local_account.objects import Stages
from local_account.queries import Queries, Query
from local_account.root import Root, Settings
from local_account.sessions import Session, Sessions
from local_account.state import State
from local_account.transfers import Transfers
from local_account.vault import Vault

if TYPE_CHECKING:
    from starlette.types import ASGIApp

NAME = "LOCAL"
ORGANIZATION = "LOCAL"
VERSION = "9.0.0"

_TABLES = """
CREATE TABLE IF NOT EXISTS service_tokens (
    hash TEXT PRIMARY KEY, service TEXT NOT NULL, user TEXT NOT NULL, role TEXT NOT NULL,
    database TEXT NOT NULL, schema TEXT NOT NULL, warehouse TEXT);
"""


class Registry(Protocol):
    """Where images are kept."""

    def app(self) -> ASGIApp:
        """What to mount at `/v2`."""
        ...


class Compute(Protocol):
    """What runs containers. Made before the server listens; `start` is called in a thread once it does."""

    name: str
    reason: str

    @property
    def registry(self) -> Registry: ...

    def addresses(self) -> list[str]:
        """Addresses beside loopback on which containers reach this server."""
        ...

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def database_dropped(self, database: str, schema: str | None) -> None:
        """A database (or one schema of it) is going away: services and images in it go too."""
        ...


@dataclass(frozen=True)
class Login:
    """Who logged in, and what is in USE from the start. `restricted`: to that role, whatever else the user has."""

    user: str
    role: str
    database: str | None = None
    schema: str | None = None
    warehouse: str | None = None
    restricted: bool = False


class Account:
    """State, objects and rooms of one local account. Thread-safe."""

    def __init__(self, root: Root, settings: Settings, credentials: Credentials) -> None:
        from local_account.engine_sql.engine import Engine  # duckdb costs 0.1 s: the command line does without it

        self.root, self.settings, self.credentials = root, settings, credentials
        self.port = settings.port
        self.state = State(root.database)
        self.state.tables(_TABLES)
        self.catalog = Catalog(self.state)
        self.grants = Grants(self.state)
        self.vault = Vault(self.state)
        self.sessions = Sessions(self.state, settings.session_s, settings.master_s)
        self.stages = Stages(root.stages)
        self.transfers = Transfers()
        self.engine = Engine(root.tables, root.results, root.stages)
        self.queries = Queries(self.state, settings.result_s, settings.result_count, self._forget)
        self.compute: Compute | None = None
        self._found()

    def _found(self) -> None:
        """What every account has from its first day. Idempotent."""
        for role in ROLES:
            self.catalog.create("ROLE", Path("", "", role), "", if_not_exists=True)
        self.catalog.create("USER", Path("", "", self.credentials.user), "ACCOUNTADMIN", if_not_exists=True)
        self.grants.founded(self.credentials.user)

    @property
    def registry_host(self) -> str:
        """Host of image names: `repository_url` is `<registry_host>/<db>/<schema>/<repository>`, lower case."""
        return f"127.0.0.1:{self.port}"

    # -- logins -------------------------------------------------------------------------------------------------

    def check_password(self, user: str, password: str) -> None:
        """LoginError 390100 unless they are the generated credentials."""
        good = hmac.compare_digest(user.upper().encode(), self.credentials.user.upper().encode())
        if not (hmac.compare_digest(password.encode(), self.credentials.password.encode()) and good):
            raise LoginError("390100", "Incorrect username or password was specified.")

    def issue_service_token(self, service: Path, role: str, warehouse: str | None) -> str:
        """A token for the containers of a service: it logs in with authenticator OAUTH, as the service, with `role`,
        `warehouse` and the service's database and schema in USE. Good until revoked."""
        token = secrets.token_urlsafe(32)
        self.state.execute(
            "INSERT INTO service_tokens VALUES (?, ?, ?, ?, ?, ?, ?)",
            (_hash(token), str(service), service.name, role, service.database, service.schema, warehouse),
        )
        return token

    def revoke_service_tokens(self, service: Path) -> None:
        """The service has ended: its tokens log in no more."""
        self.state.execute("DELETE FROM service_tokens WHERE service = ?", (str(service),))

    def service_login(self, token: str) -> Login:
        """LoginError 390303 unless `token` belongs to a running service."""
        row = self.state.one("SELECT * FROM service_tokens WHERE hash = ?", (_hash(token),))
        if row is None:
            raise LoginError("390303", "Invalid OAuth access token.")
        return Login(row["user"], row["role"], row["database"], row["schema"], row["warehouse"])

    def registry_user(self, authorization: str) -> str | None:
        """The user of a registry request's Authorization header, or None.

        Basic `0sessiontoken:{"token": …}`, Basic `user:password`, Bearer `<session token>`.
        """
        scheme, _, value = authorization.partition(" ")
        try:
            if scheme.lower() == "bearer":
                return self.sessions.by_token(value.strip()).user
            if scheme.lower() == "basic":
                user, _, password = base64.b64decode(value, validate=True).decode().partition(":")
                if user == "0sessiontoken":
                    return self.sessions.by_token(registry_token(password)).user
                self.check_password(user, password)
                return user.upper()
        except (LoginError, binascii.Error, UnicodeDecodeError):
            return None
        return None

    # -- statements ---------------------------------------------------------------------------------------------

    def close_session(self, session: Session) -> None:
        """Logout: an open transaction is rolled back, with what runs in it; other asynchronous statements go on."""
        if self.engine.connections.in_transaction(session.id):
            for query in self.queries.of_session(session.id):
                query.cancel()
        self.engine.session_closed(session.id)
        self.sessions.close(session)

    def _forget(self, query: Query) -> None:
        if query.result and query.result.chunks:
            query.result.chunks.delete()

    def close(self) -> None:
        """Let go of files; running statements are canceled."""
        if self.compute:
            self.compute.stop()
        self.engine.close()
        self.state.close()


def registry_token(password: str) -> str:
    """The session token inside the password of `0sessiontoken`: a JSON object, or the bare token."""
    try:
        found = json.loads(password)
    except ValueError:
        return password
    return str(found.get("token", "")) if isinstance(found, dict) else password


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
