"""Keeps one process of the process runtime: writes its output and its end to files, and outlives the server.

Run as a program on a directory that holds `launch.json` ({"argv", "env", "cwd"}). It holds a lock on `alive` for as
long as it lives, writes `started.json` ({"keeper", "pid"}), appends `log` (one line each: time in UTC with nine digits,
`o` or `e` for the stream, the bytes of the line) and finally `exit.json` ({"exit_code", "finished_ns", "problem"}). It
prints one line, `started` or the reason why not. On SIGTERM the process gets SIGTERM, and after the seconds in `grace`
(default 30) its whole group is killed. As in a container, whatever it started ends with it (elsewhere than on Linux,
its group). Only the standard library is used: this must start fast and depend on nothing.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, BinaryIO

_GRACE_SECONDS = 30.0
_DRAIN_SECONDS = 2.0
_LINE_LIMIT = 1 << 20
_SET_CHILD_SUBREAPER = 36


class Log:
    """The log file. Times never repeat, so that a time names one line."""

    def __init__(self, path: Path) -> None:
        self._file: BinaryIO = path.open("ab", buffering=0)
        self._last = 0

    def write(self, stream: str, line: bytes) -> None:
        self._last = max(time.time_ns(), self._last + 1)
        seconds, fraction = divmod(self._last, 1_000_000_000)
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
        # A full disk costs lines, not the process.
        with contextlib.suppress(OSError):
            self._file.write(f"{stamp}.{fraction:09d}Z {stream} ".encode() + line + b"\n")


def keep(directory: Path) -> None:
    """Start the process that `launch.json` describes and stay with it until its end is written."""
    lock = (directory / "alive").open("w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    launch = json.loads((directory / "launch.json").read_text())
    _adopt_orphans()
    try:
        child = _start(launch)
    except OSError as error:
        _write(directory / "exit.json", {"exit_code": 127, "finished_ns": time.time_ns(), "problem": str(error)})
        _report(str(error), directory)
        return
    try:
        _stay(child, directory)
    except BaseException:
        # Without its keeper nobody could end it.
        _kill_group(child.pid)
        raise


def _stay(child: subprocess.Popen[bytes], directory: Path) -> None:
    # In this order: who reads the id in the file may send a signal at once.
    _pass_on_signals(child, directory / "grace")
    _write(directory / "started.json", {"keeper": os.getpid(), "pid": child.pid})
    _report("started", directory)
    _pump(child, Log(directory / "log"))
    code = child.wait()
    ended = {"exit_code": 128 - code if code < 0 else code, "finished_ns": time.time_ns(), "problem": ""}
    _write(directory / "exit.json", ended)


def _start(launch: dict[str, Any]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        launch["argv"],
        cwd=launch["cwd"],
        env=launch["env"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def _pass_on_signals(child: subprocess.Popen[bytes], grace: Path) -> None:
    def kill(*_: object) -> None:
        if child.returncode is None:
            _kill_group(child.pid)

    def terminate(*_: object) -> None:
        signal.signal(signal.SIGALRM, kill)
        # Not child.send_signal(): that frees the id of a child which has ended, before its group is gone.
        if child.returncode is None:
            # As for a container, the first process alone is asked to end; the others are its own affair.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(child.pid, signal.SIGTERM)
        signal.setitimer(signal.ITIMER_REAL, max(_seconds(grace), 0.001))

    signal.signal(signal.SIGTERM, terminate)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


def _seconds(grace: Path) -> float:
    try:
        return float(grace.read_text())
    except (OSError, ValueError):
        return _GRACE_SECONDS


def _pump(child: subprocess.Popen[bytes], log: Log) -> None:
    """Copy both streams line by line until they end, or a moment after the process has ended."""
    ended = threading.Event()
    threading.Thread(target=_await_end, args=(child, ended), daemon=True).start()
    with selectors.DefaultSelector() as selector:
        rests: dict[str, bytes] = {}
        for pipe, stream in ((child.stdout, "o"), (child.stderr, "e")):
            assert pipe is not None
            selector.register(pipe, selectors.EVENT_READ, stream)
        deadline = float("inf")
        while selector.get_map() and time.monotonic() < deadline:
            for key, _ in selector.select(timeout=1.0):
                data = os.read(key.fd, 1 << 16)
                rests[key.data] = _log_lines(log, key.data, rests.get(key.data, b"") + data)
                if not data:
                    selector.unregister(key.fileobj)
            # A process that has left the group may hold the streams open for ever.
            if ended.is_set() and deadline == float("inf"):
                deadline = time.monotonic() + _DRAIN_SECONDS
        for stream, rest in rests.items():
            if rest:
                log.write(stream, rest)


def _await_end(child: subprocess.Popen[bytes], ended: threading.Event) -> None:
    # Not child.wait(): the id must stay taken until the rest of the group is gone.
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    _kill_group(child.pid)
    _kill_orphans(child.pid)
    ended.set()


def _log_lines(log: Log, stream: str, data: bytes) -> bytes:
    """Write the whole lines of `data`; return what follows the last of them."""
    *lines, rest = data.split(b"\n")
    for line in lines:
        log.write(stream, line)
    if len(rest) < _LINE_LIMIT:
        return rest
    log.write(stream, rest)
    return b""


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _adopt_orphans() -> None:
    """Become the parent of what the process leaves behind, groups of their own included: workers of torchrun, say."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _kill_orphans(besides: int) -> None:
    """Kill all children but `besides`, then theirs, which have become ours."""
    while orphans := _children() - {besides}:
        for pid in orphans:
            with contextlib.suppress(ProcessLookupError, PermissionError, ChildProcessError):
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)


def _children() -> set[int]:
    """This process's children, ended ones included; none where the system does not list them."""
    lists = Path("/proc/self/task").glob("*/children")
    return {int(pid) for path in lists for pid in path.read_text().split()}


def _write(path: Path, content: dict[str, Any]) -> None:
    unfinished = path.with_suffix(".new")
    unfinished.write_text(json.dumps(content))
    unfinished.replace(path)


def _report(line: str, directory: Path) -> None:
    """Tell the server how the start went, and let go of its pipes: it waits until they are closed."""
    with contextlib.suppress(BrokenPipeError):  # the server may be gone by now; the next one finds the process running
        os.write(1, f"{line}\n".encode())
    with (directory / "keeper.log").open("ab") as own:
        os.dup2(own.fileno(), 1)
        os.dup2(own.fileno(), 2)


if __name__ == "__main__":
    # The server's child ends at once: the keeper belongs to nobody and is waited for by nobody.
    if os.fork() == 0:
        os.setsid()
        keep(Path(sys.argv[1]))
    os._exit(0)
