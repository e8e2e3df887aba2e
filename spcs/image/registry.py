"""An OCI registry over HTTP: what it holds, and sending it blobs and manifests."""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import json
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Final, TypeVar

from spcs.image import transport
from spcs.image.commands import Say
from spcs.image.credentials import Credentials
from spcs.image.retries import ONCE, Failing, Retries, seconds_of
from spcs.image.transport import Progress, Source

T = TypeVar("T")
TIMEOUT = 30
#: A registry that has all of a blob reads it once more, for its digest, before it answers.
BLOB_TIMEOUT = 300
OCI_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
MANIFESTS: Final = ", ".join(
    (
        OCI_MANIFEST,
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
    )
)


class RegistryRefusal(Failing):
    """The registry said no: `status` is its HTTP status (0: it could not be reached), `detail` its words."""

    def __init__(self, status: int, detail: str, *, passes: bool = False, retry_after: float | None = None) -> None:
        super().__init__(f"{status}: {detail}" if status else detail)
        self.status = status
        self.detail = detail
        self.passes = passes
        self.retry_after = retry_after


@dataclass(frozen=True)
class Reference:
    """An image's full name in its parts: `host/repository:tag`."""

    host: str
    repository: str
    tag: str

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Split `127.0.0.1:5000/db/schema/repo/name:tag`."""
        host, _, rest = text.partition("/")
        repository, _, tag = rest.rpartition(":")
        return cls(host, repository, tag)


def plain_url(url: str) -> str:
    """A repository's URL as docker takes it: an account's name may have a `_`, and its registry answers to `-` as well.

    Login and push must name the host alike, or docker does not find the login it keeps.
    """
    host, slash, path = url.partition("/")
    return host.lower().replace("_", "-") + slash + path


def is_loopback(host: str) -> bool:
    """Does `host` (with or without port) name this machine? Only then is the registry spoken to without TLS."""
    name = urllib.parse.urlsplit(f"//{host}").hostname or ""
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


class Registry:
    """One registry with one login. Every method raises RegistryRefusal when the answer is neither yes nor absent.

    With `retries`, what a method asks for is asked again while the registry drops; each new try is said in a line.
    """

    def __init__(
        self, host: str, credentials: Credentials | None, *, retries: Retries = ONCE, say: Say = lambda _: None
    ) -> None:
        self.url = f"{'http' if is_loopback(host) else 'https'}://{host}"
        self.credentials = credentials
        self._retries, self._say = retries, say
        self._bearer = ""
        self._opener = transport.opener(proxies=not is_loopback(host))

    def check(self) -> None:
        """Ask for nothing but whether the login is good."""
        self._persist(lambda: self._send("GET", "/v2/"))

    def digest(self, repository: str, reference: str) -> str | None:
        """The digest (`sha256:…`) of the manifest with this tag (or digest), None if the registry has none."""
        headers = self._head(f"/v2/{repository}/manifests/{reference}", {"Accept": MANIFESTS})
        return headers["Docker-Content-Digest"] if headers else None

    def manifest(self, repository: str, reference: str) -> tuple[str, bytes] | None:
        """The media type and the bytes of a manifest, None if the registry has none of that tag (or digest)."""
        path = f"/v2/{repository}/manifests/{reference}"
        try:
            _, headers, content = self._persist(lambda: self._send("GET", path, headers={"Accept": MANIFESTS}))
        except RegistryRefusal as refusal:
            if refusal.status == 404:
                return None
            raise
        return headers.get_content_type(), content

    def has_blob(self, repository: str, digest: str) -> bool:
        """Is the blob there already?"""
        return self._head(f"/v2/{repository}/blobs/{digest}", {}) is not None

    def put_blob(
        self, repository: str, digest: str, content: bytes | Path | Source, progress: Progress = lambda _: None
    ) -> None:
        """Send a blob whole, from memory, a file, or where `Source` takes it from; `progress` hears how far it is."""
        source = content if isinstance(content, Source) else Source.of(content)
        self._persist(lambda: self._put_blob(repository, digest, source, progress))

    def mount_blob(self, repository: str, digest: str, other: str) -> bool:
        """Have `repository` share a blob that its neighbour `other` holds; False if the registry does not do that."""
        query = urllib.parse.urlencode({"mount": digest, "from": other})
        path = f"/v2/{repository}/blobs/uploads/?{query}"
        status, headers, _ = self._persist(lambda: self._send("POST", path))
        if status != 201:  # it has opened an upload instead
            with contextlib.suppress(RegistryRefusal):
                self._send("DELETE", self._upload(headers))
        return status == 201

    def put_manifest(self, repository: str, tag: str, manifest: bytes, media_type: str = OCI_MANIFEST) -> None:
        """Name what was sent; from here on the image can be pulled."""
        path = f"/v2/{repository}/manifests/{tag}"
        self._persist(lambda: self._send("PUT", path, manifest, {"Content-Type": media_type}))

    def _persist(self, do: Callable[[], T]) -> T:
        return self._retries.persist(do, self._say)

    def _put_blob(self, repository: str, digest: str, source: Source, progress: Progress) -> None:
        """One try, which begins anew: what an earlier one has sent is not taken for granted."""
        _, headers, _ = self._send("POST", f"/v2/{repository}/blobs/uploads/")
        place = self._upload(headers)
        target = f"{place}{'&' if '?' in place else '?'}{urllib.parse.urlencode({'digest': digest})}"
        length = {"Content-Type": "application/octet-stream", "Content-Length": str(source.size)}
        self._send("PUT", target, lambda: source.blocks(progress), length, timeout=BLOB_TIMEOUT)

    def _upload(self, headers: Message) -> str:
        """The path of the upload that the registry has opened; the login must not go to another host with it."""
        place = urllib.parse.urljoin(f"{self.url}/", str(headers["Location"] or ""))
        if not place.startswith(f"{self.url}/"):
            raise RegistryRefusal(0, f"it wants the upload sent to another host: {place}")
        return place.removeprefix(self.url)

    def _head(self, path: str, headers: Mapping[str, str]) -> Message | None:
        try:
            return self._persist(lambda: self._send("HEAD", path, headers=headers))[1]
        except RegistryRefusal as refusal:
            if refusal.status == 404:
                return None
            raise

    def _send(
        self,
        method: str,
        path: str,
        body: bytes | Callable[[], Iterable[bytes]] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = TIMEOUT,
    ) -> tuple[int, Message, bytes]:
        """One request, and once more if the registry asks for a bearer token that our login can get."""
        for again in (True, False):
            whole = {**(headers or {}), **self._authorization()}
            try:
                return self._request(method, self.url + path, body() if callable(body) else body, whole, timeout)
            except urllib.error.HTTPError as error:
                challenge = error.headers["WWW-Authenticate"] or ""
                if not again or error.code != 401 or not self._fetch_bearer(challenge):
                    raise refusal(error) from error
        raise AssertionError  # the second time returns or raises

    def _request(
        self,
        method: str,
        url: str,
        body: bytes | Iterable[bytes] | None,
        headers: Mapping[str, str],
        timeout: float = TIMEOUT,
    ) -> tuple[int, Message, bytes]:
        request = urllib.request.Request(url, data=body, headers=dict(headers), method=method)
        try:
            with self._opener.open(request, timeout=timeout) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError:
            raise
        except (OSError, http.client.HTTPException) as error:
            why = str(getattr(error, "reason", error)) or type(error).__name__
            raise RegistryRefusal(0, why, passes=transport.passes(error)) from error

    def _authorization(self) -> dict[str, str]:
        if self._bearer:
            return {"Authorization": f"Bearer {self._bearer}"}
        return {"Authorization": f"Basic {self.credentials.basic}"} if self.credentials else {}

    def _fetch_bearer(self, challenge: str) -> bool:
        """Trade the login for the token that `WWW-Authenticate: Bearer realm=…` speaks of.

        One that is at hand has run out, or is for less than is asked now: one is for reading, another for writing.
        """
        fields = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
        realm = fields.pop("realm", "")
        own_host = realm.startswith(f"{self.url}/")
        if not challenge.lower().startswith("bearer ") or not own_host or not self.credentials:
            return False
        question = urllib.parse.urlencode({k: v for k, v in fields.items() if k in ("service", "scope")})
        headers = {"Authorization": f"Basic {self.credentials.basic}"}
        try:
            _, _, text = self._request("GET", f"{realm}?{question}" if question else realm, None, headers)
            values = json.loads(text)
        except ValueError:
            return False
        except urllib.error.HTTPError as error:
            if error.code in transport.PASSING:
                raise refusal(error) from error
            return False
        self._bearer = str(values.get("token") or values.get("access_token") or "")
        return bool(self._bearer)


def refusal(error: urllib.error.HTTPError) -> RegistryRefusal:
    asked = seconds_of(error.headers["Retry-After"])
    passes = error.code in transport.PASSING
    return RegistryRefusal(error.code, _words(error), passes=passes, retry_after=asked if passes else None)


def _words(error: urllib.error.HTTPError) -> str:
    """The registry's own message, where its answer holds one."""
    try:
        problems = json.loads(error.read())["errors"]
        return "; ".join(f"{problem['code']}: {problem['message']}" for problem in problems)
    except (OSError, ValueError, KeyError, TypeError):
        return error.reason or "no reason given"
