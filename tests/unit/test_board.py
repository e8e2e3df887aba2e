"""The board's server: who is answered, what with, and when a stream says something."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import httpx
import pytest

from spcs.board import Board, script_hash

SCRIPT = "document.title = 'x'"


class Note:
    """A page whose body is what a test writes on it, and which is asked again at once."""

    def __init__(self) -> None:
        self.text = "<p>one\r\ntwo</p>"
        self.asked = threading.Semaphore(0)
        self.asker = threading.current_thread()

    def whole(self) -> str:
        return f"<html>{self.body()}</html>"

    def body(self) -> str:
        self.asker = threading.current_thread()
        self.asked.release()
        return self.text

    def pause(self) -> float:
        return 0.01


@pytest.fixture
def note() -> Note:
    return Note()


@pytest.fixture
def board(note: Note) -> Iterator[Board]:
    server = Board(0, {"/": note, "/runs/x y": note}.get, SCRIPT)
    serving = threading.Thread(target=server.serve_forever, args=(0.01,))
    serving.start()
    yield server
    server.shutdown()
    server.end()
    serving.join()


@pytest.fixture
def client(board: Board) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=board.url, timeout=30, trust_env=False) as made:
        yield made


def events(answer: httpx.Response) -> Iterator[dict[str, str]]:
    """The events of a stream, their lines of data joined as by a browser. Letting go of them ends the stream."""
    event: dict[str, str] = {}
    for line in answer.iter_lines():
        name, _, text = line.partition(": ")
        if name:
            event[name] = f"{event[name]}\n{text}" if name == "data" and "data" in event else text
        elif event:
            yield event
            event = {}


def test_it_listens_on_loopback_alone(board: Board) -> None:
    assert board.server_address[0] == "127.0.0.1"


@pytest.mark.parametrize("host", ["127.0.0.1:1", "localhost:9000", "LOCALHOST", "[::1]:8700", "127.0.0.1"])
def test_a_loopback_name_is_answered_whatever_the_port(client: httpx.Client, host: str) -> None:
    answer = client.get("/", headers={"Host": host})
    assert (answer.status_code, answer.text) == (200, "<html><p>one\r\ntwo</p></html>")


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8700", "127.0.0.1.evil.example", "localhost.evil.example:1"]
)
@pytest.mark.parametrize("path", ["/", "/events"])
def test_another_name_is_refused_and_learns_nothing(client: httpx.Client, note: Note, host: str, path: str) -> None:
    answer = client.get(path, headers={"Host": host})
    assert answer.status_code == 403
    assert "one" not in answer.text
    assert not note.asked.acquire(blocking=False)


def test_a_request_without_a_host_is_refused(board: Board) -> None:
    with socket.create_connection(("127.0.0.1", board.server_address[1])) as connection:
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert b" 403 " in connection.recv(100)


def test_what_is_not_there_is_not_found_and_nothing_can_be_changed(client: httpx.Client) -> None:
    assert client.get("/nothing").status_code == 404
    assert client.get("/../etc/passwd").status_code == 404
    assert client.get("/nothing/events").status_code == 404
    for verb in ("POST", "PUT", "DELETE"):
        assert client.request(verb, "/").status_code == 501


def test_paths_are_read_as_they_were_meant(client: httpx.Client) -> None:
    assert client.get("/runs/x%20y?tab=1").status_code == 200
    assert client.head("/").headers["Content-Length"] == str(len("<html><p>one\r\ntwo</p></html>"))


def test_a_page_may_run_its_own_script_and_no_other(client: httpx.Client) -> None:
    answer = client.get("/")
    policy = answer.headers["Content-Security-Policy"]
    assert f"script-src '{script_hash(SCRIPT)}'" in policy
    assert "unsafe-inline" not in policy.partition("script-src")[2]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_stream_says_what_is_there_and_then_what_changes(client: httpx.Client, note: Note) -> None:
    with client.stream("GET", "/events") as answer:
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        said = events(answer)
        assert next(said) == {"retry": "2000"}
        first = next(said)
        assert (first["event"], first["data"]) == ("body", "<p>one\ntwo</p>")
        for _ in range(5):
            assert note.asked.acquire(timeout=30)  # asked again and again, and nothing said
        note.text = "three"
        second = next(said)
    assert second["data"] == "three"
    assert second["id"] != first["id"]


def test_who_comes_back_is_told_only_what_is_new(client: httpx.Client, note: Note) -> None:
    with client.stream("GET", "/runs/x%20y/events") as answer:
        known = next(event for event in events(answer) if "id" in event)["id"]
    with client.stream("GET", "/runs/x%20y/events", headers={"Last-Event-ID": known}) as answer:
        said = events(answer)
        next(said)
        for _ in range(8):
            assert note.asked.acquire(timeout=30)
        note.text = "four"
        assert next(said)["data"] == "four"


def test_a_page_is_asked_for_only_while_somebody_looks(client: httpx.Client, note: Note) -> None:
    assert not note.asked.acquire(blocking=False)
    with client.stream("GET", "/events") as answer:
        said = events(answer)
        assert [next(said)["retry"], next(said)["event"]] == ["2000", "body"]
    note.asker.join(30)
    assert not note.asker.is_alive()


def test_the_end_ends_every_stream(note: Note) -> None:
    server = Board(0, {"/": note}.get, SCRIPT)
    serving = threading.Thread(target=server.serve_forever, args=(0.01,))
    serving.start()
    with httpx.Client(base_url=server.url, timeout=30, trust_env=False) as client, client.stream("GET", "/events") as a:
        said = events(a)
        next(said)
        next(said)
        server.shutdown()
        server.end()
        assert list(said) == []
    serving.join()
