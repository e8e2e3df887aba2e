"""What an error of the connector means to a user: a Problem with its cause and the command that mends it.

Works on the connector's exceptions of versions 4 and 5 by what they have in common: `errno`, `sqlstate` and the text.
Missing and unreachable things are `NotReady` (exit code 3), everything Snowflake refuses is `Refused` (4); a connection
that the connector itself does not take, before anything is sent, is a `SettingsProblem` (2).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from spcs.account.opening import not_opened
from spcs.account.pools import POOL
from spcs.errors import NotReady, Problem, Refused, SettingsProblem, meaning

NAME_TAKEN = 2002
MISSING = (2003, 2043)
NO_WAREHOUSE = 606
PRIVILEGES = 3001
NO_SUCH_FILE = 253006  # the connector's own


class Missing(NotReady):
    """An object is not there, or the role may not see it. `kind` is a lower-case word such as `compute pool`, `table`
    or, where Snowflake does not say, `object`; `name` as Snowflake wrote it."""

    def __init__(self, kind: str, name: str, why: str, fix: str) -> None:
        super().__init__(f"the {kind} {name} does not exist, or this role may not see it", why, fix)
        self.kind = kind
        self.name = name


class Unreachable(NotReady):
    """Nobody answers: what was asked may have been done, or not."""


class SessionOver(Refused):
    """The session has ended, or its tokens have expired for good: what was asked has not been done."""


@dataclass(frozen=True)
class Failure:
    """An error as it came, and where: `connection` is the setting's word, `place` where its entry is written."""

    text: str
    errno: int | None = None
    sqlstate: str | None = None
    sql: str = ""
    role: str = ""
    connection: str = ""
    place: str = ""

    @property
    def why(self) -> str:
        return f"{self.text}\nin: {_shortened(self.sql)}" if self.sql else self.text


def failure(error: BaseException, *, sql: str = "", role: str = "", connection: str = "", place: str = "") -> Failure:
    """Read a connector's exception."""
    text = str(getattr(error, "raw_msg", None) or getattr(error, "msg", None) or getattr(error, "cause", None) or error)
    errno = getattr(error, "errno", None)
    sqlstate = getattr(error, "sqlstate", None)
    return Failure(
        _cleaned(text),
        errno if isinstance(errno, int) and errno > 0 else _errno_in(text),
        sqlstate if sqlstate and sqlstate != "n/a" else None,
        sql,
        role,
        connection,
        place,
    )


def problem(failure: Failure) -> Problem:
    """Say what a failure means."""
    return _meaning(failure).numbered(failure.errno, failure.sqlstate)


def _meaning(failure: Failure) -> Problem:
    if entry := not_opened(failure.text, failure.connection, failure.place):
        return entry
    for known in _KNOWN:
        found = re.search(known.pattern, failure.text, re.IGNORECASE)
        if found and (not known.errnos or failure.errno in known.errnos):
            return known.says(failure, found)
    if failure.errno in _BY_NUMBER:
        return _BY_NUMBER[failure.errno](failure)
    number = f" (error {failure.errno:06d})" if failure.errno else ""
    return _refused(failure, f"the account refused the statement{number}")


def unreachable(connection: str, place: str, why: str) -> Unreachable:
    """Say that nobody answers."""
    if connection == "local":
        return Unreachable("the local account does not answer", why, "inv local.up")
    return Unreachable(
        f"the account of connection {connection!r} does not answer",
        why,
        f"check account (or host) of {place}, and the network, then run the command again",
    )


def _unreachable(failure: Failure, _: re.Match[str]) -> Problem:
    return unreachable(failure.connection, failure.place, failure.text)


def _incomplete(failure: Failure, _: re.Match[str]) -> Problem:
    what = f"the connection {failure.connection!r} is not as the connector needs it"
    return SettingsProblem(what, failure.text, f"mend {failure.place}")


def _wrong_password(failure: Failure, _: re.Match[str]) -> Problem:
    if failure.connection == "local":
        fix = "inv local.down local.up (a server of another folder may have taken its port)"
    else:
        fix = f"mend user and password of {failure.place}"
    return _refused(failure, f"the account of connection {failure.connection!r} refused the login", fix)


def _login(fix: str) -> Callable[[Failure, re.Match[str]], Problem]:
    def says(failure: Failure, _: re.Match[str]) -> Problem:
        what = f"the account of connection {failure.connection!r} refused the login"
        return _refused(failure, what, fix.format(place=failure.place))

    return says


