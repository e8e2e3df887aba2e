"""Where base images come from: any registry, or a folder with an OCI image layout (`oci:FOLDER`).

Docker Hub and its like want a token even of those who have no login: it is asked for as `WWW-Authenticate` says. Blobs
may be redirected to other hosts, which never see a login. What is read is checked against its digest.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import re
import shutil
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Protocol, TypeVar, cast

from spcs.errors import BuildFailed
from spcs.image import transport
from spcs.image.commands import Say
from spcs.image.credentials import Credentials, Folder
from spcs.image.registry import MANIFESTS, TIMEOUT, RegistryRefusal, is_loopback, refusal
from spcs.image.retries import Retries

T = TypeVar("T")

HUB: Final = "docker.io"
HUB_API: Final = "registry-1.docker.io"
HUB_LOGIN: Final = "https://index.docker.io/v1/"  # the name under which docker keeps it
LAYOUT: Final = "oci:"
BLOCK: Final = 1 << 20
PATIENT: Final = Retries()
NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


class Source(Protocol):
    """The border to what holds an image. All raise RegistryRefusal where it does not give what is asked for."""

    def manifest(self, reference: str) -> bytes:
        """The manifest or index with this tag or digest (`sha256:…`)."""

    def small_blob(self, digest: str) -> bytes: ...
    def blob(self, digest: str, size: int, into: Path) -> None:
        """Write a blob of `size` bytes into a file, which may hold its beginning from an earlier try."""


@dataclass(frozen=True)
class BaseName:
    """A base image as a Dockerfile names it, in its parts: `python:3.11-slim` is Docker Hub's `library/python`."""

    host: str
    repository: str
    reference: str

    @classmethod
    def parse(cls, text: str) -> BaseName:
        """Split `[host[:port]/]repository[:tag][@digest]`."""
        name, _, digest = text.partition("@")
        first, slash, rest = name.partition("/")
        is_host = bool(slash) and ("." in first or ":" in first or first == "localhost")
        host, path = (first, rest) if is_host else (HUB, name)
        path, _, tag = path.partition(":")
        if host == HUB and "/" not in path:
            path = f"library/{path}"
        return cls(host, path, digest or tag or "latest")


@dataclass(frozen=True)
class BaseImage:
    """A base image of one platform: its configuration, and the descriptors of its layers, the lowest first."""

    digest: str
    config: Mapping[str, Any]
    layers: tuple[Mapping[str, Any], ...]
    source: Source

    def fetch(self, layer: Mapping[str, Any], into: Path) -> None:
        """Write a layer into a file, which may hold its beginning; raises BuildFailed."""
        digest = layer["digest"]
        try:
            self.source.blob(digest, layer["size"], into)
            with into.open("rb") as content:
                found = hashlib.file_digest(content, "sha256").hexdigest()
            if f"sha256:{found}" != digest:
                into.unlink()
                raise RegistryRefusal(0, f"what came for {digest} hashes to {found}")
        except RegistryRefusal as refused:
            raise _not_fetched(refused, "a layer of the base image") from refused


def open_base(base: str, platform: str, root: Path, logins: Folder, say: Say) -> BaseImage:
    """Look up the base image of a platform (`linux/amd64`); `oci:` folders are found from `root`.

    Raises BuildFailed if it is not there.
    """
    try:
        source, reference = _source(base, root, logins, say)
        return _image(source, reference, platform)
    except RegistryRefusal as refused:
        raise _not_fetched(refused, f"the base image {base}") from refused


