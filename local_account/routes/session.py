"""Login, tokens, heartbeat, logout."""

from __future__ import annotations

import asyncio
import base64
from contextlib import suppress
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local_account import logins
from local_account.account import NAME, VERSION, Account, Login, registry_token
from local_account.catalog import Path
from local_account.errors import LoginError, SqlError
from local_account.parse.tokens import Tokens
from local_account.routes.replies import account_of, bad, body_of, good, session_of, token_of
from local_account.sessions import Session

#: what a client is told of its session; values are JSON values
_PARAMETERS: dict[str, Any] = {
    "AUTOCOMMIT": True,
    "CLIENT_RESULT_CHUNK_SIZE": 16,
    "CLIENT_SESSION_KEEP_ALIVE": False,
    "CLIENT_SESSION_KEEP_ALIVE_HEARTBEAT_FREQUENCY": 3600,
    "CLIENT_PREFETCH_THREADS": 4,
    "CLIENT_TELEMETRY_ENABLED": False,
    "CLIENT_STAGE_ARRAY_BINDING_THRESHOLD": 0,
    "PYTHON_CONNECTOR_QUERY_RESULT_FORMAT": "ARROW",
    "QUERY_CONTEXT_CACHE_SIZE": 0,
    "TIMEZONE": "Etc/UTC",
    "DATE_OUTPUT_FORMAT": "YYYY-MM-DD",
    "TIMESTAMP_OUTPUT_FORMAT": "YYYY-MM-DD HH24:MI:SS.FF3 TZHTZM",
}


async def login(request: Request) -> JSONResponse:
    account, body = account_of(request), await body_of(request)
    data = body.get("data")
    data = data if isinstance(data, dict) else {}
    who = _authenticate(account, data)
    session = Session(
        0,
        who.user,
        _role(account, who, request.query_params.get("roleName")),
        parameters=_given_parameters(data),
        client=str(data.get("CLIENT_APP_ID", "")),
        client_version=str(data.get("CLIENT_APP_VERSION", "")),
    )
    _put_in_use(account, session, who, request.query_params)
    session, token, master = account.sessions.open(session)
    return good(
        {
            "token": token,
            "masterToken": master,
            "validityInSeconds": int(account.sessions.session_s),
            "masterValidityInSeconds": int(account.sessions.master_s),
            "sessionId": session.id,
            "displayUserName": session.user,
            "serverVersion": VERSION,
            "firstLogin": False,
            "remMeToken": None,
            "remMeValidityInSeconds": 0,
            "healthCheckInterval": 45,
            "newClientForUpgrade": None,
            "idToken": None,
            "idTokenValidityInSeconds": 0,
            "parameters": parameters(session),
            "sessionInfo": session_info(session),
        }
    )


def parameters(session: Session) -> list[dict[str, Any]]:
    """Session parameters as the wire lists them."""
    return [{"name": key, "value": _like(default, session.parameters.get(key))} for key, default in _PARAMETERS.items()]


def _like(default: Any, given: str | None) -> Any:
    """A parameter's text in the type of its default: the 4.x connector calculates with it."""
    if given is None:
        return default
    if isinstance(default, bool):
        return given.lower() == "true"
    if isinstance(default, int):
        return int(given) if given.lstrip("-").isdigit() else default
    return given


def session_info(session: Session) -> dict[str, str | None]:
    return {
        "databaseName": session.database,
        "schemaName": session.schema,
        "warehouseName": session.warehouse,
        "roleName": session.role,
    }


def _authenticate(account: Account, data: dict[str, Any]) -> Login:
    kind = str(data.get("AUTHENTICATOR") or "SNOWFLAKE").upper()
    if kind == "OAUTH":
        return account.service_login(str(data.get("TOKEN", "")))
    if kind == "SNOWFLAKE_JWT":
        return Login(logins.by_jwt(account.catalog, NAME, str(data.get("TOKEN", ""))), "ACCOUNTADMIN")
    user = str(data.get("LOGIN_NAME") or "")
    if kind == "PROGRAMMATIC_ACCESS_TOKEN":
        return _by_token(account, user, str(data.get("TOKEN") or data.get("PASSWORD") or ""))
    if kind not in ("SNOWFLAKE", "USERNAME_PASSWORD_MFA"):
        raise LoginError("390400", f"The local account takes passwords, key pairs and tokens, not {kind}.")
    password = str(data.get("PASSWORD", ""))
    with suppress(LoginError):  # a token may stand where a password is asked for
        return _by_token(account, user, password)
    account.check_password(user, password)
    return Login(user.upper(), "ACCOUNTADMIN")


