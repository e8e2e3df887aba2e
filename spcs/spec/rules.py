"""Rules between the parts of a specification: names that must be unique, or must exist elsewhere in it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NoReturn

from spcs.spec.containers import GPU, Container, ResourceSettings
from spcs.spec.errors import SpecError, did_you_mean
from spcs.spec.model import Service
from spcs.spec.units import format_cpu, format_memory
from spcs.spec.volumes import SidecarResources

MOST_SECRETS = 50
MOST_BLOCK_VOLUMES = 3
MOST_DEPRECATED_STAGE_VOLUMES = 5


def check_references(service: Service, lines: dict[str, int]) -> None:
    """Raise SpecError for the first rule broken. lines: the line of every path of the document."""
    try:
        _check_unique(service)
        _check_totals(service)
        for index, container in enumerate(service.containers):
            path = f"spec.containers[{index}]"
            _check_mounts(container, path, [volume.name for volume in service.volumes])
            _check_token_directory(container, path)
            _check_gpu(container.resources, f"{path}.resources")
            _check_amounts(container.resources, f"{path}.resources")
        for index, volume in enumerate(service.volumes):
            if volume.stage_config:
                _check_amounts(volume.stage_config.resources, f"spec.volumes[{index}].stageConfig.resources")
        _check_roles(service)
    except SpecError as error:
        error.line = error.line or lines.get(error.path)
        raise


def _fail(path: str, problem: str, hint: str | None = None) -> NoReturn:
    raise SpecError(f"Invalid spec: {problem}.", path=path, hint=hint)


def _check_unique(service: Service) -> None:
    named: dict[str, Iterable[str]] = {
        "spec.containers": (container.name for container in service.containers),
        "spec.endpoints": (endpoint.name for endpoint in service.endpoints),
        "spec.volumes": (volume.name for volume in service.volumes),
        "serviceRoles": (role.name for role in service.service_roles),
    }
    for path, names in named.items():
        seen: set[str] = set()
        for index, name in enumerate(names):
            if name in seen:
                _fail(f"{path}[{index}].name", f"duplicate name '{name}' in '{path}'")
            seen.add(name)


def _check_totals(service: Service) -> None:
    totals = (
        ("spec.containers", "secrets", sum(len(container.secrets) for container in service.containers), MOST_SECRETS),
        ("spec.volumes", "block volumes", sum(v.source == "block" for v in service.volumes), MOST_BLOCK_VOLUMES),
        (
            "spec.volumes",
            "stage volumes of the deprecated form",
            sum(v.version == 1 for v in service.volumes),
            MOST_DEPRECATED_STAGE_VOLUMES,
        ),
    )
    for path, what, count, most in totals:
        if count > most:
            _fail(path, f"the service has {count} {what}; at most {most} are allowed")


def _check_mounts(container: Container, path: str, volumes: Sequence[str]) -> None:
    taken: set[str] = set()
    for index, mount in enumerate(container.volume_mounts):
        here = f"{path}.volumeMounts[{index}]"
        if mount.name not in volumes:
            _fail(f"{here}.name", f"unknown volume '{mount.name}' for '{here}'", did_you_mean(mount.name, volumes))
        # One mount inside another is left alone: no document forbids it, and Linux gives it a clear meaning.
        directory = _directory(mount.mount_path)
        if directory in taken:
            _fail(f"{here}.mountPath", f"duplicate mountPath '{mount.mount_path}' in '{path}.volumeMounts'")
        taken.add(directory)


def _check_token_directory(container: Container, path: str) -> None:
    token = container.session_token_config.path if container.session_token_config else None
    if token is None:
        return
    mounted = [mount.mount_path for mount in container.volume_mounts]
    mounted += [secret.directory_path for secret in container.secrets if secret.directory_path]
    for other in mounted:
        if _within(token, other) or _within(other, token):
            _fail(
                f"{path}.sessionTokenConfig.path",
                f"invalid value {token} for '{path}.sessionTokenConfig.path'. It overlaps the mount at '{other}'",
            )


def _check_gpu(resources: ResourceSettings, path: str) -> None:
    requested, limit = resources.requests.gpu, resources.limits.gpu
    if requested != limit:
        says = f"requests has {_said(requested)}, limits has {_said(limit)}"
        where = "requests" if requested is not None else "limits"
        hint = f"write '{GPU}: {requested or limit}' under both requests and limits"
        _fail(f"{path}.{where}.{GPU}", f"'{GPU}' must be the same in requests and limits of '{path}': {says}", hint)


def _said(count: int | None) -> str:
    return "none" if count is None else str(count)


def _check_amounts(resources: ResourceSettings | SidecarResources, path: str) -> None:
    """No request may exceed its limit; where one is left open Snowflake fills in a value that obeys this."""
    requests, limits = resources.requests, resources.limits
    memory, most_memory = requests.memory_bytes, limits.memory_bytes
    if memory is not None and most_memory is not None and memory > most_memory:
        _refuse_request(path, "memory", format_memory(memory), format_memory(most_memory))
    if requests.cpu is not None and limits.cpu is not None and requests.cpu > limits.cpu:
        _refuse_request(path, "cpu", format_cpu(requests.cpu), format_cpu(limits.cpu))


def _refuse_request(path: str, name: str, request: str, limit: str) -> NoReturn:
    _fail(
        f"{path}.requests.{name}",
        f"invalid value {request} for '{path}.requests.{name}'. It exceeds the limit {limit}",
    )


def _check_roles(service: Service) -> None:
    endpoints = [endpoint.name for endpoint in service.endpoints]
    for index, role in enumerate(service.service_roles):
        for position, name in enumerate(role.endpoints):
            if name not in endpoints:
                path = f"serviceRoles[{index}].endpoints[{position}]"
                _fail(path, f"unknown endpoint '{name}' for 'serviceRoles[{index}]'", did_you_mean(name, endpoints))


def _directory(path: str) -> str:
    return "/" + "/".join(part for part in path.split("/") if part not in ("", "."))


def _within(inner: str, outer: str) -> bool:
    inner, outer = _directory(inner), _directory(outer)
    return inner == outer or inner.startswith(outer.rstrip("/") + "/")
