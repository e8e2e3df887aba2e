"""A connection to an account. The only file that imports the Snowflake connector, and only once it has to.

The same code works with versions 5 and 4 of the connector.
"""

from __future__ import annotations

import atexit
import json
import logging
import re
import socket
import threading
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from spcs.account import connections, errors, opening, script, sql
from spcs.account.files import StageFile, check_transfer, stage_file
from spcs.account.secret import Secret, hidden
from spcs.account.waiting import interruptible
from spcs.errors import Refused, SettingsProblem

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection

T = TypeVar("T")

APPLICATION = "spcs_invoke"
FIRST_POLL, LONGEST_POLL = 0.05, 1.0
NO_NEWS = 30.0  # seconds after which a statement that the account has never heard of is given up
_USE = re.compile(r"\s*USE\s+(?P<kind>ROLE|DATABASE|SCHEMA|WAREHOUSE)\s+(?P<name>\S+)\s*", re.IGNORECASE)
_CHANGES = re.compile(r"\s*(?:ALTER\s+SESSION|BEGIN)\b", re.IGNORECASE)  # what no new session is led back to


class Account:
    """Runs statements in one session, which begins with the first of them. Rows are dictionaries with lower-case keys.

    A session that is over, after hours, is followed by another in the same role, database, schema and warehouse.

    Every method raises Problems only: NotReady where nobody answers, `Missing` where an object is not there, `Refused`
    (with Snowflake's `errno`) otherwise. Ctrl-C is answered at once, whatever the connector is doing.

    With `dry` nothing is connected to and nothing happens: each method says the SQL it would send and returns nothing.
    """

    def __init__(
        self,
        params: Mapping[str, Any],
        *,
        name: str,
        dry: bool = False,
        say: Callable[[str], None] = lambda text: None,
    ) -> None:
        """`params` are the connector's, as `resolve` gives them, with role, database, schema and warehouse if wanted.

        A database, schema or warehouse that does not exist is left unset by Snowflake; a role that does not is refused.
        """
        self.name = name
        self._params = dict(params)
        self._role = str(params.get("role", ""))
        self._dry = dry
        self._say = say
        self._connection: SnowflakeConnection | None = None
        self._opening = threading.Lock()
        self._stays = False
        self._changed = False
        self._used: dict[str, str] = {}
        """The last USE of each kind, in their order: where a new session has to be led."""

    def enter(self, **context: str) -> None:
        """Go on in this role, database, schema and warehouse: as part of the login where there has been none yet, else
        by USE. As at a login, a database, schema or warehouse that is not there is passed over."""
        if self._connection is None:
            self._params |= context
            self._role = str(context.get("role", self._role))
            return
        self.query(sql.use_role(context["role"]))
        for use, name in ((sql.use_database, "database"), (sql.use_schema, "schema"), (sql.use_warehouse, "warehouse")):
            with suppress(errors.Missing):
                self.query(use(context[name]))

    def query(self, statement: str, *secrets: Secret) -> list[dict[str, Any]]:
        """Run a short statement and return its rows. Each `?` in it stands for one of `secrets`, and does so in
        whatever is said of it."""
        if self._dry:
            return self._only_said(statement)
        sent = script.filled(statement, [secret.reveal() for secret in secrets])
        rows = self._call(lambda connection: _rows(_dictionaries(connection).execute(sent)), statement, secrets)
        self._stands(statement)
        return rows

    def statement(self, statement: str, *, abort_on_interrupt: bool = False) -> list[dict[str, Any]]:
        """Run a statement that may take long: submit it, ask now and then, fetch its rows.

        Ctrl-C raises KeyboardInterrupt and leaves the statement running, unless `abort_on_interrupt`. USE and ALTER
        SESSION belong in `query`: what they do to a session from an asynchronous statement is not documented.
        """
        if self._dry:
            return self._only_said(statement)
        query_id = self._call(lambda connection: _submit(connection, statement), statement)
        try:
            self._wait(query_id, statement)
        except KeyboardInterrupt:
            if abort_on_interrupt:
                self._call(lambda connection: connection.cursor().abort_query(query_id), statement)
            raise
        return self._call(lambda connection: _rows(_dictionaries(connection).query_result(query_id)), statement)

    def put(self, file: Path, stage_dir: str) -> None:
        """Upload one file as it is, under its own name, over what is there."""
        if not self._dry and not file.is_file():
            raise SettingsProblem(f"there is no file {file}")
        check_transfer(self.query(sql.put(file, stage_dir)))

    def get(self, stage_path: str, directory: Path, *, pattern: str = "") -> list[Path]:
        """Download the file, or all files at any depth of the folder, at `stage_path`; returns where they are now.

        Only base names are kept: two files of one name in different folders become one. `pattern` is a regular
        expression for the whole path of the files that are wanted.
        """
        if not self._dry:
            directory.mkdir(parents=True, exist_ok=True)
        rows = self.query(sql.get(stage_path, directory, pattern=pattern))
        check_transfer(rows)
        return [directory / str(row["file"]).rpartition("/")[2] for row in rows]

    def list_stage(self, stage_path: str, *, pattern: str = "") -> list[StageFile]:
        """List the files below a stage path (with `pattern`: that match it), sorted by name."""
        rows = self.query(sql.list_files(stage_path, pattern=pattern))
        return sorted(map(stage_file, rows), key=lambda file: file.name)

    def current_user(self) -> str:
        """Return the name of the session's user; empty in dry mode."""
        rows = self.query(sql.current_session())
        return str(rows[0]["user_name"]) if rows else ""

    def registry_token(self, *, outlives: bool = True) -> Secret:
        """Return the image registry's password for user `0sessiontoken`: a JSON text, good for about an hour.

        From here on the session is not logged out at the end, since the token would die with it; unless the token
        need not outlive this process.
        """
        if self._dry:
            self._say("ask for a registry token of the session")
            return Secret("")
        with _quiet():
            answer = self._call(_issue_token, "")
        self._stays = self._stays or outlives
        token = {"token": answer["sessionToken"], "expires_in": answer.get("validityInSecondsST", 3600)}
        return Secret(json.dumps(token))

    def close(self) -> None:
        """Log out, unless a token of this session is in use elsewhere. Never raises; may be called again."""
        atexit.unregister(self.close)
        connection, self._connection = self._connection, None
        if connection is None:
            return
        if self._stays:
            _leave_open(connection)
        else:
            with suppress(Exception), _quiet():
                connection.close(retry=False)

    def _stands(self, statement: str) -> None:
        """Remember what a statement has changed of the session."""
        self._changed = self._changed or bool(_CHANGES.match(statement))
        if found := _USE.fullmatch(statement):
            kind = found["kind"].upper()
            self._used = {each: use for each, use in self._used.items() if each != kind} | {kind: statement}
            self._role = found["name"] if kind == "ROLE" else self._role  # messages name it

    def _only_said(self, statement: str) -> list[dict[str, Any]]:
        self._say(f"{statement};")
        return []

    def _wait(self, query_id: str, statement: str) -> None:
        delay, silence = FIRST_POLL, 0.0
        while True:
            status = self._call(lambda connection: connection.get_query_status(query_id), statement)
            if not self._opened().is_still_running(status):
                return
            silence = silence + delay if status.name == "NO_DATA" else 0.0
            if silence > NO_NEWS:
                raise Refused("the account has no news of a statement it took", f"query {query_id}\nin: {statement}")
            time.sleep(delay)
            delay = min(delay * 1.5, LONGEST_POLL)

    def _call(self, use: Callable[[SnowflakeConnection], T], statement: str, secrets: Sequence[Secret] = ()) -> T:
        connection = self._opened()
        try:
            return self._explained(lambda: use(connection), statement, secrets)
        except errors.SessionOver:
            # After hours of sleep, say. Nothing was done, so it may be asked again.
            if self._changed:
                raise
        renewed = self._renewed(connection)
        return self._explained(lambda: use(renewed), statement, secrets)

    def _explained(self, call: Callable[[], T], statement: str = "", secrets: Sequence[Secret] = ()) -> T:
        try:
            return interruptible(call)
        except Exception as error:
            if not _is_connectors(error):
                raise
            failure = errors.failure(
                error,
                sql=statement,
                role=self._role,
                connection=self.name,
                place=connections.place(self.name),
            )
            raise errors.problem(replace(failure, text=hidden(failure.text, secrets))) from (None if secrets else error)

    def _opened(self) -> SnowflakeConnection:
        with self._opening:
            if self._connection is None:
                self._connection = self._open()
                atexit.register(self.close)
            return self._connection

    def _renewed(self, over: SnowflakeConnection) -> SnowflakeConnection:
        """A new session that stands where the one stood that is over; one for all threads that find it so."""
        with self._opening:
            if self._connection is over:
                _leave_open(over)
                self._connection = self._open()
                for statement in self._used.values():
                    _dictionaries(self._connection).execute(statement)
            assert self._connection is not None
            return self._connection

    def _open(self) -> SnowflakeConnection:
        import snowflake.connector

        self._check_listening()
        logging.getLogger("snowflake").setLevel(logging.CRITICAL)
        warnings.filterwarnings("ignore", module=r"snowflake\.connector")  # of changes to come, in other threads, too
        parameters = _for_version(snowflake.connector.__version__) | {"application": APPLICATION} | self._params
        try:
            with _quiet():
                return self._explained(lambda: snowflake.connector.connect(**parameters))
        except Exception as error:
            if problem := opening.not_opened(error, self.name, connections.place(self.name)):
                raise problem from error
            if isinstance(error, Refused):
                connections.check_key(self._params)
            raise

    def _check_listening(self) -> None:
        """The connector tries a closed port again and again; on this machine one look is enough."""
        if self.name != connections.LOCAL:
            return
        try:
            socket.create_connection((self._params["host"], self._params["port"]), timeout=2).close()
        except OSError as error:
            raise errors.unreachable(self.name, connections.place(self.name), str(error)) from error


