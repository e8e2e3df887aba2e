"""The server as a process of this machine: one for each state root, found again through `server.json` and a lock."""

from __future__ import annotations

import fcntl
import http.client
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from local_account.root import Root, write_whole

_START_S, _STOP_S = 120.0, 15.0


class ServerProblem(Exception):
    """The server cannot be started or reached; the text says why and what to do."""


@dataclass(frozen=True)
class Running:
    """What `server.json` says of a server. `started` is seconds since 1970."""

    host: str
    port: int
    pid: int
    runtime: str
    reason: str
    started: float
    version: str

    def line(self) -> str:
        return json.dumps(asdict(self))


@contextmanager
def locked(path: Path, *, wait: bool) -> Iterator[bool]:
    """An exclusive lock that ends with the process. Yields whether it was got; `wait` waits for it."""
    with _usable(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        opened = path.open("a")
    with opened as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
            return
        yield True


@contextmanager
def _usable(folder: Path) -> Iterator[None]:
    """An OSError inside leaves as a ServerProblem about the state folder."""
    try:
        yield
    except OSError as problem:
        raise ServerProblem(
            f"the local account cannot keep its state in {folder} ({problem.strerror}); make that a folder which you"
            " may write to, or name another one in SPCS_LOCAL_ROOT"
        ) from problem


def make(root: Root) -> None:
    """Create the folders of a root. ServerProblem where that is not possible."""
    with _usable(root.path):
        root.make()


def server_lock(root: Root) -> Path:
    """Held by the server as long as it lives."""
    return root.path / "server.lock"


def alive(root: Root) -> bool:
    """Does a server of this root run (whether it answers yet or not)?"""
    if not root.path.is_dir():
        return False
    with locked(server_lock(root), wait=False) as free:
        return not free


def find(root: Root) -> Running | None:
    """The running server that answers, or None. A `server.json` left by a dead one, or another program on its port,
    is not taken for it."""
    if not alive(root):
        return None
    try:
        running = Running(**json.loads(root.server_file.read_text()))
        connection = http.client.HTTPConnection(running.host, running.port, timeout=10)
        connection.request("GET", "/")
        about = json.loads(connection.getresponse().read())
        connection.close()
    except (OSError, ValueError, TypeError, http.client.HTTPException):
        return None
    return running if about.get("local_account") == str(root.path) else None


def up(root: Root, arguments: list[str]) -> Running:
    """The running server; started detached if there is none. Two at once get the same one."""
    make(root)
    with locked(root.path / "up.lock", wait=True):
        running = find(root)
        if running:
            return running
        return _start(root, arguments)


def _start(root: Root, arguments: list[str]) -> Running:
    reader, writer = os.pipe()
    offset = root.log.stat().st_size if root.log.exists() else 0
    with root.log.open("a") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", "local_account", "serve", "--ready-fd", str(writer), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=(writer,),
            start_new_session=True,
            cwd=Path(__file__).parents[1],
            env={**os.environ, "SPCS_LOCAL_ROOT": str(root.path)},
        )
    os.close(writer)
    with os.fdopen(reader) as ready:
        heard = select.select([ready], [], [], _START_S)[0]
        line = ready.readline() if heard else ""
    if not line:
        if child.poll() is None and not heard:
            child.kill()
        child.wait()
        said = root.log.read_text(errors="replace")[offset:].strip().removeprefix("error: ")
        raise ServerProblem(said or f"the server did not start within {_START_S:.0f} s; see {root.log}")
    return Running(**json.loads(line))


def down(root: Root) -> bool:
    """Stop the server. True if one ran."""
    if not alive(root):
        return False
    pid = _holder(root)
    for sign in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.kill(pid, sign)
        deadline = time.monotonic() + _STOP_S
        while time.monotonic() < deadline:
            if not alive(root):
                return True
            time.sleep(0.02)
    raise ServerProblem(f"the server (process {pid}) does not stop")


def _holder(root: Root) -> int:
    """The process id that the server wrote into its lock file."""
    deadline = time.monotonic() + _STOP_S
    while time.monotonic() < deadline:
        text = server_lock(root).read_text().strip()
        if text.isdigit():
            return int(text)
        time.sleep(0.02)
    raise ServerProblem(f"{server_lock(root)} does not say which process holds it")


def remove(root: Root) -> None:
    """Delete the whole state. Only what this program made: the root may be a folder that has other things in it."""
    ours = (root.tables, root.stages, root.results, root.registry, root.jobs)
    for folder in ours:
        shutil.rmtree(folder, ignore_errors=True)
    for name in ("credentials", "server.json", "state.db", "state.db-wal", "state.db-shm", "server.log", "server.lock",
                 "up.lock", "port"):  # fmt: skip
        (root.path / name).unlink(missing_ok=True)
    if root.path.is_dir() and not any(root.path.iterdir()):
        root.path.rmdir()


def listen(root: Root, wanted: int) -> socket.socket:
    """A listening socket on loopback. The first free port is kept for ever: names of images contain it."""
    kept = root.path / "port"
    port = wanted or (int(kept.read_text()) if kept.exists() else 0)
    made = listening("127.0.0.1", port)
    write_whole(kept, str(made.getsockname()[1]))
    return made


def listening(host: str, port: int) -> socket.socket:
    """Raises ServerProblem where another program has the port."""
    # the protocol is named because asyncio sets TCP_NODELAY only then: 40 ms a statement
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((host, port))
    except OSError as problem:
        made.close()
        raise ServerProblem(
            f"port {port} on {host}, which this local account keeps, is taken by another program ({problem.strerror});"
            " stop that program, or begin a new account on another port with inv local.reset"
        ) from problem
    made.listen(256)
    return made
