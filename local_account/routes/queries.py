"""Statements: request, in-progress replies, result, cancel, status, chunks."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from local_account.account import Account
from local_account.queries import Query
from local_account.results import json_value
from local_account.routes.replies import account_of, bad, base_url, body_of, good, session_of
from local_account.routes.session import parameters
from local_account.sessions import Session
from local_account.statements.dispatch import submit
from local_account.statements.result import Column, Result

_IN_PROGRESS, _IN_PROGRESS_ASYNC = "333333", "333334"


async def query_request(request: Request) -> JSONResponse:
    """Run a statement. The same requestId twice is the same statement: both wait for its one result."""
    account, session = account_of(request), session_of(request)
    body = await body_of(request)
    bindings = body.get("bindings")
    query = submit(
        account,
        session,
        request.query_params.get("requestId", ""),
        str(body.get("sqlText", "")),
        bindings if isinstance(bindings, dict) else {},
        describe_only=bool(body.get("describeOnly")),
    )
    if body.get("asyncExec"):
        return _in_progress(query, _IN_PROGRESS_ASYNC)
    return await _answer(request, account, session, query)


async def query_result(request: Request) -> JSONResponse:
    account, session = account_of(request), session_of(request)
    query = account.queries.get(request.path_params["query_id"])
    if query is None:
        return bad("000709", f"Statement {request.path_params['query_id']} not found")
    return await _answer(request, account, session, query)


async def _answer(request: Request, account: Account, session: Session, query: Query) -> JSONResponse:
    """Hold the reply for a while; then say that the statement is in progress and where to ask again."""
    if not query.done.done():
        await asyncio.wait({asyncio.wrap_future(query.done)}, timeout=account.settings.hold_s)
    if not query.done.done():
        return _in_progress(query, _IN_PROGRESS)
    if query.error:
        code = f"{query.error.errno:06d}"
        data = {
            "internalError": False,
            "errorCode": code,
            "age": 0,
            "sqlState": query.error.sqlstate,
            "queryId": query.id,
            "line": -1,
            "pos": -1,
            "type": "COMPILATION",
        }
        return bad(code, query.error.message, data)
    assert query.result is not None
    return await asyncio.to_thread(_reply, query, query.result, session, base_url(request))


def _in_progress(query: Query, code: str) -> JSONResponse:
    data = {"queryId": query.id, "getResultUrl": f"/queries/{query.id}/result", "queryAbortsAfterSecs": 300}
    return good(data, code, "Query execution in progress. Asynchronous")


def _reply(query: Query, result: Result, session: Session, base: str) -> JSONResponse:
    data: dict[str, Any] = {
        "queryId": query.id,
        "parameters": parameters(session),
        "statementTypeId": result.statement_type,
        "finalDatabaseName": session.database,
        "finalSchemaName": session.schema,
        "finalWarehouseName": session.warehouse,
        "finalRoleName": session.role,
        "numberOfBinds": result.binds,
        "arrayBindSupported": result.binds > 0,
        "version": 1,
        "queryResultFormat": "json",
    }
    if result.transfer is not None:
        data |= result.transfer
        if data["stageInfo"]["locationType"] == "GCS":
            data["stageInfo"] = data["stageInfo"] | {"endPoint": f"{base}/objects"}
        return good(data)
    data["rowtype"] = [_row_type(column, session) for column in result.columns]
    data |= _arrow(result, base) if result.chunks else _rows(result)
    return good(data)


def _rows(result: Result) -> dict[str, Any]:
    rowset = [
        [json_value(value, column) for value, column in zip(row, result.columns, strict=True)] for row in result.rows
    ]
    return {"rowset": rowset, "total": len(rowset), "returned": len(rowset)}


def _arrow(result: Result, base: str) -> dict[str, Any]:
    chunks = result.chunks
    assert chunks is not None
    return {
        "queryResultFormat": "arrow",
        "rowsetBase64": base64.b64encode(chunks.first).decode(),
        "total": chunks.total,
        "returned": chunks.total,
        "chunks": [
            {
                "url": f"{base}/results/{chunks.folder.name}/{number}",
                "rowCount": chunk.rows,
                "uncompressedSize": chunk.size,
                "compressedSize": chunk.size,
            }
            for number, chunk in enumerate(chunks.others)
        ],
        "chunkHeaders": {},
    }


def _row_type(column: Column, session: Session) -> dict[str, Any]:
    found = {
        "name": column.name,
        "database": session.database or "",
        "schema": session.schema or "",
        "table": "",
        "type": column.type.lower(),
        "nullable": column.nullable,
        "length": column.length,
        "byteLength": column.length,
        "precision": column.precision,
        "scale": column.scale,
        "collation": None,
    }
    if column.type == "VECTOR":
        element = {
            "type": (column.element or "real").lower(),
            "nullable": False,
            "precision": 38,
            "scale": 0,
            "length": 0,
        }
        found |= {"vectorDimension": column.dimension, "fields": [element]}
    return found


async def abort_request(request: Request) -> JSONResponse:
    """Cancel by requestId (of the statement's own request)."""
    account, session = account_of(request), session_of(request)
    body = await body_of(request)
    query = account.queries.by_request(str(body.get("requestId", "")))
    return await _cancel(query, session)


async def abort_query(request: Request) -> JSONResponse:
    account, session = account_of(request), session_of(request)
    return await _cancel(account.queries.get(request.path_params["query_id"]), session)


async def _cancel(query: Query | None, session: Session) -> JSONResponse:
    if query is None or not await asyncio.to_thread(query.cancel):
        return bad("000605", "Identified SQL statement is not currently executing.")
    return good(None)


async def monitoring(request: Request) -> JSONResponse:
    account, session = account_of(request), session_of(request)
    query = account.queries.get(request.path_params["query_id"])
    return good({"queries": [_state(query, session)] if query else []})


def _state(query: Query, session: Session) -> dict[str, Any]:
    error = query.error
    return {
        "id": query.id,
        "sessionId": query.session_id,
        "sqlText": query.sql,
        "status": query.status,
        "state": query.status,
        "startTime": int(query.started * 1000),
        "endTime": int((query.ended or 0) * 1000),
        "errorCode": f"{error.errno:06d}" if error else None,
        "errorMessage": error.message if error else None,
        "totalDuration": int(((query.ended or query.started) - query.started) * 1000),
        "userName": session.user,
    }


async def chunk(request: Request) -> Response:
    """A piece of a result. The folder's name is the secret: unpickled batches come here without a session."""
    folder, number = request.path_params["folder"], request.path_params["number"]
    path = account_of(request).root.results / folder / str(number)
    if folder.startswith(".") or not path.is_file():
        return JSONResponse({"success": False, "message": "This result is no longer kept."}, 403)
    return FileResponse(path, media_type="application/octet-stream")


ROUTES = [
    Route("/queries/v1/query-request", query_request, methods=["POST"]),
    Route("/queries/v1/abort-request", abort_request, methods=["POST"]),
    Route("/queries/{query_id}/result", query_result, methods=["GET"]),
    Route("/queries/{query_id}/abort-request", abort_query, methods=["POST"]),
    Route("/monitoring/queries/{query_id}", monitoring, methods=["GET"]),
    Route("/results/{folder}/{number:int}", chunk, methods=["GET"]),
]
