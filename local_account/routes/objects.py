"""The object store behind PUT and GET: a bucket in the manner of Google's XML API, with bearer tokens."""

from __future__ import annotations

import asyncio
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from local_account.errors import SqlError
from local_account.objects import upload
from local_account.routes.replies import account_of

_PREFIX = "sfstage/stage/"


async def stored(request: Request) -> Response:
    """HEAD, GET (with Range) and PUT of one file of the stage that the token is for."""
    account = account_of(request)
    token = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
    grant = account.transfers.check(token, write=request.method == "PUT")
    if grant is None:
        return _error(401, "AuthenticationRequired", "the token is unknown, has expired or may not do this")
    key = str(request.path_params["key"])
    if not key.startswith(_PREFIX) or key.endswith("/"):
        return _error(404, "NoSuchKey", key)
    try:
        path = account.stages.file(grant.stage, key.removeprefix(_PREFIX))
    except SqlError as problem:
        return _error(400, "InvalidArgument", problem.message)
    if request.method == "PUT":
        return await _put(request, path)
    if not path.is_file():
        return _error(404, "NoSuchKey", key)
    return FileResponse(path, media_type="application/octet-stream")


async def _put(request: Request, path: Path) -> Response:
    """The file appears whole or not at all. `x-goog-if-generation-match: 0` means: only if there is none yet."""
    if request.query_params:
        return _error(501, "NotImplemented", "resumable and multipart uploads")
    refusal = await asyncio.to_thread(_refusal, path, request.headers.get("x-goog-if-generation-match") == "0")
    if refusal:
        return refusal
    with upload(path) as partial, partial.open("wb") as file:
        async for piece in request.stream():
            if piece:
                await asyncio.to_thread(file.write, piece)
    return Response(status_code=200, headers={"x-goog-generation": "1"})


def _refusal(path: Path, only_new: bool) -> Response | None:
    if only_new and path.exists():
        return _error(412, "PreconditionFailed", "the file exists")
    if path.is_dir() or any(parent.is_file() for parent in path.parents):
        return _error(400, "InvalidArgument", "a file and a folder of a stage cannot have the same name")
    return None


def _error(status: int, code: str, message: str) -> Response:
    body = f"<?xml version='1.0' encoding='UTF-8'?><Error><Code>{code}</Code><Message>{message}</Message></Error>"
    return Response(body, status, media_type="application/xml")


ROUTES = [Route("/objects/{key:path}", stored, methods=["GET", "PUT"])]
