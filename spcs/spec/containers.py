# ruff: noqa: RUF009 - key() declares a field
"""Containers, and what each may have: resources, mounts, probes, secrets, a session token."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from spcs.spec.kinds import NAME, Cpu, Flag, Kind, Many, Memory, OneOf, Text, TextMap, Whole
from spcs.spec.place import Place
from spcs.spec.records import Record, key

GPU = "nvidia.com/gpu"
PORT = Whole(at_least=1, at_most=65535)
DIRECTORY = Text(r"(?!.*/\.\.(/|$))/.*", "It must be an absolute path without '..', as in /opt/data.")


@dataclass(frozen=True)
class Resources:
    """Amounts of memory, CPU and GPUs; None is what the specification leaves open."""

    memory_bytes: int | None = key(Memory(), default=None, name="memory")
    cpu: float | None = key(Cpu(), default=None)
    gpu: int | None = key(Whole(), default=None, name=GPU)


@dataclass(frozen=True)
class ResourceSettings:
    """requests: set aside on the node; limits: never exceeded. `fit.effective` fills what is left open."""

    limits: Resources = key(Record(Resources), default=Resources())
    requests: Resources = key(Record(Resources), default=Resources())


@dataclass(frozen=True)
class VolumeMount:
    name: str = key(NAME)
    mount_path: str = key(DIRECTORY)


@dataclass(frozen=True)
class ReadinessProbe:
    """An HTTP GET that must answer 200. The port need not be an endpoint."""

    port: int = key(PORT)
    path: str = key(Text())
    period_seconds: int = key(Whole(at_least=1), default=5)
    failure_threshold: int = key(Whole(at_least=1), default=3)


@dataclass(frozen=True)
class LivenessProbe:
    port: int = key(PORT)
    path: str = key(Text())
    period_seconds: int = key(Whole(at_least=1), default=10)
    failure_threshold: int = key(Whole(at_least=1), default=3)


@dataclass(frozen=True)
class SecretRef:
    """A secret by its name or, in a native app, by a reference. `snowflakeSecret: NAME` is short for objectName."""

    object_name: str | None = key(Text(), default=None)
    object_reference: str | None = key(Text(), default=None)

    def checked(self, place: Place) -> SecretRef:
        if (self.object_name is None) == (self.object_reference is None):
            place.fail(f"{place.name} must have exactly one of 'objectName' and 'objectReference'")
        return self


class SecretName(Kind[SecretRef]):
    def read(self, place: Place) -> SecretRef:
        return SecretRef(Text().read(place)) if place.is_scalar else Record(SecretRef).read(place)

    def show(self, value: SecretRef) -> dict[str, str]:
        return Record(SecretRef).show(value)


@dataclass(frozen=True)
class Secret:
    """A secret given to the container as one environment variable or as files in a directory."""

    snowflake_secret: SecretRef = key(SecretName())
    env_var_name: str | None = key(Text(), default=None)
    secret_key_ref: str | None = key(OneOf(("username", "password", "secret_string", "access_token")), default=None)
    directory_path: str | None = key(DIRECTORY, default=None)

    def checked(self, place: Place) -> Secret:
        if (self.env_var_name is None) == (self.directory_path is None):
            place.fail(f"{place.name} must have exactly one of 'envVarName' and 'directoryPath'")
        if self.env_var_name is not None and self.secret_key_ref is None:
            place.fail(f"missing required option 'secretKeyRef' for {place.name}: 'envVarName' needs it")
        if self.directory_path is not None and self.secret_key_ref is not None:
            place.fail(f"unknown option 'secretKeyRef' for {place.name}: it goes with 'envVarName' only")
        return self


@dataclass(frozen=True)
class SessionTokenConfig:
    """Where the session token appears (default /snowflake/session/token, mode 0644) and whether a connection file does.

    The token is the file `<path>/token`.
    """

    path: str | None = key(
        Text(
            r"(?!.*/\.{1,2}(/|$))(/[A-Za-z0-9_.-]+)+",
            "It must be a normalised absolute path of letters, digits, '/', '_', '.' and '-'.",
        ),
        default=None,
    )
    permission: str = key(
        Text(
            r"0[46][04][04]",
            "It must be four octal digits that let the owner read and give no more than 0644.",
            quoted=True,
        ),
        default="0644",
    )
    mount_connection_config: bool = key(Flag(), default=False)

    def checked(self, place: Place) -> SessionTokenConfig:
        written = place.entries()
        if not written:
            place.fail(f"{place.name} must have at least one of 'path', 'permission' and 'mountConnectionConfig'")
        if "permission" in written and self.path is None:
            place.fail(f"unknown option 'permission' for {place.name}: it goes with 'path' only")
        return self


@dataclass(frozen=True)
class Container:
    """sha256: the image's digest, "@sha256:<64 hex>", as DESCRIBE SERVICE shows it beside the image.

    Whether an author may write that key is undocumented; it is taken, so that what is shown can be read.
    """

    name: str = key(NAME)
    image: str = key(Text(r"\S+", "It must be an image path, as in /db/schema/repository/image:tag."))
    sha256: str | None = key(Text(r"@sha256:[0-9a-f]{64}", 'It must be "@sha256:" and 64 hex digits.'), default=None)
    command: tuple[str, ...] | None = key(Many(Text(".*")), default=None)  # None: the image's ENTRYPOINT
    args: tuple[str, ...] | None = key(Many(Text(".*")), default=None)  # None: the image's CMD
    env: Mapping[str, str] = key(TextMap(), default={})
    readiness_probe: ReadinessProbe | None = key(Record(ReadinessProbe), default=None)
    liveness_probe: LivenessProbe | None = key(Record(LivenessProbe), default=None)
    volume_mounts: tuple[VolumeMount, ...] = key(Many(Record(VolumeMount), filled=True), default=())
    resources: ResourceSettings = key(Record(ResourceSettings), default=ResourceSettings())
    mount_session_token: bool = key(Flag(), default=True)
    session_token_config: SessionTokenConfig | None = key(Record(SessionTokenConfig), default=None)
    secrets: tuple[Secret, ...] = key(Many(Record(Secret)), default=())

    def checked(self, place: Place) -> Container:
        if not self.mount_session_token and self.session_token_config:
            place.fail(f"unknown option 'sessionTokenConfig' for {place.name}: 'mountSessionToken' is false")
        return self