def login_of(host: str, logins: Folder) -> Credentials | None:
    """The login for a host that is kept here or, in plain, by the user's docker; for reading."""
    users = Folder(Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker"))
    return logins.load(host) or users.load(HUB_LOGIN if host == HUB else host)


def _not_fetched(refused: RegistryRefusal, what: str) -> BuildFailed:
    fix = "check image.base in invoke.yaml and the way to its registry"
    return BuildFailed(f"{what} could not be fetched", why=str(refused), fix=fix)


def _source(base: str, root: Path, logins: Folder, say: Say) -> tuple[Source, str]:
    if base.startswith(LAYOUT):
        folder, _, digest = base.removeprefix(LAYOUT).partition("@")
        return LayoutSource(root / folder), digest
    name = BaseName.parse(base)
    return RegistrySource(name, login_of(name.host, logins), say), name.reference


def _image(source: Source, reference: str, platform: str) -> BaseImage:
    manifest = json.loads(content := _checked(source.manifest(reference), reference))
    if "manifests" in manifest:
        return _image(source, _of_platform(manifest["manifests"], platform), platform)
    digest = manifest["config"]["digest"]
    config = json.loads(_checked(source.small_blob(digest), digest))
    if (found := _platform(config)) != platform:
        raise RegistryRefusal(0, f"it is there for {found}, not for {platform}")
    return BaseImage(_digest(content), config, tuple(manifest["layers"]), source)


def _of_platform(entries: Sequence[Mapping[str, Any]], platform: str) -> str:
    """The digest of the entry for a platform; one that names none may be for any."""
    named = [(_platform(entry["platform"]) if "platform" in entry else platform, entry["digest"]) for entry in entries]
    for found, digest in named:
        if found == platform:
            return str(digest)
    there = ", ".join(sorted({found for found, _ in named} - {"unknown/unknown"}))
    raise RegistryRefusal(0, f"it is there for {there or 'no platform'}, not for {platform}")


def _platform(entry: Mapping[str, Any]) -> str:
    return f"{entry.get('os')}/{entry.get('architecture')}"


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _checked(content: bytes, reference: str) -> bytes:
    if reference.startswith("sha256:") and _digest(content) != reference:
        raise RegistryRefusal(0, f"what came for {reference} hashes to {_digest(content)}")
    return content


def _blob_path(digest: str) -> Path:
    return Path("blobs", *digest.split(":"))


class LayoutSource:
    """A folder with an OCI image layout, as `docker buildx build -o type=oci`, skopeo or crane write one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def manifest(self, reference: str) -> bytes:
        return self._read(_blob_path(reference) if reference else Path("index.json"))

    def small_blob(self, digest: str) -> bytes:
        return self._read(_blob_path(digest))

    def blob(self, digest: str, size: int, into: Path) -> None:
        try:
            shutil.copyfile(self._folder / _blob_path(digest), into)
        except OSError as error:
            raise RegistryRefusal(404, f"{self._folder} lacks {digest}") from error

    def _read(self, path: Path) -> bytes:
        try:
            return (self._folder / path).read_bytes()
        except OSError as error:
            raise RegistryRefusal(404, f"there is no OCI image layout in {self._folder}: it lacks {path}") from error


class RegistrySource:
    """A repository of a registry, to read from, with a login or without."""

    def __init__(self, name: BaseName, login: Credentials | None, say: Say, retries: Retries = PATIENT) -> None:
        host = HUB_API if name.host == HUB else name.host
        self._url = f"{'http' if is_loopback(host) else 'https'}://{host}/v2/{name.repository}"
        self._login, self._bearer = login, ""
        self._say, self._retries = say, retries
        self._opener = urllib.request.build_opener(*([urllib.request.ProxyHandler({})] if is_loopback(host) else []))

    def manifest(self, reference: str) -> bytes:
        return self._read(f"{self._url}/manifests/{reference}", {"Accept": MANIFESTS})

    def small_blob(self, digest: str) -> bytes:
        return self._read(f"{self._url}/blobs/{digest}")

    def blob(self, digest: str, size: int, into: Path) -> None:
        self._persist(lambda: self._continue(digest, size, into))

    def _continue(self, digest: str, size: int, into: Path) -> None:
        """Add to the file what it lacks; all of it, if the registry cannot begin in the middle."""
        there = into.stat().st_size if into.exists() else 0
        if there == size:
            return
        wanted = {"Range": f"bytes={there}-"} if there else NOTHING
        with (
            self._open(f"{self._url}/blobs/{digest}", wanted) as answer,
            into.open("ab" if answer.status == 206 else "wb") as out,
        ):
            shutil.copyfileobj(answer, out, BLOCK)
            if answer.length:  # cut off, which is no error to Python
                raise http.client.IncompleteRead(b"", answer.length)

    def _read(self, url: str, headers: Mapping[str, str] = NOTHING) -> bytes:
        def read() -> bytes:
            with self._open(url, headers) as answer:
                return answer.read()

        return self._persist(read)

    def _persist(self, do: Callable[[], T]) -> T:
        def once() -> T:
            try:
                return do()
            except urllib.error.HTTPError as error:
                raise refusal(error) from error
            except (OSError, http.client.HTTPException) as error:
                why = str(getattr(error, "reason", error)) or type(error).__name__
                raise RegistryRefusal(0, why, passes=transport.passes(error)) from error

        return self._retries.persist(once, self._say)

    def _open(self, url: str, headers: Mapping[str, str]) -> http.client.HTTPResponse:
        """One request, and once more where the registry asks for a token."""
        try:
            return self._request(url, headers, self._authorization())
        except urllib.error.HTTPError as error:
            if error.code != 401 or not self._fetch_bearer(error.headers["WWW-Authenticate"] or ""):
                raise
        return self._request(url, headers, self._authorization())

    def _request(self, url: str, headers: Mapping[str, str], authorization: str) -> http.client.HTTPResponse:
        request = urllib.request.Request(url, headers=dict(headers))
        if authorization:
            # Of all that goes along when a registry redirects, only this does not.
            request.add_unredirected_header("Authorization", authorization)
        return cast(http.client.HTTPResponse, self._opener.open(request, timeout=TIMEOUT))

    def _authorization(self) -> str:
        if self._bearer:
            return f"Bearer {self._bearer}"
        return f"Basic {self._login.basic}" if self._login else ""

    def _fetch_bearer(self, challenge: str) -> bool:
        """Ask for the token that `WWW-Authenticate: Bearer realm=…` speaks of; a login goes to a host with TLS only."""
        fields = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
        realm = fields.get("realm", "")
        place = urllib.parse.urlsplit(realm)
        if not challenge.lower().startswith("bearer ") or not (place.scheme == "https" or is_loopback(place.netloc)):
            return False
        question = urllib.parse.urlencode({key: fields[key] for key in ("service", "scope") if key in fields})
        with self._request(f"{realm}?{question}", {}, f"Basic {self._login.basic}" if self._login else "") as answer:
            values = json.load(answer)
        self._bearer = str(values.get("token") or values.get("access_token") or "")
        return bool(self._bearer)
