"""The ASGI application: all routes, errors as the connectors expect them, compute started and stopped with it."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from local_account.account import VERSION, Account
from local_account.errors import LoginError, SqlError
from local_account.routes import objects, queries, session
from local_account.routes.replies import account_of, bad, refused


class SingleSlashes:
    """Connector 5.x asks for `/monitoring/queries//<id>`."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(("/monitoring", "/queries", "/session")):
            while "//" in scope["path"]:
                scope["path"] = scope["path"].replace("//", "/")
        await self.app(scope, receive, send)


async def about(request: Request) -> JSONResponse:
    """Who is listening here: `up` and `status` tell their own server from another program by it."""
    account = account_of(request)
    return JSONResponse({"local_account": str(account.root.path), "pid": os.getpid(), "version": VERSION})


async def _unknown(request: Request, problem: Exception) -> JSONResponse:
    assert isinstance(problem, HTTPException)
    text = f"The local account has no {request.method} {request.url.path}."
    body = {"data": None, "code": str(problem.status_code), "message": text, "success": False}
    return JSONResponse(body, problem.status_code)


async def _login(request: Request, problem: Exception) -> JSONResponse:
    assert isinstance(problem, LoginError)
    return refused(problem)


async def _sql(request: Request, problem: Exception) -> JSONResponse:
    assert isinstance(problem, SqlError)
    return bad(f"{problem.errno:06d}", problem.message, {"sqlState": problem.sqlstate})


async def _bug(request: Request, problem: Exception) -> JSONResponse:
    """A bug in a route is a refusal: a 5xx would make the connectors repeat the request without end. The image registry
    and the object store are asked by other clients, which need to see a failure in the status."""
    text = f"Internal error of the local account ({type(problem).__name__}); see server.log."
    if request.url.path.startswith(("/v2", "/objects", "/results")):
        return JSONResponse({"errors": [{"code": "UNKNOWN", "message": text}]}, 500)
    return bad("000603", text)


def application(account: Account) -> ASGIApp:
    """The whole server of one account."""

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        if account.compute:
            threading.Thread(target=account.compute.start, name="compute-start", daemon=True).start()
        yield
        account.close()

    assert account.compute is not None, "made before the server"
    app = Starlette(
        routes=[
            Route("/", about),
            *session.ROUTES,
            *queries.ROUTES,
            *objects.ROUTES,
            Mount("/v2", app=account.compute.registry.app()),
        ],
        exception_handlers={HTTPException: _unknown, LoginError: _login, SqlError: _sql, Exception: _bug},
        lifespan=lifespan,
    )
    app.state.account = account
    return SingleSlashes(app)
