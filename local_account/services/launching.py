"""From a job's specification to what the runtime is to start."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from local_account.runtime.model import (
    SECRET_VOLUME,
    SESSION_VOLUME,
    ContainerLaunch,
    Launch,
    Mount,
    MountKind,
    RuntimeProblem,
)
from local_account.runtime.ownership import open_to_all
from local_account.services.model import Service
from spcs.spec import Container, Family, Secret, Volume, effective
from spcs.spec import Service as Spec

SESSION_DIRECTORY = "/snowflake/session"


@dataclass(frozen=True)
class Surroundings:
    """What is the same for all jobs: how containers reach this server, where jobs keep their directories, and what a
    secret holds, by its full name."""

    host: str
    port: int
    account: str
    jobs: Path
    secrets: Callable[[str], Mapping[str, str] | None] = lambda path: None


def job_directory(jobs: Path, service_id: str) -> Path:
    return jobs / service_id


def directories(jobs: Path) -> set[str]:
    """Return the ids of services that have a directory; a server killed while it removed one may leave just that."""
    return {path.name for path in jobs.iterdir()} if jobs.exists() else set()


def write_token(jobs: Path, service_id: str, token: str) -> None:
    """Keep the session token where its mount finds it. The state root is closed to other users; containers see 0644."""
    directory = job_directory(jobs, service_id) / "session"
    directory.mkdir(parents=True, exist_ok=True)
    directory.chmod(0o755)
    (directory / "token").write_text(token)
    (directory / "token").chmod(0o644)


def launch(service: Service, spec: Spec, node: Family, instance: int, around: Surroundings) -> Launch:
    """Return one instance, with the directories behind its mounts made and opened to it."""
    directory = job_directory(around.jobs, service.id)
    containers = tuple(_container(service, spec, node, instance, container, around) for container in spec.containers)
    return Launch(service.id, str(service.path), instance, containers, aliases(service), directory)


def aliases(service: Service) -> tuple[str, ...]:
    """Return the names of a job on the network: by itself, of the set of its instances, and with its domain."""
    return service.dns_label, f"instances.{service.dns_label}", dns_name(service)


def dns_name(service: Service) -> str:
    """Return the full name: the middle part stands for the schema."""
    schema = hashlib.sha256(f"{service.path.database}.{service.path.schema}".encode()).hexdigest()[:6]
    return f"{service.dns_label}.{schema}.svc.spcs.internal"


def environment(service: Service, container: Container, instance: int, around: Surroundings) -> dict[str, str]:
    """Return a container's variables; those of the specification win, as they do on Snowflake."""
    own = {
        "SNOWFLAKE_ACCOUNT": around.account,
        "SNOWFLAKE_HOST": around.host,
        "SNOWFLAKE_PORT": str(around.port),
        "SNOWFLAKE_PROTOCOL": "http",
        "SNOWFLAKE_DATABASE": service.path.database,
        "SNOWFLAKE_SCHEMA": service.path.schema,
        "SNOWFLAKE_SERVICE_NAME": service.path.name,
    }
    if service.replicas is not None:
        own |= {"SNOWFLAKE_JOBS_COUNT": str(service.replicas), "SNOWFLAKE_JOB_INDEX": str(instance)}
    return own | dict(container.env)


def remove_directory(jobs: Path, service_id: str) -> str | None:
    """Remove what a job kept on this machine. Return the path of what could not be removed, or None."""
    directory = job_directory(jobs, service_id)
    shutil.rmtree(directory, ignore_errors=True)
    return str(directory) if directory.exists() else None


def _container(
    service: Service, spec: Spec, node: Family, instance: int, container: Container, around: Surroundings
) -> ContainerLaunch:
    image, digest = service.resolved.images[container.image]
    _, limits = effective(container, node)
    volumes = {volume.name: volume for volume in spec.volumes}
    mounts = [
        _mount(service, spec, instance, volumes[mount.name], mount.mount_path, around)
        for mount in container.volume_mounts
    ]
    if container.mount_session_token:
        mounts.append(_session(service, container, around))
    mounts += _secret_files(service, container, around)
    return ContainerLaunch(
        name=container.name,
        image=image,
        digest=digest,
        command=container.command or None,
        args=container.args,
        env=environment(service, container, instance, around),
        secret_env=_secret_variables(service, container, around),
        mounts=tuple(mounts),
        memory_bytes=limits.memory_bytes,
        cpu=limits.cpu,
        gpu=limits.gpu or 0,
    )


def _secret_variables(service: Service, container: Container, around: Surroundings) -> dict[str, str]:
    return {
        secret.env_var_name: _held(service, secret, around)[str(secret.secret_key_ref)]
        for secret in container.secrets
        if secret.env_var_name
    }


def _secret_files(service: Service, container: Container, around: Surroundings) -> Iterator[Mount]:
    """A directory for each secret that is wanted as files; as with the token, the state root keeps others out."""
    for number, secret in enumerate(container.secrets):
        if secret.directory_path is None:
            continue
        source = job_directory(around.jobs, service.id) / "secrets" / container.name / str(number)
        source.mkdir(parents=True, exist_ok=True)
        source.chmod(0o755)
        for name, text in _held(service, secret, around).items():
            (source / name).write_text(text)
            (source / name).chmod(0o644)
        volume = f"{SECRET_VOLUME}{number}"
        yield Mount(volume, MountKind.DIRECTORY, secret.directory_path, source, read_only=True)


def _held(service: Service, secret: Secret, around: Surroundings) -> Mapping[str, str]:
    path = service.resolved.secrets[str(secret.snowflake_secret.object_name)]
    held = around.secrets(path)
    if held is None:
        raise RuntimeProblem("Encountered fatal error while starting container", f"the secret {path} was dropped")
    return held


def _mount(service: Service, spec: Spec, instance: int, volume: Volume, target: str, around: Surroundings) -> Mount:
    if volume.source == "memory":
        shared = _mounted_by(spec.containers, volume.name) > 1
        return Mount(volume.name, MountKind.MEMORY, target, size_bytes=volume.size_bytes, shared=shared)
    if volume.source == "stage":
        source = Path(service.resolved.stages[volume.name])
    else:
        source = job_directory(around.jobs, service.id) / "volumes" / str(instance) / volume.name
    open_to_all(source, volume.uid, volume.gid)
    return Mount(volume.name, MountKind.DIRECTORY, target, source)


def _mounted_by(containers: Sequence[Container], volume: str) -> int:
    return sum(any(mount.name == volume for mount in container.volume_mounts) for container in containers)


def _session(service: Service, container: Container, around: Surroundings) -> Mount:
    config = container.session_token_config
    target = config.path if config and config.path else SESSION_DIRECTORY
    source = job_directory(around.jobs, service.id) / "session"
    return Mount(SESSION_VOLUME, MountKind.DIRECTORY, target, source, read_only=True)