def _missing(failure: Failure, found: re.Match[str]) -> Problem:
    kind = (found["kind"] or "object").lower()
    return Missing(
        kind,
        found["name"],
        failure.why,
        _MISSING_FIX.get(kind, "inv setup").format(name=found["name"], role=failure.role or "<role>"),
    )


def _missing_role(failure: Failure, found: re.Match[str]) -> Problem:
    return Missing("role", found["name"], failure.text, "inv setup")


def _no_warehouse(failure: Failure) -> Problem:
    return NotReady("no warehouse is in use", failure.why, "set snowflake.warehouse in invoke.yaml, then inv setup")


def _missing_unnamed(failure: Failure) -> Problem:
    return Missing("object", "it needs", failure.why, "inv setup")


def _no_file(failure: Failure) -> Problem:
    asked = re.match(r"(?:GET|PUT)\s+('(?:[^']|'')*'|\S+)", failure.sql)
    name = asked[1] if asked else "asked for"
    return Missing("file", name, failure.why, "")


def _taken(failure: Failure) -> Problem:
    found = re.search(r"'([^']+)' already exists", failure.text)
    name = f"{found[1]} already exists" if found else "an object of this name already exists"
    service = failure.sql.upper().startswith(("EXECUTE JOB", "CREATE SERVICE"))
    fix = f"inv run (it takes a fresh name), or DROP SERVICE {found[1] if found else '<name>'}" if service else ""
    return _refused(failure, name, fix)


def _privileges(failure: Failure) -> Problem:
    what = f"the role {failure.role or 'in use'} lacks a privilege"
    return _refused(failure, what, _grant(failure))


def _grant(failure: Failure) -> str:
    """Return the GRANT to ask an administrator for."""
    found = re.search(r"on (?P<kind>[a-z ]+?) '(?P<name>[^']+)'", failure.text, re.IGNORECASE)
    role = failure.role or "<role>"
    if not found:
        return f"ask the owner of the object to grant it to role {role}"
    kind, name = found["kind"].upper(), found["name"]
    changes = failure.sql.upper().startswith("ALTER COMPUTE POOL")
    privilege = "OPERATE" if changes else _PRIVILEGES.get(kind, "OWNERSHIP")
    created = re.match(r"CREATE (?:OR REPLACE )?(?:\w+ )*?(?P<kind>" + _CREATED + r")\b", failure.sql, re.IGNORECASE)
    if created and kind in ("SCHEMA", "DATABASE", "ACCOUNT"):
        privilege = f"CREATE {created['kind'].upper()}"
    target = kind if kind == "ACCOUNT" else f"{kind} {name}"
    return f"ask its owner or an administrator: GRANT {privilege} ON {target} TO ROLE {role}"


def _spec(failure: Failure, _: re.Match[str]) -> Problem:
    fix = "mend the job in invoke.yaml, and read what inv render makes of it"
    return _refused(failure, "Snowflake does not accept the specification", fix)


def _too_big(failure: Failure, _: re.Match[str]) -> Problem:
    return _refused(
        failure,
        "the job asks for more than a node of its compute pool has",
        "lower the job's resources in invoke.yaml, or name a compute_pool of a larger instance_family, then inv setup",
    )


def _of_pool(failure: Failure, _: re.Match[str]) -> Problem:
    known = meaning(POOL, failure.text, pool="the pool", more="<number>")
    assert known
    return _refused(failure, known.means, known.fix)


def _wrong_architecture(failure: Failure, _: re.Match[str]) -> Problem:
    return _refused(failure, "the image was built for another kind of processor", f"inv build push{_job(failure)}")


def _no_image(failure: Failure, _: re.Match[str]) -> Problem:
    return NotReady("the job's image is not in the image repository", failure.why, f"inv build push{_job(failure)}")


def _job(failure: Failure) -> str:
    """The option that names the job whose run the statement starts; empty for another statement."""
    found = re.search(r"NAME = (?:\S+\.)?([a-z][a-z0-9_]*)_\d{8}_\d{6}_\w{4}\b", failure.sql)
    return f" --job {found[1]}" if found else ""


def _session_over(failure: Failure, _: re.Match[str]) -> Problem:
    what, fix = "the session is over", "run the command again; it logs in anew"
    return SessionOver(what, failure.why, fix)


def _refused(failure: Failure, what: str, fix: str = "") -> Refused:
    return Refused(what, failure.why, fix)


