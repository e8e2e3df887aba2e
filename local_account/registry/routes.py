"""The OCI distribution protocol (v2) as docker, podman and plain HTTP clients speak it.

Who may come in is the account's business (`Gate`): Snowflake's registry takes Basic with user `0sessiontoken` and, as
password, the JSON `{"token": <session token>, "expires_in": <seconds>}`, or a bearer token. Names are
`db/schema/repository/image` in lower case, and only repositories that exist as IMAGE REPOSITORY accept a push.
Paths here are those after `/v2`.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from anyio import to_thread
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from local_account.registry import manifests
from local_account.registry.store import DIGEST, NAME, TAG, DigestMismatch, Store, Upload

_MANIFEST_LIMIT = 4 << 20
_BUFFER = 4 << 20
_RANGE = re.compile(r"(?:bytes )?(\d+)-(\d+)(?:/.*)?")

Handler = Callable[[Request], Awaitable[Response]]


class Gate(Protocol):
    """What the registry asks of the account."""

    def admits(self, authorization: str) -> bool:
        """Say whether an Authorization header opens the registry."""

    def has_repository(self, database: str, schema: str, name: str) -> bool:
        """Say whether the image repository exists; the names come in lower case."""


class RegistryError(Exception):
    """An answer of the protocol other than success: a status and a code that docker prints with the message."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.headers = status, code, message, headers


