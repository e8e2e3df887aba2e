"""Connections that go through the door, with a server behind it on loopback."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from local_account.runtime import door
from local_account.runtime.door import Door

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere podman's networks are in a virtual machine")

OUTSIDE = "127.0.0.2"


@pytest.fixture
def port() -> Iterator[int]:
    """A server that answers each guest, once it has said all, with its words in capitals."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, args=(server,), daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


def serve(server: socket.socket) -> None:
    while True:
        try:
            guest, _ = server.accept()
        except OSError:
            return
        with guest:
            guest.sendall(heard(guest).upper())


def heard(other: socket.socket) -> bytes:
    return b"".join(iter(lambda: other.recv(1 << 16), b""))


def said(port: int, words: bytes, address: str = OUTSIDE) -> bytes:
    with socket.create_connection((address, port), timeout=20) as guest:
        guest.sendall(words)
        guest.shutdown(socket.SHUT_WR)
        return heard(guest)


def test_words_and_answers_pass_whole(port: int) -> None:
    with closing(Door(port, [], os.environ)) as made:
        made.open(OUTSIDE)
        assert said(port, b"hello") == b"HELLO"
        assert said(port, b"x" * 3_000_000) == b"X" * 3_000_000


def test_opening_it_again_leaves_it_open(port: int) -> None:
    with closing(Door(port, [], os.environ)) as made:
        made.open(OUTSIDE)
        with socket.create_connection((OUTSIDE, port), timeout=20) as guest:
            made.open(OUTSIDE)
            guest.sendall(b"still here")
            guest.shutdown(socket.SHUT_WR)
            assert heard(guest) == b"STILL HERE"
        assert said(port, b"again") == b"AGAIN"


def test_it_moves_with_the_networks_address(port: int) -> None:
    with closing(Door(port, [], os.environ)) as made:
        made.open(OUTSIDE)
        made.open("127.0.0.3")
        assert said(port, b"moved", "127.0.0.3") == b"MOVED"
        with pytest.raises(OSError, match="refused"):
            said(port, b"hello")


def test_closed_it_lets_nobody_in(port: int) -> None:
    made = Door(port, [], os.environ)
    made.open(OUTSIDE)
    made.close()
    with pytest.raises(OSError, match="refused"):
        said(port, b"hello")


def test_an_address_that_is_not_there_is_an_error(port: int) -> None:
    with closing(Door(port, [], os.environ)) as made, pytest.raises(OSError, match="assign"):
        made.open("192.0.2.77")
    with closing(Door(port, ["env"], os.environ)) as made, pytest.raises(OSError, match="assign"):
        made.open("192.0.2.77")


def test_a_socket_made_by_another_process_is_sent_once_for_its_namespace(port: int) -> None:
    with closing(Door(port, ["env"], os.environ)) as made:
        made.open(OUTSIDE)
        made.open(OUTSIDE)
        assert said(port, b"hello") == b"HELLO"


def test_a_socket_stays_in_the_namespace_it_was_made_in(port: int) -> None:
    unshare = shutil.which("unshare")
    words = [str(unshare), "--user", "--map-root-user", "--net"]
    if not unshare or subprocess.run([*words, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("no network namespaces for this user")
    script = 'ip link set lo up 2>/dev/null; exec "$@"'
    with closing(Door(port, [*words, "sh", "-c", script, "sh"], os.environ)) as made:
        made.open(OUTSIDE)
        with pytest.raises(OSError, match="refused"):
            said(port, b"hello")


def test_nothing_is_made_for_a_namespace_that_is_known() -> None:
    door.send("192.0.2.77", 1, str(Path("/proc/self/ns/net").stat().st_ino))
