"""The settings of a project: one frozen dataclass a section of `invoke.yaml`.

A field's type is the rule that its value is checked by, its default is what a missing key means. `docs/settings.md`
explains each to users; `spcs.config.load` turns the merged YAML and environment into these.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NewType

LogLevel = Literal["INFO", "ERROR", "NONE"]
EventLevel = Literal["INFO", "ERROR"]
SecretKey = Literal["secret_string", "username", "password", "access_token"]
EngineSetting = Literal["auto", "docker", "podman", "wheels", "none"]
VolumeSource = Literal["memory", "local", "stage"]
Version = NewType("Version", str)
"""An exact version. Text only: YAML reads a bare 2.10 as the number 2.1."""


@dataclass(frozen=True)
class ComputePool:
    """A group of machines of one instance family; `auto_suspend_secs` in seconds, 0 = never."""

    name: str = "TRAINING_POOL"
    instance_family: str = "CPU_X64_S"
    min_nodes: int = 1
    max_nodes: int = 1
    auto_suspend_secs: int = 300


@dataclass(frozen=True)
class Snowflake:
    """The objects of the account that `inv setup` creates and a run uses; all unquoted identifiers."""

    admin_role: str = "ACCOUNTADMIN"
    role: str = "TRAINING_ROLE"
    database: str = "TRAINING_DB"
    schema: str = "TRAINING"
    warehouse: str = "TRAINING_WH"
    image_repository: str = "IMAGES"
    stage: str = "RUNS"
    log_event_level: EventLevel | None = None
    compute_pool: ComputePool = field(default_factory=ComputePool)


@dataclass(frozen=True)
class Data:
    """The Parquet file that `inv data` loads, and the table it loads it into; or any file, and the `folder` of the
    stage that it is put in as it is."""

    table: str = "DIGITS"
    file: str = "data/digits.parquet"
    folder: str = ""


@dataclass(frozen=True)
class Indexes:
    """Extra package indexes for the heavy layer (torch and what comes with it), by kind of instance family."""

    cpu: tuple[str, ...] = ("https://download.pytorch.org/whl/cpu",)
    gpu: tuple[str, ...] = ()


@dataclass(frozen=True)
class Image:
    """How the image is built: `base` with digest, `code` the paths that enter it, `build_options` for the builder.

    `python` is the base's, such as "3.11"; None where the base's name says it.
    """

    name: str = "training"
    base: str = "python:3.11-slim-bookworm@sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b"
    python: Version | None = None
    engine: EngineSetting = "auto"
    dockerfile: str = "Dockerfile.j2"
    code: tuple[str, ...] = ("app",)
    apt: tuple[str, ...] = ()
    indexes: Indexes = field(default_factory=Indexes)
    build_options: tuple[str, ...] = ()


@dataclass(frozen=True)
class Amounts:
    """Amounts of one container: `cpu` in cores ("500m", "2"), `memory` with its unit ("4Gi"), `gpu` a whole number."""

    cpu: str | None = None
    memory: str | None = None
    gpu: int | None = None


@dataclass(frozen=True)
class Resources:
    """What a container is promised (`requests`) and where it is stopped (`limits`)."""

    requests: Amounts = field(default_factory=Amounts)
    limits: Amounts = field(default_factory=Amounts)


@dataclass(frozen=True)
class Volume:
    """A folder in the container: `memory` needs a `size`, `stage` a `stage` location such as "@DB.SCHEMA.STAGE/dir"."""

    name: str
    mount: str
    source: VolumeSource = "local"
    size: str | None = None
    stage: str | None = None


@dataclass(frozen=True)
class JobSecret:
    """A secret of the account by its name, handed to the container as the variable `env` or as files in the folder
    `mount`, one of the two; `key` is what of it the variable holds."""

    name: str
    env: str | None = None
    mount: str | None = None
    key: SecretKey = "secret_string"


@dataclass(frozen=True)
class Job:
    """One entry of `jobs:`. Every field has a default, so `mine: {command: [python, x.py]}` is a whole job."""

    template: str = "templates/spec.yaml.j2"
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    resources: Resources = field(default_factory=Resources)
    output: str = "/opt/training-output"
    shm: str | None = None
    volumes: tuple[Volume, ...] = ()
    replicas: int = 1
    pins: Mapping[str, Version] | None = None
    base: str | None = None
    python: Version | None = None
    dockerfile: str | None = None
    code: tuple[str, ...] | None = None
    compute_pool: ComputePool | None = None
    query_warehouse: str | None = None
    network: tuple[str, ...] = ()
    external_access_integrations: tuple[str, ...] = ()
    secrets: tuple[JobSecret, ...] = ()
    log_level: LogLevel | None = None
    max_credits: float | None = None
    comment: str | None = None


@dataclass(frozen=True)
class Settings:
    """All of `invoke.yaml` with the environment and `-f FILE` on top."""

    connection: str = "local"
    snowflake: Snowflake = field(default_factory=Snowflake)
    data: Data = field(default_factory=Data)
    image: Image = field(default_factory=Image)
    pins: Mapping[str, Version] = field(default_factory=dict)
    job: str = "train"
    jobs: Mapping[str, Job] = field(default_factory=lambda: {"train": Job()})
