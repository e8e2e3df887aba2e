"""A web server on loopback for pages that change while one looks at them. It knows nothing of what they show.

Each page is served whole, and again at `<its path>/events` or, for `/`, at `/events` as server-sent events: one event
whenever it has changed, with the page's body. A page is asked for only while somebody looks at it.

Only requests to a loopback name are answered: by its Host header a page of somebody else, whose name was made to point
here, gives itself away. Nothing can be changed through this server.
"""

from __future__ import annotations

import base64
import hashlib
import select
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Protocol
from urllib.parse import unquote, urlsplit

ADDRESS = "127.0.0.1"
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
EVENTS = "events"
HEARTBEAT = 15.0  # seconds; a connection that died is noticed then at the latest
RETRY = 2000  # milliseconds after which a browser asks again


class Page(Protocol):
    """One page. Its methods are called by several threads."""

    def whole(self) -> str:
        """Return the document."""

    def body(self) -> str:
        """Return what stands in its body now."""

    def pause(self) -> float:
        """Return after how many seconds it may be worth asking for the body again."""


Find = Callable[[str], "Page | None"]
"""From a path (`/`, `/runs/x`) to its page, None if there is none."""


def script_hash(script: str) -> str:
    """Return what names an inline script in a content security policy."""
    return f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}"


class Board(ThreadingHTTPServer):
    """Serves the pages that `find` finds, from `start` of a thread or `serve_forever` on; `end` ends all streams."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, port: int, find: Find, script: str) -> None:
        """`port` 0 is any that is free; `script` is the one that pages may run. May raise OSError."""
        self.find, self.script = find, script
        self.ended = threading.Event()
        super().__init__((ADDRESS, port), _Handler)

    @property
    def url(self) -> str:
        return f"http://{ADDRESS}:{self.server_address[1]}/"

    def end(self) -> None:
        """End every stream and give the port back."""
        self.ended.set()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: Board
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "board", ""
    timeout = 60  # seconds for a request to arrive, and for a reader to take what is sent

    def do_GET(self) -> None:
        if not self._is_meant():
            return self._answer(403, "text/plain", "This board answers to 127.0.0.1 and localhost only.\n")
        path = unquote(urlsplit(self.path).path)
        watched, _, last = path.rpartition("/")
        page = self.server.find((watched or "/") if last == EVENTS else path)
        if page is None:
            return self._answer(404, "text/plain", "There is no such page.\n")
        if last == EVENTS:
            return self._stream(page)
        self._answer(200, "text/html", page.whole())

    do_HEAD = do_GET

    def _is_meant(self) -> bool:
        """The port is not looked at: it may be a tunnel's."""
        host = self.headers.get("Host", "").lower()
        return (host if host.endswith("]") else host.rpartition(":")[0] or host) in LOOPBACK

    def _answer(self, code: int, kind: str, text: str) -> None:
        content = text.encode("utf-8", "replace")
        self._head(code, {"Content-Type": f"{kind}; charset=utf-8", "Content-Length": str(len(content))})
        if self.command != "HEAD":
            self.wfile.write(content)

    def _head(self, code: int, headers: Mapping[str, str]) -> None:
        self.send_response(code)
        policy = f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; connect-src 'self'; base-uri 'none'; \
form-action 'none'; frame-ancestors 'none'; script-src '{script_hash(self.server.script)}'"
        safe = {"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
        for name, text in {**safe, "Referrer-Policy": "no-referrer", **headers}.items():
            self.send_header(name, text)
        self.end_headers()

    def _stream(self, page: Page) -> None:
        """Send the body whenever it has changed, until the reader or the server goes."""
        self.close_connection = True
        self._head(200, {"Content-Type": "text/event-stream; charset=utf-8"})
        if self.command == "HEAD":
            return
        known, quiet = self.headers.get("Last-Event-ID", ""), 0.0
        self._send(f"retry: {RETRY}\n\n")
        while not self.server.ended.is_set() and not self._is_gone():
            body = page.body()
            name = hashlib.sha256(body.encode("utf-8", "replace")).hexdigest()[:16]
            if name != known:
                known, quiet = name, 0.0
                self._send(f"id: {name}\nevent: body\n{_data(body)}\n\n")
            elif quiet >= HEARTBEAT:
                quiet = 0.0
                self._send(": nothing new\n\n")
            pause = page.pause()
            quiet += pause
            self.server.ended.wait(pause)

    def _send(self, text: str) -> None:
        self.wfile.write(text.encode("utf-8", "replace"))
        self.wfile.flush()

    def _is_gone(self) -> bool:
        """A reader says nothing more; if there is something to read, it is the end."""
        return bool(select.select([self.connection], [], [], 0)[0])

    def handle(self) -> None:
        try:
            super().handle()
        except (ConnectionError, TimeoutError):  # the reader went away
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the terminal is for what the user should know."""


def _data(text: str) -> str:
    """As the lines of an event; a carriage return would end one too."""
    return "\n".join(f"data: {line}" for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"))