def _by_token(account: Account, user: str, token: str) -> Login:
    name, role = logins.by_token(account.catalog, user, token)
    return Login(name, role or "ACCOUNTADMIN", restricted=bool(role))


def _role(account: Account, who: Login, wanted: str | None) -> str:
    if not wanted:
        return who.role
    role = _stored(wanted)
    known = account.catalog.find("ROLE", Path("", "", role))
    usable = {who.role} if who.restricted else {who.role, *account.grants.roles_of(who.user)}
    if not known or role not in usable:
        raise LoginError(
            "390189",
            f"Role '{role}' specified in the connect string is not granted to this user. Contact your local system"
            " administrator, or attempt to login with another role, e.g. PUBLIC.",
        )
    return role


def _put_in_use(account: Account, session: Session, who: Login, wanted: Any) -> None:
    """Names in a login that do not exist are passed over, as Snowflake does."""
    database = _stored(wanted["databaseName"]) if wanted.get("databaseName") else who.database
    schema = _stored(wanted["schemaName"]) if wanted.get("schemaName") else who.schema
    warehouse = _stored(wanted["warehouse"]) if wanted.get("warehouse") else who.warehouse
    if database and account.catalog.find("DATABASE", Path("", "", database)):
        session.database = database
        for name in (schema, "PUBLIC" if not wanted.get("schemaName") else None):
            if name and account.catalog.find("SCHEMA", Path(database, "", name)):
                session.schema = name
                break
    if warehouse and account.catalog.find("WAREHOUSE", Path("", "", warehouse)):
        session.warehouse = warehouse


def _stored(text: str) -> str:
    """The stored form of a name in a login; what is not written as a name stands for itself."""
    try:
        tokens = Tokens.of(text)
        name = tokens.name()
    except SqlError:
        return text
    return name.last if tokens.at_end() else text


def _given_parameters(data: dict[str, Any]) -> dict[str, str]:
    given = data.get("SESSION_PARAMETERS")
    if not isinstance(given, dict):
        return {}
    return {
        str(key).upper(): str(value).lower() if isinstance(value, bool) else str(value)
        for key, value in given.items()
        if value is not None
    }


async def token_request(request: Request) -> JSONResponse:
    """RENEW: a new pair of tokens. ISSUE: one more session token (the image registry takes it)."""
    account, body = account_of(request), await body_of(request)
    master = token_of(request)
    if body.get("requestType") == "ISSUE":
        session, token = account.sessions.issue(master)
        renewed = master
    else:
        session, token, renewed = account.sessions.renew(master)
    return good(
        {
            "sessionToken": token,
            "validityInSecondsST": int(account.sessions.session_s),
            "masterToken": renewed,
            "validityInSecondsMT": int(account.sessions.master_s),
            "sessionId": session.id,
        }
    )


async def heartbeat(request: Request) -> JSONResponse:
    session_of(request)
    return good(None)


async def session(request: Request) -> JSONResponse:
    """`POST /session?delete=true` is logout."""
    account, current = account_of(request), session_of(request)
    if request.query_params.get("delete") == "true":
        # A statement of the session may still hold the cursor whose transaction is rolled back.
        await asyncio.to_thread(account.close_session, current)
        return good(None)
    return bad("390400", "Only delete=true is known here.")


async def telemetry(request: Request) -> JSONResponse:
    """Taken and thrown away."""
    await request.body()
    return good("Log Received")


async def registry_login(request: Request) -> Response:
    """`GET /login` of the image registry: Basic credentials against a bearer token."""
    account = account_of(request)
    authorization = request.headers.get("authorization", "")
    user = account.registry_user(authorization)
    if user is None:
        return JSONResponse({"errors": [{"code": "UNAUTHORIZED", "message": "wrong credentials"}]}, 401)
    if not authorization.lower().startswith("basic "):
        return JSONResponse({"token": authorization.partition(" ")[2]})
    name, _, password = base64.b64decode(authorization.partition(" ")[2]).decode().partition(":")
    if name == "0sessiontoken":
        return JSONResponse({"token": registry_token(password)})
    _, token, _ = account.sessions.open(Session(0, user, "ACCOUNTADMIN", client="registry"))
    return JSONResponse({"token": token})


ROUTES = [
    Route("/session/v1/login-request", login, methods=["POST"]),
    Route("/session/token-request", token_request, methods=["POST"]),
    Route("/session/heartbeat", heartbeat, methods=["POST", "GET"]),
    Route("/session", session, methods=["POST"]),
    Route("/telemetry/send", telemetry, methods=["POST"]),
    Route("/login", registry_login, methods=["GET"]),
]
