# ruff: noqa: RUF009 - key() declares a field
"""The whole of a specification: everything that may stand in it, with its bounds and defaults.

spec:            containers (1..20), endpoints (..100), volumes (..20), logExporters, platformMonitor,
                 resourceManagement
serviceRoles:    beside `spec`, not in it
capabilities:    likewise
"""

from __future__ import annotations

from dataclasses import dataclass

from spcs.spec.containers import Container
from spcs.spec.endpoints import Endpoint
from spcs.spec.kinds import NAME, Flag, Many, Text
from spcs.spec.management import LogExporters, PlatformMonitor, ResourceManagement
from spcs.spec.records import Record, key
from spcs.spec.volumes import Volume

ROLE_NAME = Text(
    r"[A-Za-z]([A-Za-z0-9_]*[A-Za-z0-9])?",
    "It must be letters, digits and '_', start with a letter and end with a letter or digit.",
)
_BESIDE = "it belongs at the top level, beside 'spec'"
_INSIDE = "it belongs under 'spec'"


@dataclass(frozen=True)
class ServiceRole:
    """A role that may use the endpoints named."""

    name: str = key(ROLE_NAME)
    endpoints: tuple[str, ...] = key(Many(NAME))


@dataclass(frozen=True)
class SecurityContext:
    execute_as_caller: bool = key(Flag(), default=False)
    enable_custom_credentials: bool = key(Flag(), default=False)


@dataclass(frozen=True)
class Capabilities:
    security_context: SecurityContext = key(Record(SecurityContext), default=SecurityContext())


@dataclass(frozen=True)
class Spec:
    """What stands under `spec`. Examples of Snowflake's own write container, endpoint and volume in the singular."""

    containers: tuple[Container, ...] = key(Many(Record(Container), at_least=1, at_most=20), aliases=("container",))
    endpoints: tuple[Endpoint, ...] = key(Many(Record(Endpoint), at_most=100), default=(), aliases=("endpoint",))
    volumes: tuple[Volume, ...] = key(Many(Record(Volume), at_most=20), default=(), aliases=("volume",))
    log_exporters: LogExporters = key(Record(LogExporters), default=LogExporters())
    platform_monitor: PlatformMonitor = key(Record(PlatformMonitor), default=PlatformMonitor())
    resource_management: ResourceManagement | None = key(Record(ResourceManagement), default=None)


@dataclass(frozen=True)
class Service(Spec):
    """A specification: what stands under `spec`, and beside it."""

    service_roles: tuple[ServiceRole, ...] = ()
    capabilities: Capabilities = Capabilities()


SPEC = Record(Spec, misplaced={"serviceRoles": _BESIDE, "capabilities": _BESIDE})


@dataclass(frozen=True)
class Document:
    """The keys of the document itself."""

    spec: Spec = key(SPEC)
    service_roles: tuple[ServiceRole, ...] = key(Many(Record(ServiceRole)), default=())
    capabilities: Capabilities = key(Record(Capabilities), default=Capabilities())


DOCUMENT = Record(Document, misplaced=dict.fromkeys(SPEC.names(), _INSIDE))
