"""What the account asks of a container engine, and what it hears back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Protocol

SESSION_VOLUME = ".session"
"""Volume name of the mount that holds the session token; volumes of a spec have no dot in their names."""

SECRET_VOLUME = ".secret-"
"""The volume names of mounts that hold secrets begin so."""

PROCESS_LABEL = ("spcs.runtime", "process")
"""Label of images whose layers hold the app alone: they run as processes, in no container."""

PULL_FAILED = "Failed to pull image"
"""The message of a container whose image is not to be had."""


class RuntimeProblem(Exception):
    """The engine could not do it; `message` is the container's status message, `detail` the engine's own words."""

    def __init__(self, message: str, detail: str = "") -> None:
        super().__init__(f"{message}: {detail}" if detail else message)
        self.message = message
        self.detail = detail

    @property
    def waits(self) -> bool:
        """Does the job wait, as on Snowflake? Its image may yet be there; it is tried again when the account starts."""
        return self.message == PULL_FAILED


class MountKind(Enum):
    """Where the bytes behind a mount path live."""

    DIRECTORY = "directory"
    MEMORY = "memory"


@dataclass(frozen=True)
class Mount:
    """One mount path of a container.

    DIRECTORY: `source` is a directory of this machine, shared with whoever else mounts it (stage volumes, local and
    block volumes, the session token). MEMORY: `size_bytes` of RAM; `shared` if several containers of the instance
    mount the same volume.
    """

    volume: str
    kind: MountKind
    target: str
    source: Path | None = None
    size_bytes: int | None = None
    read_only: bool = False
    shared: bool = False


@dataclass(frozen=True)
class ContainerLaunch:
    """One container, ready to start.

    `image` is `db/schema/repository/name` in lower case, `digest` the manifest's `sha256:…`. `command` replaces the
    image's ENTRYPOINT, `args` its CMD; None leaves the image's own. `memory_bytes` and `cpu` are limits; `gpu` a count.
    `secret_env` are variables whose values may stand in no command line and no log.
    """

    name: str
    image: str
    digest: str
    command: tuple[str, ...] | None
    args: tuple[str, ...] | None
    env: Mapping[str, str]
    secret_env: Mapping[str, str] = field(default_factory=dict, repr=False)
    mounts: tuple[Mount, ...] = ()
    memory_bytes: int | None = None
    cpu: float | None = None
    gpu: int = 0


@dataclass(frozen=True)
class Launch:
    """One instance of a service: containers that share a network. `aliases` are its names for other instances."""

    service_id: str
    service: str
    instance: int
    containers: tuple[ContainerLaunch, ...]
    aliases: tuple[str, ...]
    directory: Path


@dataclass(frozen=True, order=True)
class ContainerKey:
    """Which container: the service's id, the instance's index, the container's name."""

    service_id: str
    instance: int
    container: str


@dataclass(frozen=True)
class Started:
    """What is known once a container runs: its `message` for the status, and the instance's address."""

    message: str = "Running"
    ip_address: str = ""


@dataclass(frozen=True)
class ContainerExit:
    """A container's end. `exit_code` None: the engine lost it, and `problem` says in a sentence what happened."""

    key: ContainerKey
    exit_code: int | None
    finished_ns: int
    oom_killed: bool = False
    problem: str = ""


@dataclass(frozen=True)
class Seen:
    """A container that the engine knows: it runs, or it has ended (watching it tells how)."""

    key: ContainerKey
    running: bool
    started: Started = field(default_factory=Started)


@dataclass(frozen=True, order=True)
class LogLine:
    """A line of a container's output: nanoseconds since 1970 (UTC), `stdout` or `stderr`, text without line end."""

    time_ns: int
    stream: str
    text: str


def running_message(requested: int, available: int) -> str:
    """Return a running container's status message; GPUs that it asked for and does not have are said here."""
    if requested <= available:
        return "Running"
    if available == 0:
        return f"Running (no GPU on this machine: {requested} requested, runs on CPU)"
    return f"Running ({available} GPU on this machine: {requested} requested)"


OnExit = Callable[[ContainerExit], None]


class Runtime(Protocol):
    """A container engine. Calls come from several threads; each call blocks until the engine has answered."""

    name: str
    reason: str

    def host_for_containers(self) -> str:
        """Return the host name or address under which containers reach this machine."""

    def bind_address(self) -> str | None:
        """Return the address, beside loopback, that the server must listen on for containers, or None."""

    def start(self, launch: Launch) -> Mapping[str, Started]:
        """Start one instance's containers, by name; raises RuntimeProblem with nothing left running."""

    def watch(self, key: ContainerKey, on_exit: OnExit) -> None:
        """Call `on_exit` once, from a thread, when the container has ended (at once if it has already)."""

    def logs(
        self, key: ContainerKey, *, since_ns: int | None = None, until_ns: int | None = None, tail: int | None = None
    ) -> list[LogLine]:
        """Return lines in order of time, from `since_ns` to `until_ns` (both inclusive), at most the newest `tail`.

        Raises RuntimeProblem if the engine has the container no more.
        """

    def stop(self, service_id: str, grace_s: int = 30) -> None:
        """Send SIGTERM to the service's containers, and SIGKILL to those that live `grace_s` seconds later."""

    def remove(self, service_id: str) -> None:
        """Remove the service's containers, running ones too, and what was made for them. No error if there are none."""

    def reconcile(self) -> list[Seen]:
        """Return the containers that the engine has of this account."""

    def purge(self) -> None:
        """Remove everything that the engine has of this account."""

    def close(self) -> None:
        """Stop watching. Containers run on."""
