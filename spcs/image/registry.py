"""An OCI registry over HTTP: what it holds, and sending it blobs and manifests.

Plain `urllib`: one request is cheaper than importing a client library. Proxies and certificate files come from the
usual environment variables. Redirects are not followed: they would carry the login to another host.
"""

from __future__ import annotations

import ipaddress
import json
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from typing import Any, Final

from spcs.image.credentials import Credentials

TIMEOUT = 30
OCI_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
MANIFESTS: Final = ", ".join(
    (
        OCI_MANIFEST,
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
    )
)


class RegistryRefusal(Exception):
    """The registry said no: `status` is its HTTP status (0: it could not be reached), `detail` its words."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(f"{status}: {detail}" if status else detail)
        self.status = status
        self.detail = detail


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
    """One registry with one login. Every method raises RegistryRefusal when the answer is neither yes nor absent."""

    def __init__(self, host: str, credentials: Credentials | None) -> None:
        self.url = f"{'http' if is_loopback(host) else 'https'}://{host}"
        self.credentials = credentials
        self._bearer = ""
        handlers = [urllib.request.ProxyHandler({})] if is_loopback(host) else []
        self._opener = urllib.request.build_opener(_NoRedirects, *handlers)

    def check(self) -> None:
        """Ask for nothing but whether the login is good."""
        self._send("GET", "/v2/")

    def digest(self, repository: str, tag: str) -> str | None:
        """The digest (`sha256:…`) of the manifest with this tag, None if the registry has none."""
        headers = self._head(f"/v2/{repository}/manifests/{tag}", {"Accept": MANIFESTS})
        return headers["Docker-Content-Digest"] if headers else None

    def has_blob(self, repository: str, digest: str) -> bool:
        """Is the blob there already?"""
        return self._head(f"/v2/{repository}/blobs/{digest}", {}) is not None

    def put_blob(self, repository: str, digest: str, content: bytes) -> None:
        """Send a blob whole."""
        _, headers, _ = self._send("POST", f"/v2/{repository}/blobs/uploads/")
        place = urllib.parse.urljoin(self.url, headers["Location"] or "")
        if not place.startswith(f"{self.url}/"):
            raise RegistryRefusal(0, f"it wants the upload sent to another host: {place}")
        query = urllib.parse.urlencode({"digest": digest})
        target = f"{place}{'&' if '?' in place else '?'}{query}"
        self._send("PUT", target.removeprefix(self.url), content, {"Content-Type": "application/octet-stream"})

    def put_manifest(self, repository: str, tag: str, manifest: bytes) -> None:
        """Name what was sent; from here on the image can be pulled."""
        self._send("PUT", f"/v2/{repository}/manifests/{tag}", manifest, {"Content-Type": OCI_MANIFEST})

    def _head(self, path: str, headers: Mapping[str, str]) -> Message | None:
        try:
            return self._send("HEAD", path, headers=headers)[1]
        except RegistryRefusal as refusal:
            if refusal.status == 404:
                return None
            raise

    def _send(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Message, bytes]:
        """One request, and once more if the registry asks for a bearer token that our login can get."""
        try:
            return self._request(method, self.url + path, body, {**(headers or {}), **self._authorization()})
        except urllib.error.HTTPError as error:
            if error.code != 401 or not self._fetch_bearer(error.headers["WWW-Authenticate"] or ""):
                raise RegistryRefusal(error.code, _words(error)) from error
        try:
            return self._request(method, self.url + path, body, {**(headers or {}), **self._authorization()})
        except urllib.error.HTTPError as error:
            raise RegistryRefusal(error.code, _words(error)) from error

    def _request(
        self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]
    ) -> tuple[int, Message, bytes]:
        request = urllib.request.Request(url, data=body, headers=dict(headers), method=method)
        try:
            with self._opener.open(request, timeout=TIMEOUT) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError:
            raise
        except (OSError, urllib.error.URLError) as error:
            raise RegistryRefusal(0, str(getattr(error, "reason", error))) from error

    def _authorization(self) -> dict[str, str]:
        if self._bearer:
            return {"Authorization": f"Bearer {self._bearer}"}
        return {"Authorization": f"Basic {self.credentials.basic}"} if self.credentials else {}

    def _fetch_bearer(self, challenge: str) -> bool:
        """Trade the login for the token that `WWW-Authenticate: Bearer realm=…` speaks of."""
        fields = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
        realm = fields.pop("realm", "")
        own_host = realm.startswith(f"{self.url}/")
        if not challenge.lower().startswith("bearer ") or not own_host or not self.credentials or self._bearer:
            return False
        question = urllib.parse.urlencode({k: v for k, v in fields.items() if k in ("service", "scope")})
        headers = {"Authorization": f"Basic {self.credentials.basic}"}
        try:
            _, _, text = self._request("GET", f"{realm}?{question}" if question else realm, None, headers)
            values = json.loads(text)
        except (urllib.error.HTTPError, ValueError):
            return False
        self._bearer = str(values.get("token") or values.get("access_token") or "")
        return bool(self._bearer)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


def _words(error: urllib.error.HTTPError) -> str:
    """The registry's own message, where its answer holds one."""
    try:
        problems = json.loads(error.read())["errors"]
        return "; ".join(f"{problem['code']}: {problem['message']}" for problem in problems)
    except (OSError, ValueError, KeyError, TypeError):
        return error.reason or "no reason given"
