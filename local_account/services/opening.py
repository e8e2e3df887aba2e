"""Puts together what runs jobs: the engine that is there, the registry, and the jobs kept from before."""

from __future__ import annotations

import secrets
import shutil
import subprocess
from typing import TYPE_CHECKING

from local_account.process import ServerProblem
from local_account.registry.manifests import find_image
from local_account.root import Root, write_whole
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
from local_account.runtime.model import RuntimeProblem

if TYPE_CHECKING:
    from local_account.account import Account
    from local_account.registry.store import Store
    from local_account.services.lifecycle import Services

_NODE_ARCHITECTURE = "amd64"
_USED = ".used"


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
        running = _containers(choice, choice.engine, client, registry.own_login, registry.store)
        (client.config / f"{choice.engine.name}{_USED}").touch()
    return Services(account, running, registry)


def remove_all(root: Root) -> str:
    """Remove what processes and engines have of an account whose server does not run. Its state root is left alone.

    Returns a sentence about engines that it used and that do not answer now, else "". It then keeps its id, by which
    their containers are found: the next account in this root removes them, as does another reset.
    """
    ProcessRuntime.end_all(root.jobs)
    if not (root.path / "id").exists():
        return ""
    used = _used(root)
    there = engines() if used else []
    silent = sorted(used - {engine.name for engine in there if engine.name in used and _purge(root, engine)})
    if silent:
        return (
            f"{' and '.join(silent)} does not answer, so containers of this account may be left there; start it and"
            f" repeat the reset (or delete {root.path} to forget them). All else is deleted"
        )
    shutil.rmtree(root.path / "engine", ignore_errors=True)
    (root.path / "id").unlink()
    return ""


def _purge(root: Root, engine: Engine) -> bool:
    """Remove what an engine has of the account; False if it stops answering meanwhile."""
    try:
        _containers(Choice(engine, ""), engine, _client(root, engine, "127.0.0.1"), ("", "")).purge()
    except (RuntimeProblem, OSError, subprocess.SubprocessError):
        return False
    return True


def _used(root: Root) -> set[str]:
    """Return the names of the engines that the account has had."""
    return {path.stem for path in (root.path / "engine").glob(f"*{_USED}")}


def account_id(root: Root) -> str:
    """Return the id by which an engine tells this account's containers from those of another."""
    path = root.path / "id"
    if not path.exists():
        write_whole(path, secrets.token_hex(5))
    return path.read_text()


def _containers(
    choice: Choice, engine: Engine, client: Client, login: tuple[str, str], store: Store | None = None
) -> ContainerRuntime:
    def ids(name: str, digest: str) -> tuple[str, ...]:
        image = find_image(store, name, digest, _NODE_ARCHITECTURE) if store else None
        return image.ids if image else ()

    return ContainerRuntime(client, engine.capacity, choice.reason, login, engine.environment, engine.host_name, ids)


def _client(root: Root, engine: Engine, registry: str) -> Client:
    config = root.path / "engine"
    return Client(engine.program, account_id(root), registry, config, engine.name == "podman")
