"""The way from podman's containers to this account's server, which itself listens on loopback alone.

podman makes the bridge of a network, and this machine's address on it, when the first container needs it, and takes it
away after the last. Without root the bridge is in a network namespace of its own, from which this machine's loopback is
out of reach. So a door is opened for each launch where there is none yet: a socket on that address (a socket stays in
the namespace it was made in, whoever holds it), from which connections are passed on to the server.

Run as a program, with a Unix socket as standard input, it makes such a socket in the namespace where it runs and sends
it back: `door.py ADDRESS PORT KNOWN`. Nothing is sent where KNOWN is that namespace already. Standard library only.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

_CHUNK = 1 << 16


class Door:
    """Passes connections from `address:port`, on the networks' side, to the server on loopback. Thread-safe.

    `enter` are the words before a command that runs in the namespace of podman's networks; empty: in this one.
    """

    def __init__(self, port: int, enter: Sequence[str], environment: Mapping[str, str]) -> None:
        self._port = port
        self._enter = enter
        self._environment = dict(environment)
        self._lock = threading.Lock()
        self._place = ""
        self._socket: socket.socket | None = None

    def open(self, address: str) -> None:
        """Listen on the address, which must be there now; a second call finds it open. Raises OSError."""
        with self._lock:
            made, namespace = self._fetch(address) if self._enter else self._listen(address)
            if made is not None:
                self._replace(made)
                self._place = f"{address} {namespace}"

    def close(self) -> None:
        with self._lock:
            self._replace(None)
            self._place = ""

    def _listen(self, address: str) -> tuple[socket.socket | None, str]:
        return (None if self._place == f"{address} " else listening(address, self._port)), ""

    def _fetch(self, address: str) -> tuple[socket.socket | None, str]:
        listening_at, _, namespace = self._place.partition(" ")
        known = namespace if listening_at == address else ""
        command = [*self._enter, sys.executable, __file__, address, str(self._port), known]
        ours, theirs = socket.socketpair()
        with ours, theirs:
            done = subprocess.run(
                command, stdin=theirs.fileno(), capture_output=True, text=True, env=self._environment, check=False
            )
            theirs.close()
            if done.returncode != 0:
                raise OSError(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "no answer")
            data, descriptors, *_ = socket.recv_fds(ours, 64, 1)
        return (socket.socket(fileno=descriptors[0]) if descriptors else None), data.decode()

    def _replace(self, made: socket.socket | None) -> None:
        if self._socket is not None:
            # Closing alone would leave the thread in its accept.
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
            self._socket.close()
        self._socket = made
        if made is not None:
            threading.Thread(target=self._receive, args=(made,), name="door", daemon=True).start()

    def _receive(self, door: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                guest, _ = door.accept()
                threading.Thread(target=self._serve, args=(guest,), name="door", daemon=True).start()

    def _serve(self, guest: socket.socket) -> None:
        with contextlib.suppress(OSError), guest, socket.create_connection(("127.0.0.1", self._port)) as server:
            for end in (guest, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            answers = threading.Thread(target=_pass_on, args=(server, guest), name="door", daemon=True)
            answers.start()
            _pass_on(guest, server)
            answers.join()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(_CHUNK):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def listening(address: str, port: int) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((address, port))
        made.listen(256)
    except OSError:
        made.close()
        raise
    return made


def send(address: str, port: int, known: str) -> None:
    """Send a listening socket of this namespace over standard input, with the namespace's name."""
    namespace = str(Path("/proc/self/ns/net").stat().st_ino)
    if namespace == known:
        return
    with listening(address, port) as made, socket.socket(fileno=os.dup(0)) as receiver:
        socket.send_fds(receiver, [namespace.encode()], [made.fileno()])


if __name__ == "__main__":
    send(sys.argv[1], int(sys.argv[2]), sys.argv[3])
