"""A line to a server that fails as told: it cuts connections, answers in the server's place, or holds a body back."""

from __future__ import annotations

import http.client
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BLOCK = 64 << 10


@dataclass
class Fault:
    """What happens to requests of this method whose path holds `path`, the first `times` of them.

    Without a `status` the connection is reset once `after` bytes of the body have come; with one, that is the answer,
    given without reading any of the body. `hold` lets the request through, but no byte after the first block of its
    body until it is set.
    """

    method: str
    path: str
    times: int = 1
    after: int = 0
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    hold: threading.Event | None = None


@dataclass
class Line:
    """The line to one server: `host` is where it begins. `faults` come in the order of the list."""

    host: str
    faults: list[Fault] = field(default_factory=list)
    met: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def fault(self, method: str, path: str) -> Fault | None:
        with self._lock:
            for fault in self.faults:
                if fault.times and fault.method == method and fault.path in path:
                    fault.times -= 1
                    self.met.append(f"{method} {path}")
                    return fault
        return None


@contextmanager
def line_to(host: str) -> Iterator[Line]:
    """A line to the HTTP server at `host` (`127.0.0.1:port`), on a port of its own."""
    line = Line("")

    class Relay(_Relay):
        upstream, faults = host, line

    server = ThreadingHTTPServer(("127.0.0.1", 0), Relay)
    server.daemon_threads = True
    line.host = f"127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield line
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Relay(BaseHTTPRequestHandler):
    upstream: str
    faults: Line
    protocol_version = "HTTP/1.1"

    def relay(self) -> None:
        fault = self.faults.fault(self.command, self.path)
        if fault and fault.status:
            return self.answer_instead(fault)
        if fault and not fault.hold:
            return self.cut(fault.after)
        self.pass_on(fault.hold if fault else None)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = relay

    def answer_instead(self, fault: Fault) -> None:
        self.send_response(fault.status)
        for name, value in {"Content-Length": "0", "Connection": "close", **fault.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.close_connection = True

    def cut(self, after: int) -> None:
        for block in self.body():
            after -= len(block)
            if after <= 0:
                break
        # No lingering: the other side gets a reset instead of an end.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.rfile.close()
        self.wfile.close()
        self.connection.close()
        self.close_connection = True

    def pass_on(self, hold: threading.Event | None) -> None:
        connection = http.client.HTTPConnection(self.upstream, timeout=60)
        chunked = "chunked" in self.headers.get("Transfer-Encoding", "")
        try:
            connection.request(
                self.command, self.path, self.held(hold), dict(self.headers.items()), encode_chunked=chunked
            )
            self.hand_back(connection.getresponse())
        finally:
            connection.close()

    def held(self, hold: threading.Event | None) -> Iterator[bytes]:
        for number, block in enumerate(self.body()):
            if hold and number == 1:
                hold.wait(60)
            yield block

    def hand_back(self, answer: http.client.HTTPResponse) -> None:
        content = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("transfer-encoding", "connection", "date", "server"):
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def body(self) -> Iterator[bytes]:
        """The request's body as it comes, whether its length is said before or chunk by chunk."""
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            while length := int(self.rfile.readline().partition(b";")[0], 16):
                yield self.rfile.read(length)
                self.rfile.readline()
            self.rfile.readline()
            return
        left = int(self.headers.get("Content-Length", 0))
        while left and (block := self.rfile.read(min(BLOCK, left))):
            left -= len(block)
            yield block

    def log_message(self, *_: object) -> None:
        pass
