"""Containers as plain processes, where there is no container engine.

An image's layers (only of images that say they hold the app alone) are unpacked, and its command runs with this
machine's Python. There is no isolation: paths are translated where they can be seen (command, arguments, environment),
limits and the image's user count for nothing. A keeper process per container writes its output and end to files, so
that nothing is lost when the server dies.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from local_account.registry.manifests import Image, find_image
from local_account.registry.store import Store
from local_account.root import write_whole
from local_account.runtime import keeper, logfile
from local_account.runtime.layers import BadLayer, unpack
from local_account.runtime.mapping import PathMap
from local_account.runtime.model import (
    PULL_FAILED,
    SESSION_VOLUME,
    ContainerExit,
    ContainerKey,
    ContainerLaunch,
    Launch,
    LogLine,
    MountKind,
    OnExit,
    RuntimeProblem,
    Seen,
    Started,
    running_message,
)

_PYTHON = re.compile(r"(?:/\S*/)?python(?:3(?:\.\d+)?)?")
_INHERITED = ("LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "SSL_CERT_FILE", "SSL_CERT_DIR")
_SHARED_MEMORY = "/dev/shm"
_BEGIN_SECONDS, _LOOK_AGAIN_SECONDS = 30.0, 0.02


class ProcessRuntime:
    """The Runtime without containers. `jobs` is the directory that holds one directory a service, by its id."""

    name = "process"

    def __init__(self, jobs: Path, store: Store, reason: str, gpus: int, architecture: str) -> None:
        self.reason = reason
        self._jobs = jobs
        self._store = store
        self._gpus = gpus
        self._architecture = architecture

    def host_for_containers(self) -> str:
        return "127.0.0.1"

    def bind_address(self) -> str | None:
        return None

    def start(self, launch: Launch) -> Mapping[str, Started]:
        instance = launch.directory / "instances" / str(launch.instance)
        _end(instance.glob("*/alive"), grace_s=0)
        shutil.rmtree(instance, ignore_errors=True)
        try:
            for container in launch.containers:
                self._prepare(launch, container, instance / container.name)
            for container in launch.containers:
                _start_keeper(instance / container.name)
        except Exception:
            _end(instance.glob("*/alive"), grace_s=0)
            raise
        return {c.name: Started(running_message(c.gpu, self._gpus), "127.0.0.1") for c in launch.containers}

    def watch(self, key: ContainerKey, on_exit: OnExit) -> None:
        def wait() -> None:
            directory = self._directory(key)
            _await_lock(directory / "alive")
            on_exit(_ended(key, directory))

        threading.Thread(target=wait, name=f"wait-{key.container}", daemon=True).start()

    def logs(
        self, key: ContainerKey, *, since_ns: int | None = None, until_ns: int | None = None, tail: int | None = None
    ) -> list[LogLine]:
        path = self._directory(key) / "log"
        if not path.exists():
            raise RuntimeProblem("the log of the container is gone")
        return logfile.read(path, since_ns, until_ns, tail)

    def stop(self, service_id: str, grace_s: int = 30) -> None:
        _end(self._jobs.glob(f"{service_id}/instances/*/*/alive"), grace_s)

    def remove(self, service_id: str) -> None:
        self.stop(service_id, grace_s=0)
        shutil.rmtree(self._jobs / service_id / "instances", ignore_errors=True)

    def reconcile(self) -> list[Seen]:
        seen = []
        for lock in sorted(self._jobs.glob("*/instances/*/*/alive")):
            directory = lock.parent
            service_id, _, instance, container = directory.relative_to(self._jobs).parts
            seen.append(Seen(ContainerKey(service_id, int(instance), container), _is_held(lock)))
        return seen

    def purge(self) -> None:
        self.end_all(self._jobs)

    @staticmethod
    def end_all(jobs: Path) -> None:
        """End every process of the jobs directory."""
        _end(jobs.glob("*/instances/*/*/alive"), grace_s=0)

    def close(self) -> None:
        """Nothing to let go of: the waiting threads end with the server."""

    def _directory(self, key: ContainerKey) -> Path:
        return self._jobs / key.service_id / "instances" / str(key.instance) / key.container

    def _prepare(self, launch: Launch, container: ContainerLaunch, directory: Path) -> None:
        image = find_image(self._store, container.image, container.digest, self._architecture)
        if image is None:
            raise RuntimeProblem(PULL_FAILED, f"{container.image}@{container.digest} is not in the registry")
        paths = PathMap(_mount_directories(launch, container), directory / "rootfs")
        try:
            unpack([path for path in map(self._store.blob, _digests(image)) if path is not None], paths.root)
        except BadLayer as error:
            raise RuntimeProblem(PULL_FAILED, str(error)) from error
        (directory / "home").mkdir()
        working = str(image.settings.get("WorkingDir") or "/").lstrip("/")
        (paths.root / working).mkdir(parents=True, exist_ok=True)
        command = _command(image, container)
        if not command:
            raise RuntimeProblem("Encountered fatal error while starting container", "the image has no command")
        order = {
            "argv": _words(command, paths),
            "env": _meeting(launch, container) | self._environment(image, container, paths, directory),
            "cwd": str(paths.root / working),
        }
        launch_file = directory / "launch.json"
        launch_file.touch(mode=0o600)  # it holds the values of secrets
        launch_file.write_text(json.dumps(order))
        _write_head(directory / "log", container, paths)

    def _environment(self, image: Image, container: ContainerLaunch, paths: PathMap, directory: Path) -> dict[str, str]:
        env = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        own = dict(entry.partition("=")[::2] for entry in image.settings.get("Env") or ())
        env |= {name: paths.text(value) for name, value in own.items() if name not in ("PATH", "HOME")}
        env |= {name: paths.text(value) for name, value in container.env.items()} | dict(container.secret_env)
        session = next((m.target for m in container.mounts if m.volume == SESSION_VOLUME), None)
        if session is not None:
            env["SNOWFLAKE_TOKEN_PATH"] = str(paths.mounts[session] / "token")
        # As in a container, a GPU that was not asked for is not seen.
        visible = ",".join(str(index) for index in range(min(container.gpu, self._gpus)))
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        return {"CUDA_VISIBLE_DEVICES": visible, "HOME": str(directory / "home"), "PATH": path, **env}


def _meeting(launch: Launch, container: ContainerLaunch) -> dict[str, str]:
    """Return the port at which the replicas of a job meet, in the variable by which Snowflake's ML runtime says it.

    Containers have ports of their own; here all jobs share this machine's, so the usual one may be taken.
    """
    if "SNOWFLAKE_JOBS_COUNT" not in container.env:
        return {}
    file = launch.directory / "meeting_port"
    if not file.exists():
        write_whole(file, str(_free_port()))
    return {"MLRS_RDZV_PORT": file.read_text()}


def _free_port() -> int:
    """Below the range from which systems take ports by themselves: it stays free until it is used."""
    while True:
        port = random.randrange(20_000, 30_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("", port))
            return port


def _start_keeper(directory: Path) -> None:
    command = [sys.executable, "-I", keeper.__file__, str(directory)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.stdout.strip() != "started":
        detail = (done.stdout or done.stderr).strip()
        raise RuntimeProblem("Encountered fatal error while starting container", detail)


def _end(locks: Iterator[Path], grace_s: int) -> None:
    """Ask the keepers to end their processes, all at once, and wait until they have."""
    asked = [lock for lock in locks if _is_held(lock) and _ask_to_end(lock, grace_s)]
    for lock in asked:
        _await_lock(lock)


def _ask_to_end(lock: Path, grace_s: int) -> bool:
    """Send a keeper SIGTERM; False if that is not possible: it has ended, or hangs before it has begun."""
    write_whole(lock.parent / "grace", str(grace_s))
    deadline = time.monotonic() + _BEGIN_SECONDS
    while _is_held(lock) and time.monotonic() < deadline:
        # A server that was killed in the midst of a launch leaves a keeper that is about to begin.
        if started := _read(lock.parent / "started.json"):
            with contextlib.suppress(ProcessLookupError):
                # The lock is held, so the id is still the keeper's.
                os.kill(int(started["keeper"]), signal.SIGTERM)
            return True
        time.sleep(_LOOK_AGAIN_SECONDS)
    return False


def _mount_directories(launch: Launch, container: ContainerLaunch) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for mount in container.mounts:
        if mount.kind is MountKind.DIRECTORY and mount.source is not None:
            found[mount.target] = mount.source
        elif mount.target != _SHARED_MEMORY:
            directory = launch.directory / "instances" / str(launch.instance) / f".{mount.volume}"
            directory.mkdir(parents=True, exist_ok=True)
            found[mount.target] = directory
    return found


def _digests(image: Image) -> list[str]:
    return [layer.digest for layer in image.layers]


def _command(image: Image, container: ContainerLaunch) -> list[str]:
    """Return the words to run: `command` replaces ENTRYPOINT and with it CMD, `args` replaces CMD."""
    if container.command:
        return [*container.command, *(container.args or ())]
    entrypoint, cmd = image.settings.get("Entrypoint") or [], image.settings.get("Cmd") or []
    return [*entrypoint, *(cmd if container.args is None else container.args)]


def _words(command: Sequence[str], paths: PathMap) -> list[str]:
    program, *rest = command
    if _PYTHON.fullmatch(program):
        return [sys.executable, *map(paths.text, rest)]
    beside = Path(sys.executable).parent / program
    return [str(beside) if beside.is_file() else paths.text(program), *map(paths.text, rest)]


def _write_head(path: Path, container: ContainerLaunch, paths: PathMap) -> None:
    """Say in the log what is not as in a container."""
    log = keeper.Log(path)
    lines = [f"no container engine here: this runs as a process with {sys.executable}"]
    lines += [f"{target} is {directory}" for target, directory in paths.mounts.items()]
    lines.append("limits of memory and CPU, and the image's user, are not enforced")
    for line in lines:
        log.write("e", f"[local account] {line}".encode())


def _ended(key: ContainerKey, directory: Path) -> ContainerExit:
    found = _read(directory / "exit.json")
    if found is None:
        problem = "its process was lost: the machine was restarted, or its keeper was killed"
        return ContainerExit(key, None, time.time_ns(), problem=problem)
    return ContainerExit(key, int(found["exit_code"]), int(found["finished_ns"]), problem=str(found["problem"]))


def _read(path: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return None
    return found


def _is_held(lock: Path) -> bool:
    try:
        with lock.open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False


def _await_lock(lock: Path) -> None:
    """Wait until the keeper has let go of its lock: it ends with the keeper, however that ends."""
    try:
        with lock.open() as file:
            fcntl.flock(file, fcntl.LOCK_SH)
    except FileNotFoundError:
        return
