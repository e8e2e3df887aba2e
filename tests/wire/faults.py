"""A bad line to a local account: a proxy on which chosen statements lose their reply, wait, are refused or answered."""

from __future__ import annotations

import gzip
import http.client
import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Fault:
    """What happens to one request. `arrives`: it is passed on. `wait`: seconds until the reply comes. `reply`: what
    comes instead of the account's own (None: that one), with `status`; without `answered` the connection breaks."""

    arrives: bool = True
    answered: bool = True
    wait: float = 0.0
    reply: dict[str, Any] | None = None
    status: int = 200


DROPPED = Fault(arrives=False, answered=False)
"""The connection breaks before the statement arrives."""
LOST = Fault(answered=False)
"""The statement is carried out, and its reply lost."""
GARBLED = Fault(reply={}, status=400)
"""The statement is carried out, and something on the way answers in its place: the connector gives up at once."""


def slow(seconds: float) -> Fault:
    return Fault(wait=seconds)


def refused(code: str, message: str) -> Fault:
    reply = {"data": {"errorCode": code, "sqlState": "22000"}, "code": code, "message": message, "success": False}
    return Fault(arrives=False, reply=reply)


def answer(columns: Sequence[str], *rows: Sequence[str | None]) -> Fault:
    """Texts in place of what the account would say."""
    kind = {"type": "text", "nullable": True, "length": 100, "byteLength": 100, "precision": None, "scale": None}
    data = {
        "queryId": "00000000-0000-0000-0000-000000000000",
        "parameters": [],
        "rowtype": [{"name": name, **kind} for name in columns],
        "rowset": [list(row) for row in rows],
        "total": len(rows),
        "returned": len(rows),
        "queryResultFormat": "json",
        "statementTypeId": 0x1000,
        "version": 1,
    }
    return Fault(arrives=False, reply={"data": data, "code": None, "message": None, "success": True})


@dataclass
class Line:
    """`port` is where to connect. `heard` is the SQL of every statement that came, again if it was sent again, and
    `requests` the ids by which the account knows that it was."""

    port: int = 0
    heard: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    _faults: list[tuple[re.Pattern[str], Iterator[Fault]]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def on(self, pattern: str, *faults: Fault, then: Callable[[], Iterator[Fault]] | None = None) -> None:
        """Let these happen, one after the other, to requests whose SQL (or path) holds `pattern`."""
        self._faults.append((re.compile(pattern), then() if then else iter(faults)))

    def times(self, pattern: str) -> int:
        """How often a statement like that was sent."""
        return sum(bool(re.search(pattern, statement)) for statement in self.heard)

    def fault(self, text: str, request: str) -> Fault:
        with self._lock:
            self.heard.append(text)
            self.requests.append(request)
            for pattern, faults in self._faults:
                if pattern.search(text) and (found := next(faults, None)):
                    return found
        return Fault()


@contextmanager
def line_to(port: int) -> Iterator[Line]:
    """Open a line to the server at this port of this machine."""
    line = Line()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_request(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            request = re.search(r"requestId=([^&]*)", self.path)
            text = _sql(self.headers.get("content-encoding"), body) or self.path
            fault = line.fault(text, request[1] if request else "")
            reply = (
                _passed_on(port, self.command, self.path, dict(self.headers.items()), body) if fault.arrives else None
            )
            time.sleep(fault.wait)
            if not fault.answered or (fault.reply is None and reply is None):
                self.close_connection = True
                return
            own = (fault.status, [("content-type", "application/json")], json.dumps(fault.reply).encode())
            self._send(*(reply if reply and fault.reply is None else own))

        def _send(self, status: int, headers: list[tuple[str, str]], content: bytes) -> None:
            self.send_response(status)
            for name, value in headers:
                if name.lower() not in ("transfer-encoding", "connection", "content-length", "date", "server"):
                    self.send_header(name, value)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = handle_request

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    line.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield line
    finally:
        server.shutdown()
        server.server_close()


def _sql(encoding: str | None, body: bytes) -> str:
    try:
        found = json.loads(gzip.decompress(body) if encoding == "gzip" else body)
        return str(found.get("sqlText") or "") if isinstance(found, dict) else ""
    except ValueError:
        return ""


def _passed_on(
    port: int, method: str, path: str, headers: dict[str, str], body: bytes
) -> tuple[int, list[tuple[str, str]], bytes] | None:
    """The account's reply, None where it does not answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    try:
        connection.request(method, path, body, headers)
        reply = connection.getresponse()
        return reply.status, reply.getheaders(), reply.read()
    except OSError:
        return None
    finally:
        connection.close()
