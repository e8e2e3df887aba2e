"""Puts together what runs jobs: the engine that is there, the registry, and the jobs kept from before."""

from __future__ import annotations

import contextlib
import secrets
import shutil
import subprocess
from typing import TYPE_CHECKING

from local_account.process import ServerProblem
from local_account.root import Root
from local_account.runtime import (
    Choice,
    Client,
    ContainerRuntime,
    Engine,
    NoEngine,
    ProcessRuntime,
    Runtime,
    choose,
    engines,
)
from local_account.runtime.detect import gpus

if TYPE_CHECKING:
    from local_account.account import Account
    from local_account.services.lifecycle import Services

_NODE_ARCHITECTURE = "amd64"


def open_compute(account: Account, runtime: str) -> Services:
    """Return what runs the account's jobs. `runtime` is one of detect.CHOICES; ServerProblem if it is absent."""
    from local_account.registry import open_registry
    from local_account.services.lifecycle import Services

    registry = open_registry(account)
    try:
        choice = choose(runtime)
    except NoEngine as problem:
        raise ServerProblem(f"--runtime {runtime}: {problem}") from problem
    if choice.engine is None:
        reason, jobs = choice.reason, account.root.jobs
        running: Runtime = ProcessRuntime(jobs, registry.store, reason, gpus(), _NODE_ARCHITECTURE)
    else:
        client = _client(account.root, choice.engine, account.registry_host)
        running = _containers(choice, choice.engine, client, registry.own_login)
    return Services(account, running, registry)


def remove_all(root: Root) -> None:
    """Remove what engines and processes have of an account whose server does not run. Its state root is left alone."""
    if not (root.path / "id").exists():
        return
    for engine in engines():
        client = _client(root, engine, "127.0.0.1")
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            _containers(Choice(engine, ""), engine, client, ("", "")).purge()
    ProcessRuntime.end_all(root.jobs)
    shutil.rmtree(root.path / "engine", ignore_errors=True)
    (root.path / "id").unlink()


def account_id(root: Root) -> str:
    """Return the id by which an engine tells this account's containers from those of another."""
    path = root.path / "id"
    with contextlib.suppress(FileExistsError), path.open("x") as file:
        file.write(secrets.token_hex(5))
    return path.read_text()


def _containers(choice: Choice, engine: Engine, client: Client, login: tuple[str, str]) -> ContainerRuntime:
    return ContainerRuntime(client, engine.capacity, choice.reason, login, engine.environment, engine.host_name)


def _client(root: Root, engine: Engine, registry: str) -> Client:
    config = root.path / "engine"
    return Client(engine.program, account_id(root), registry, config, engine.name == "podman")
