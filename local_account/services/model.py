"""Jobs and their containers, and how the state of the whole follows from its parts. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from local_account import catalog
from local_account.runtime.model import ContainerExit, ContainerKey


class ServiceStatus(StrEnum):
    PENDING = "PENDING"
    RUNNING = "RUNNING"
    DONE = "DONE"
    FAILED = "FAILED"
    CANCELLING = "CANCELLING"
    CANCELLED = "CANCELLED"


class InstanceStatus(StrEnum):
    PENDING = "PENDING"
    READY = "READY"
    TERMINATING = "TERMINATING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"


class ContainerStatus(StrEnum):
    """READY is a container that runs."""

    PENDING = "PENDING"
    READY = "READY"
    TERMINATING = "TERMINATING"
    DONE = "DONE"
    FAILED = "FAILED"


ENDED = frozenset({ServiceStatus.DONE, ServiceStatus.FAILED, ServiceStatus.CANCELLED})
CONTAINER_ENDED = frozenset({ContainerStatus.DONE, ContainerStatus.FAILED})

WAITING = "Waiting to start"
COMPLETED = "Completed successfully"
USER_ERROR = "User application error, check container logs"
OUT_OF_MEMORY = "Container was OOMKilled due to resource usage"
FATAL_RUNNING = "Encountered fatal error while running, check container logs"
STOPPING = "Terminating"


@dataclass(frozen=True)
class Resolved:
    """What the names in a specification stood for when the job was made.

    `images`: by the image as written, its `db/schema/repository/name` and digest. `stages`: by volume, the folder on
    this machine. `secrets`: by the secret as written, its full name.
    """

    images: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    stages: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Service:
    """A job as it was made. `spec` is the text as written, `shown` as DESCRIBE shows it. Times are seconds since 1970.

    `replicas` is None where REPLICAS was not given, which counts as one. `cancel` says that it was asked to end.
    """

    id: str
    path: catalog.Path
    owner: str
    pool: str
    spec: str
    shown: str
    resolved: Resolved
    replicas: int | None
    is_async: bool
    warehouse: str | None
    comment: str
    integrations: tuple[str, ...]
    created_on: float
    updated_on: float
    cancel: bool = False

    @property
    def instances(self) -> int:
        return self.replicas or 1

    @property
    def dns_label(self) -> str:
        return self.path.name.lower().replace("_", "-")


@dataclass(frozen=True)
class ContainerState:
    """A container as it stands. `started_on` is None until it ran, `exit_code` None until it ended by itself."""

    key: ContainerKey
    image: str
    digest: str
    status: ContainerStatus = ContainerStatus.PENDING
    message: str = WAITING
    exit_code: int | None = None
    started_on: float | None = None
    ended_on: float | None = None
    ip_address: str = ""

    @property
    def ended(self) -> bool:
        return self.status in CONTAINER_ENDED


def after_exit(exit_: ContainerExit, stopped: bool) -> tuple[ContainerStatus, str]:
    """Return the status and message of a container that has ended; `stopped`: because it was told to."""
    if exit_.exit_code is None:
        return ContainerStatus.FAILED, f"{FATAL_RUNNING}: {exit_.problem}"
    if exit_.exit_code == 0:
        return ContainerStatus.DONE, COMPLETED
    if exit_.oom_killed:
        return ContainerStatus.FAILED, OUT_OF_MEMORY
    if stopped:
        return ContainerStatus.FAILED, "Terminated"
    return ContainerStatus.FAILED, f"{USER_ERROR}{f': {exit_.problem}' if exit_.problem else ''}"


def instance_status(containers: Iterable[ContainerStatus]) -> InstanceStatus:
    """Return the status of an instance: it has succeeded when every one of its containers has."""
    found = set(containers)
    if ContainerStatus.FAILED in found:
        return InstanceStatus.FAILED
    if found <= {ContainerStatus.DONE}:
        return InstanceStatus.SUCCEEDED
    if ContainerStatus.TERMINATING in found:
        return InstanceStatus.TERMINATING
    if found <= {ContainerStatus.PENDING}:
        return InstanceStatus.PENDING
    return InstanceStatus.READY


def service_status(containers: Sequence[ContainerState], cancel: bool) -> ServiceStatus:
    """Return the status of a job: any failure fails it, all done is done; cancellation overrides both.

    A job that had ended before it was asked to is not cancelled (`cancel` is then never set).
    """
    if cancel:
        return ServiceStatus.CANCELLED if all(c.ended for c in containers) else ServiceStatus.CANCELLING
    found = set(instance_statuses(containers).values())
    if InstanceStatus.FAILED in found:
        return ServiceStatus.FAILED
    if found == {InstanceStatus.SUCCEEDED}:
        return ServiceStatus.DONE
    if found & {InstanceStatus.READY, InstanceStatus.TERMINATING, InstanceStatus.SUCCEEDED}:
        return ServiceStatus.RUNNING
    return ServiceStatus.PENDING


def instance_statuses(containers: Iterable[ContainerState]) -> dict[int, InstanceStatus]:
    """Return the status of each instance, by its index."""
    by_instance: dict[int, list[ContainerStatus]] = {}
    for container in containers:
        by_instance.setdefault(container.key.instance, []).append(container.status)
    return {index: instance_status(statuses) for index, statuses in sorted(by_instance.items())}


def waiting_instances(containers: Iterable[ContainerState]) -> list[int]:
    """Return the instances of which nothing has begun."""
    states = list(containers)
    begun = {state.key.instance for state in states if state.status is not ContainerStatus.PENDING}
    return sorted({state.key.instance for state in states} - begun)


def verdict(service: Service, containers: Sequence[ContainerState], status: ServiceStatus) -> str:
    """Return the sentence with which a synchronous job that did not end in DONE fails."""
    failed = sorted((c for c in containers if c.status is ContainerStatus.FAILED), key=lambda c: c.ended_on or 0.0)
    causes = "".join(
        f" Container '{c.key.container}' of instance {c.key.instance}: {c.message}"
        f"{f' (exit code {c.exit_code})' if c.exit_code is not None else ''}."
        for c in failed[:3]
    )
    return f"Job {service.path.name} failed to complete. Exited with status: {status}.{causes}"
