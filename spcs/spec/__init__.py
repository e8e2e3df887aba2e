"""The specification of a service or job of Snowpark Container Services: model, validation, what a node must offer.

`parse` reads a specification and refuses what Snowflake would refuse, in Snowflake's words; `check_fit` and
`effective` set it against an instance family; `normalised` writes it as DESCRIBE SERVICE does. Where Snowflake's
behaviour is not known the lenient reading is taken, and the place says so.
"""

from spcs.spec.block import BlockVolume
from spcs.spec.containers import (
    GPU,
    Container,
    LivenessProbe,
    ReadinessProbe,
    Resources,
    ResourceSettings,
    Secret,
    SecretRef,
    SessionTokenConfig,
    VolumeMount,
)
from spcs.spec.echo import normalised, resolved
from spcs.spec.endpoints import CorsSettings, Endpoint
from spcs.spec.errors import INVALID_SPEC, SpecError
from spcs.spec.families import FAMILIES, Family, family
from spcs.spec.fit import Share, check_fit, effective, shares
from spcs.spec.management import LogExporters, PlatformMonitor, ResourceManagement
from spcs.spec.model import Capabilities, SecurityContext, Service, ServiceRole
from spcs.spec.parse import parse
from spcs.spec.units import format_cpu, format_memory, parse_cpu, parse_memory
from spcs.spec.volumes import BlockConfig, StageConfig, StageRef, Volume

__all__ = [
    "FAMILIES",
    "GPU",
    "INVALID_SPEC",
    "BlockConfig",
    "BlockVolume",
    "Capabilities",
    "Container",
    "CorsSettings",
    "Endpoint",
    "Family",
    "LivenessProbe",
    "LogExporters",
    "PlatformMonitor",
    "ReadinessProbe",
    "ResourceManagement",
    "ResourceSettings",
    "Resources",
    "Secret",
    "SecretRef",
    "SecurityContext",
    "Service",
    "ServiceRole",
    "SessionTokenConfig",
    "Share",
    "SpecError",
    "StageConfig",
    "StageRef",
    "Volume",
    "VolumeMount",
    "check_fit",
    "effective",
    "family",
    "format_cpu",
    "format_memory",
    "normalised",
    "parse",
    "parse_cpu",
    "parse_memory",
    "resolved",
    "shares",
]