@dataclass(frozen=True)
class _Known:
    pattern: str
    says: Callable[[Failure, re.Match[str]], Problem]
    errnos: tuple[int, ...] = ()


_OBJECT = r"(?P<kind>[A-Z][A-Za-z ]*?)? ?'(?P<name>[^']+)' does not exist or"
_MISSING_FIX = {
    "table": "inv data",
    "service": "inv status (it names the last run)",
    "role": "inv setup",
    "image repository": "inv setup, or have its owner run: GRANT READ ON IMAGE REPOSITORY {name} TO ROLE {role}",
    "secret": "inv setup, where the job's `secrets` names it; else create it and grant this role READ on it",
}
_PRIVILEGES = {
    "SCHEMA": "CREATE SERVICE",
    "DATABASE": "USAGE",
    "WAREHOUSE": "USAGE",
    "COMPUTE POOL": "USAGE, MONITOR",
    "STAGE": "READ, WRITE",
    "IMAGE REPOSITORY": "READ, WRITE",
    "INTEGRATION": "USAGE",
    "SECRET": "READ",
    "SERVICE": "MONITOR, OPERATE",
    "TABLE": "SELECT, INSERT, TRUNCATE",
    "ACCOUNT": "BIND SERVICE ENDPOINT",
}
_CREATED = "COMPUTE POOL|IMAGE REPOSITORY|INTEGRATION|WAREHOUSE|DATABASE|SCHEMA|STAGE|TABLE|ROLE|SERVICE"

# The first that fits counts. The texts are Snowflake's and the connector's own.
_KNOWN = (
    _Known(r"role '(?P<name>[^']+)' specified in the connect string (?:does not exist|is not granted)", _missing_role),
    _Known(
        r"^configuration error: |^invalid argument: .*parameter|\b(user|account|password) is empty"
        r"|account must be specified",
        _incomplete,
    ),
    _Known(r"incorrect username or password", _wrong_password),
    _Known(r"JWT token is invalid", _login("register the key of {place}: ALTER USER <user> SET RSA_PUBLIC_KEY = '…'")),
    _Known(
        r"MFA with TOTP is required|MFA authentication|Duo Security|multi-factor",
        _login("log in with a key pair (private_key_file) or an access token instead of a password: {place}"),
    ),
    _Known(
        r"network policy is required",
        _login("have a network policy attached to the user, as access tokens demand, or use a key pair: {place}"),
    ),
    _Known(r"is not allowed to access Snowflake", _login("connect from a network that the account's policy allows")),
    _Known(
        r"HTTP request failed|invalid Snowflake response|could not connect to Snowflake backend|connection refused"
        r"|failed to lookup address|name or service not known|login timed out|timed out after",
        _unreachable,
    ),
    _Known(
        r"session (?:no longer exists|has expired)|authentication token has expired|refresh session"
        r"|re-authentication required",
        _session_over,
    ),
    _Known(r"exceeds compute pool instance capacity", _too_big),
    _Known(r"exceeds the node limit for the account", _of_pool),
    _Known(r"only supports image for", _wrong_architecture),
    _Known(r"image manifest not found|failed to retrieve image|fails to retrieve image hash", _no_image),
    _Known(r"invalid spec|unable to render service spec|invalid value .* for '", _spec),
    _Known(_OBJECT, _missing, MISSING),
)
_BY_NUMBER: dict[int, Callable[[Failure], Problem]] = {
    NAME_TAKEN: _taken,
    PRIVILEGES: _privileges,
    NO_WAREHOUSE: _no_warehouse,
    NO_SUCH_FILE: _no_file,
    **dict.fromkeys(MISSING, _missing_unnamed),
}


def _cleaned(text: str) -> str:
    """Drop the numbers in front, the identifiers behind, and the heading that every SQL error has."""
    text = re.sub(r"^(?:\d{6} \([0-9A-Z]{5}\): )+(?:None: )?(?:[0-9a-f-]{36}: )?", "", text.strip())
    return re.sub(r"^(?:SQL (?:compilation|execution|access control) error:\s*)", "", text).strip()


def _errno_in(text: str) -> int | None:
    found = re.match(r"(\d{6}) \(", text)
    return int(found[1]) if found else None


def _shortened(sql: str) -> str:
    lines = sql.strip().splitlines()
    return "\n    ".join(line.strip()[:160] for line in lines[:3]) + (" …" if len(lines) > 3 else "")
