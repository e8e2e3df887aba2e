"""Runs the server in this process."""

from __future__ import annotations

import logging
import os
import shutil
import socket
import sqlite3
import sys
import time
from typing import IO

import uvicorn

from local_account import credentials
from local_account.account import VERSION, Account
from local_account.errors import SqlError
from local_account.process import Running, ServerProblem, listen, listening, make, server_lock
from local_account.process import locked as lock
from local_account.root import Root, Settings, write_whole
from local_account.server import application
from local_account.services import open_compute


def serve(root: Root, settings: Settings, ready_fd: int | None = None) -> None:
    """Serve until SIGTERM. `ready_fd` gets one JSON line when requests are answered. Raises ServerProblem."""
    make(root)
    with lock(server_lock(root), wait=False) as first:
        if not first:
            raise ServerProblem(f"a server of {root.path} already runs")
        server_lock(root).write_text(str(os.getpid()))
        _log_to(root)
        loopback = listen(root, settings.port)
        account = _open(root, settings, loopback.getsockname()[1])
        sockets = [loopback, *_gateways(account)]
        ready = os.fdopen(ready_fd, "w") if ready_fd is not None else None
        _Server(account, ready).run(sockets)


def _open(root: Root, settings: Settings, port: int) -> Account:
    shutil.rmtree(root.results, ignore_errors=True)  # results do not outlive the server that made them
    root.results.mkdir()
    try:
        account = Account(root, settings, credentials.load(root.credentials))
    except (SqlError, sqlite3.Error, ValueError, TypeError) as problem:
        text = " ".join(str(problem).split())
        raise ServerProblem(
            f"the state in {root.path} cannot be read ({text}); inv local.reset deletes it and begins a new account"
        ) from problem
    account.port = port
    account.compute = open_compute(account, settings.runtime)
    return account


def _gateways(account: Account) -> list[socket.socket]:
    """Sockets on which containers reach this server."""
    assert account.compute is not None
    return [listening(address, account.port) for address in account.compute.addresses()]


class _Server(uvicorn.Server):
    """Writes `server.json` once requests are answered, and deletes it at the end."""

    def __init__(self, account: Account, ready: IO[str] | None) -> None:
        config = uvicorn.Config(
            application(account), log_config=None, access_log=False, timeout_graceful_shutdown=2, lifespan="on"
        )
        super().__init__(config)
        self._account, self._ready = account, ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._announce()

    def _announce(self) -> None:
        compute = self._account.compute
        assert compute is not None
        running = Running(
            "127.0.0.1", self._account.port, os.getpid(), compute.name, compute.reason, time.time(), VERSION
        )
        write_whole(self._account.root.server_file, running.line())
        logging.getLogger("local_account").info("listening on 127.0.0.1:%d, runtime %s", running.port, running.reason)
        if self._ready:
            self._ready.write(running.line() + "\n")
            self._ready.close()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._account.root.server_file.unlink(missing_ok=True)
        await super().shutdown(sockets)


def _log_to(root: Root) -> None:
    handlers: list[logging.Handler] = [logging.FileHandler(root.log)]
    if sys.stderr.isatty():
        handlers.append(logging.StreamHandler())
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", handlers=handlers, force=True
    )
