"""Shapes shared by all routes: JSON bodies in, `{data, code, message, success}` out."""

from __future__ import annotations

import gzip
import json
import zlib
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse

from local_account.account import Account
from local_account.errors import LoginError
from local_account.sessions import Session


def account_of(request: Request) -> Account:
    account: Account = request.app.state.account
    return account


async def body_of(request: Request) -> dict[str, Any]:
    """The JSON object of a request, gzipped or not; {} if there is none."""
    raw = await request.body()
    try:
        if request.headers.get("content-encoding") == "gzip":
            raw = gzip.decompress(raw)
        found = json.loads(raw) if raw else {}
    except (ValueError, OSError, EOFError, zlib.error):
        return {}
    return found if isinstance(found, dict) else {}


def token_of(request: Request) -> str:
    """The token of `Authorization: Snowflake Token="…"`, or ''."""
    _, _, value = request.headers.get("authorization", "").partition('Token="')
    return value.rstrip('"')


def session_of(request: Request) -> Session:
    """The session of a request. LoginError 390111 or 390112, which the connectors understand."""
    return account_of(request).sessions.by_token(token_of(request))


def base_url(request: Request) -> str:
    """How this client reaches the server: containers use another address than the desk."""
    return f"http://{request.headers.get('host') or f'127.0.0.1:{account_of(request).port}'}"


def good(data: Any, code: str | None = None, message: str | None = None) -> JSONResponse:
    return JSONResponse({"data": data, "code": code, "message": message, "success": True, "headers": None})


def bad(code: str, message: str, data: Any = None) -> JSONResponse:
    """A refusal. HTTP 200: the connectors repeat whatever answers 5xx, without end."""
    return JSONResponse({"data": data, "code": code, "message": message, "success": False, "headers": None})


def refused(problem: LoginError) -> JSONResponse:
    return bad(problem.code, problem.message)