def _for_version(version: str) -> dict[str, Any]:
    if int(version.split(".")[0]) < 5:
        return {}
    # Said outright, or version 5 warns; `auto_cleanup` off because `close` is ours to call.
    return {"auto_cleanup": False, "enable_server_session_keep_alive_auto_detection": True}


def _quiet() -> warnings.catch_warnings[None]:
    return warnings.catch_warnings(action="ignore")


def _dictionaries(connection: SnowflakeConnection) -> Any:
    from snowflake.connector import DictCursor

    return connection.cursor(DictCursor)


def _rows(cursor: Any) -> list[dict[str, Any]]:
    return [{key.lower(): value for key, value in row.items()} for row in cursor.fetchall()]


def _submit(connection: SnowflakeConnection, statement: str) -> str:
    return str(connection.cursor().execute_async(statement)["queryId"])


def _issue_token(connection: SnowflakeConnection) -> dict[str, Any]:
    # The same private call as Snowflake's CLI; both versions of the connector have it.
    return dict(connection.rest._token_request("ISSUE")["data"])


def _leave_open(connection: SnowflakeConnection) -> None:
    """Version 4 logs out when the process ends, unless told not to."""
    goodbye = getattr(connection, "_close_at_exit", None)
    if goodbye is not None:
        atexit.unregister(goodbye)


def _is_connectors(error: BaseException) -> bool:
    return any(each.__module__.startswith("snowflake.connector") for each in type(error).__mro__)