class Registry:
    """The routes below `/v2`. `own_login` (user and password) lets the account's own engine pull; it lives as long as
    the server does."""

    def __init__(self, store: Store, gate: Gate) -> None:
        self.store = store
        self.gate = gate
        self.own_login = ("local-account", secrets.token_hex(16))

    def app(self) -> Starlette:
        """Return the application to mount at `/v2`."""
        upload = "/{name:path}/blobs/uploads/{upload}"
        return Starlette(
            routes=[
                Route("/", self._guarded(self._base), methods=["GET"]),
                Route("/{name:path}/blobs/uploads/", self._guarded(self._start), methods=["POST"]),
                Route(upload, self._guarded(self._upload_state), methods=["GET"]),
                Route(upload, self._guarded(self._append), methods=["PATCH"]),
                Route(upload, self._guarded(self._finish), methods=["PUT"]),
                Route(upload, self._guarded(self._cancel), methods=["DELETE"]),
                Route("/{name:path}/blobs/{digest}", self._guarded(self._blob), methods=["GET"]),
                Route("/{name:path}/manifests/{reference}", self._guarded(self._manifest), methods=["GET"]),
                Route("/{name:path}/manifests/{reference}", self._guarded(self._put_manifest), methods=["PUT"]),
                Route("/{name:path}/tags/list", self._guarded(self._tags), methods=["GET"]),
            ]
        )

    def _guarded(self, handler: Handler) -> Handler:
        async def guarded(request: Request) -> Response:
            try:
                if not self._admits(request.headers.get("authorization", "")):
                    raise _unauthorized()
                return await handler(request)
            except RegistryError as error:
                body = {"errors": [{"code": error.code, "message": error.message}]}
                return JSONResponse(body, error.status, {**_VERSION, **(error.headers or {})})

        return guarded

    def _admits(self, authorization: str) -> bool:
        own = base64.b64encode(":".join(self.own_login).encode()).decode()
        return secrets.compare_digest(authorization.encode(), f"Basic {own}".encode()) or self.gate.admits(
            authorization
        )

    async def _base(self, request: Request) -> Response:
        return JSONResponse({}, headers=_VERSION)

    async def _blob(self, request: Request) -> Response:
        self._image_name(request)
        digest = request.path_params["digest"]
        path = self.store.blob(digest)
        if path is None:
            raise RegistryError(404, "BLOB_UNKNOWN", f"there is no blob {digest}")
        return FileResponse(
            path, media_type="application/octet-stream", headers={**_VERSION, "Docker-Content-Digest": digest}
        )

    async def _start(self, request: Request) -> Response:
        name = self._writable_name(request)
        mounted, digest = request.query_params.get("mount"), request.query_params.get("digest")
        if mounted is not None and self.store.blob(mounted) is not None:
            return _created(name, "blobs", mounted)
        upload = self.store.start_upload()
        if digest is not None:
            return await self._complete(request, name, upload, digest)
        return self._progress(name, upload, 202)

    async def _upload_state(self, request: Request) -> Response:
        name = self._writable_name(request)
        self._open_upload(request)
        return self._progress(name, request.path_params["upload"], 204)

    async def _append(self, request: Request) -> Response:
        name = self._writable_name(request)
        upload = self._open_upload(request)
        sent = _RANGE.fullmatch(request.headers.get("content-range", ""))
        if sent is not None and int(sent[1]) != upload.size:
            raise RegistryError(416, "RANGE_INVALID", f"the next byte is {upload.size}, not {sent[1]}")
        await _receive(request, upload)
        return self._progress(name, request.path_params["upload"], 202)

    async def _finish(self, request: Request) -> Response:
        name = self._writable_name(request)
        self._open_upload(request)
        digest = request.query_params.get("digest", "")
        return await self._complete(request, name, request.path_params["upload"], digest)

    async def _complete(self, request: Request, name: str, upload: str, digest: str) -> Response:
        if not DIGEST.fullmatch(digest):
            raise RegistryError(400, "DIGEST_INVALID", f"'{digest}' is not a sha256 digest")
        unfinished = self.store.upload(upload)
        assert unfinished is not None
        await _receive(request, unfinished)
        try:
            await to_thread.run_sync(self.store.finish_upload, upload, digest)
        except DigestMismatch as error:
            raise RegistryError(400, "DIGEST_INVALID", str(error)) from error
        return _created(name, "blobs", digest)

    async def _cancel(self, request: Request) -> Response:
        self._writable_name(request)
        self._open_upload(request)
        self.store.cancel_upload(request.path_params["upload"])
        return Response(status_code=204, headers=_VERSION)

    async def _manifest(self, request: Request) -> Response:
        name, reference = self._image_name(request), request.path_params["reference"]
        found = self.store.manifest(name, reference)
        if found is None:
            raise RegistryError(404, "MANIFEST_UNKNOWN", f"image {name} has no manifest '{reference}'")
        headers = {**_VERSION, "Docker-Content-Digest": found.digest, "Content-Type": found.media_type}
        return Response(found.content, headers=headers)

    async def _put_manifest(self, request: Request) -> Response:
        name, reference = self._writable_name(request), request.path_params["reference"]
        content = await _limited_body(request)
        try:
            manifest = manifests.read(content)
            media_type = manifests.media_type(request.headers.get("content-type"), manifest)
        except manifests.InvalidManifest as error:
            raise RegistryError(400, "MANIFEST_INVALID", str(error)) from error
        self._check_references(name, content, media_type)
        tag = None if DIGEST.fullmatch(reference) else reference
        if tag is not None and not TAG.fullmatch(tag):
            raise RegistryError(400, "TAG_INVALID", f"'{tag}' is not a tag")
        if tag is None and not _hashes_to(content, reference):
            raise RegistryError(400, "DIGEST_INVALID", f"the manifest does not hash to {reference}")
        digest = await to_thread.run_sync(self.store.put_manifest, name, media_type, content, tag)
        return _created(name, "manifests", digest)

    def _check_references(self, name: str, content: bytes, media_type: str) -> None:
        for digest in manifests.references(content):
            index = media_type in manifests.INDEX_TYPES
            known = self.store.manifest(name, digest) if index else self.store.blob(digest)
            if known is None:
                raise RegistryError(400, "MANIFEST_BLOB_UNKNOWN", f"the manifest refers to {digest}, never pushed")

    async def _tags(self, request: Request) -> Response:
        name = self._image_name(request)
        tags = self.store.tags(name)
        if not tags:
            raise RegistryError(404, "NAME_UNKNOWN", f"there is no image {name}")
        last, count = request.query_params.get("last", ""), request.query_params.get("n", "")
        rest = [tag for tag in tags if tag > last]
        page = rest[: int(count)] if count.isdecimal() else rest
        headers = dict(_VERSION)
        if page and len(page) < len(rest):
            headers["Link"] = f'</v2/{name}/tags/list?n={count}&last={page[-1]}>; rel="next"'
        return JSONResponse({"name": name, "tags": page}, headers=headers)

    def _image_name(self, request: Request) -> str:
        name: str = request.path_params["name"]
        if not NAME.fullmatch(name):
            raise RegistryError(
                404, "NAME_INVALID", f"'{name}' is not <database>/<schema>/<repository>/<image> in lower case"
            )
        return name

    def _writable_name(self, request: Request) -> str:
        name = self._image_name(request)
        database, schema, repository = name.split("/")[:3]
        if not self.gate.has_repository(database, schema, repository):
            path = f"{database}.{schema}.{repository}".upper()
            raise RegistryError(
                404,
                "NAME_UNKNOWN",
                f"image repository {path} does not exist; create it with CREATE IMAGE REPOSITORY {path}",
            )
        return name

    def _open_upload(self, request: Request) -> Upload:
        upload = self.store.upload(request.path_params["upload"])
        if upload is None:
            raise RegistryError(404, "BLOB_UPLOAD_UNKNOWN", "there is no such upload; begin again")
        return upload

    def _progress(self, name: str, upload: str, status: int) -> Response:
        state = self.store.upload(upload)
        assert state is not None
        return Response(
            status_code=status,
            headers={
                **_VERSION,
                "Location": f"/v2/{name}/blobs/uploads/{upload}",
                "Docker-Upload-UUID": upload,
                "Range": f"0-{max(state.size - 1, 0)}",
            },
        )


_VERSION = {"Docker-Distribution-Api-Version": "registry/2.0"}


def _unauthorized() -> RegistryError:
    return RegistryError(
        401,
        "UNAUTHORIZED",
        "Authentication Failure: log in as user 0sessiontoken with a session token of this account",
        {"WWW-Authenticate": 'Basic realm="Snowflake image registry"'},
    )


def _created(name: str, kind: str, digest: str) -> Response:
    headers = {**_VERSION, "Location": f"/v2/{name}/{kind}/{digest}", "Docker-Content-Digest": digest}
    return Response(status_code=201, headers=headers)


async def _receive(request: Request, upload: Upload) -> None:
    """Append the body to the upload, a few megabytes at a time and off the event loop."""
    buffer = bytearray()
    async for chunk in request.stream():
        buffer += chunk
        if len(buffer) >= _BUFFER:
            await to_thread.run_sync(upload.append, bytes(buffer))
            buffer.clear()
    if buffer:
        await to_thread.run_sync(upload.append, bytes(buffer))


async def _limited_body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MANIFEST_LIMIT:
            raise RegistryError(413, "SIZE_INVALID", "a manifest may have at most 4 MiB")
    return bytes(body)


def _hashes_to(content: bytes, digest: str) -> bool:
    return f"sha256:{hashlib.sha256(content).hexdigest()}" == digest
