"""HTTP for the registry: one request, whose body may be gigabytes, and what kind of failure it was if it fails.

Plain `urllib`: one request is cheaper than importing a client library. Proxies and certificate files come from the
usual environment variables. Redirects are not followed: they would carry the login to another host.
"""

from __future__ import annotations

import errno
import http.client
import io
import socket
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

# Small enough that a slow line sends one well before TIMEOUT, which is for each.
BLOCK: Final = 256 << 10
#: Statuses that pass: the registry is busy or being restarted.
PASSING: Final = frozenset({408, 425, 429, 500, 502, 503, 504})

Progress = Callable[[int], None]
"""Told how many bytes of a body have gone over so far; a body that is sent anew starts from 0 again."""


@dataclass(frozen=True)
class Source:
    """A body to send: its length, and how to open it at its start, once for every try."""

    size: int
    open: Callable[[], IO[bytes]]

    @classmethod
    def of(cls, content: bytes | Path) -> Source:
        """Bytes at hand, or those of a file."""
        if isinstance(content, Path):
            return cls(content.stat().st_size, lambda: content.open("rb"))
        return cls(len(content), lambda: io.BytesIO(content))

    def blocks(self, progress: Progress) -> Iterator[bytes]:
        """The content, each block of it reported when the next is asked for."""
        done = 0
        with self.open() as stream:
            while block := stream.read(BLOCK):
                yield block
                done += len(block)
                progress(done)


def opener(*, proxies: bool) -> urllib.request.OpenerDirector:
    """What opens a request; without `proxies` it goes straight to its host."""
    handlers = [] if proxies else [urllib.request.ProxyHandler({})]
    return urllib.request.build_opener(_NoRedirects, _Http, _Https, *handlers)


def passes(error: Exception) -> bool:
    """May the same request go well when it is made again?

    A connection that was cut or went silent may; a name that nobody knows, a port where nothing listens and a
    certificate that is not trusted stay as they are.
    """
    reason = getattr(error, "reason", error)
    if isinstance(reason, ssl.SSLCertVerificationError | ConnectionRefusedError):
        return False
    if isinstance(reason, socket.gaierror):
        return reason.errno == socket.EAI_AGAIN
    known = (ConnectionError, TimeoutError, ssl.SSLError, http.client.HTTPException)
    return isinstance(reason, known) or getattr(reason, "errno", None) in (errno.ENETUNREACH, errno.EHOSTUNREACH)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


class _Listening(http.client.HTTPConnection):
    """A connection that hears an answer given before all of a body was sent.

    A registry that refuses a layer (413) answers and hangs up; what is not sent then is no loss, the answer would be.
    """

    def request(self, *words: Any, **more: Any) -> None:
        try:
            super().request(*words, **more)
        except (BrokenPipeError, ConnectionResetError):
            if self.sock is None:  # there is nothing to listen to
                raise


class _ListeningWithTls(_Listening, http.client.HTTPSConnection):
    pass


class _Http(urllib.request.HTTPHandler):
    def http_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_Listening, request)


class _Https(urllib.request.HTTPSHandler):
    def https_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_ListeningWithTls, request, context=ssl.create_default_context())
