# ruff: noqa: RUF009 - key() declares a field
"""Volumes: local and memory disks, block storage, and stages mounted as directories."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from spcs.spec.block import ANY_CLOUD, BlockVolume, block_fault
from spcs.spec.kinds import NAME, Cpu, Flag, Kind, Memory, OneOf, Text, Whole
from spcs.spec.place import Place
from spcs.spec.records import Record, key

SOURCES = ("local", "memory", "block", "stage")
UID = Whole(at_least=0, at_most=2**32 - 2)
_IDENTIFIER = r'(?:"[^"]+"|[A-Za-z_][\w$]*)'


@dataclass(frozen=True)
class StageRef:
    """A stage or a directory of it: text "@db.schema.stage/dir", name "db.schema.stage", directory "dir" or ""."""

    text: str

    @property
    def name(self) -> str:
        return self.parts()[0]

    @property
    def directory(self) -> str:
        return self.parts()[1]

    def parts(self) -> tuple[str, str]:
        """(name, directory). Raises ValueError for a text that names no stage."""
        match = re.fullmatch(rf"@({_IDENTIFIER}(?:\.{_IDENTIFIER}){{0,2}})(?:/(.*))?", self.text, re.ASCII)
        if match is None or ".." in (match[2] or "").split("/"):
            raise ValueError('It must name a stage or a directory of one, as in "@db.schema.stage/dir".')
        return match[1], (match[2] or "").strip("/")

    def __str__(self) -> str:
        return self.text


class StageName(Kind[StageRef]):
    def read(self, place: Place) -> StageRef:
        stage = StageRef(place.scalar())
        try:
            stage.parts()
        except ValueError as error:
            place.invalid(str(error))
        return stage

    def show(self, value: StageRef) -> str:
        return value.text


class Source(Kind[str]):
    """One of SOURCES, or "@stage/dir", the deprecated way to mount a stage."""

    def read(self, place: Place) -> str:
        if place.is_scalar and place.scalar().startswith("@"):
            return StageName().read(place).text
        return OneOf(SOURCES).read(place)


@dataclass(frozen=True)
class SidecarAmounts:
    memory_bytes: int | None = key(Memory(), default=None, name="memory")
    cpu: float | None = key(Cpu(), default=None)


@dataclass(frozen=True)
class SidecarResources:
    """What the container that serves a stage volume may use; Snowflake's defaults are in `fit.SIDECAR`."""

    requests: SidecarAmounts = key(Record(SidecarAmounts), default=SidecarAmounts())
    limits: SidecarAmounts = key(Record(SidecarAmounts), default=SidecarAmounts())


@dataclass(frozen=True)
class StageConfig:
    name: StageRef = key(StageName())
    metadata_cache: str | None = key(
        Text(r"(?=\d)(\d+h)?(\d+m)?(\d+s)?", "It must be a time such as 90s, 5m or 1h30m."), default=None
    )
    resources: SidecarResources = key(Record(SidecarResources), default=SidecarResources())


@dataclass(frozen=True)
class InitialContents:
    from_snapshot: str = key(Text())


@dataclass(frozen=True)
class BlockConfig:
    initial_contents: InitialContents | None = key(Record(InitialContents), default=None)
    iops: int | None = key(Whole(at_least=1), default=None)
    throughput: int | None = key(Whole(at_least=1), default=None)  # MiB/s
    encryption: str | None = key(OneOf(("SNOWFLAKE_SSE", "SNOWFLAKE_FULL")), default=None)
    snapshot_on_delete: bool | None = key(Flag(), default=None)  # Snowflake: false for jobs, true for services
    snapshot_delete_after: str | None = key(
        Text(r"[1-9]\d*[hd]", "It must be hours or days, such as 12h or 7d."), default=None
    )  # Snowflake: 7d


@dataclass(frozen=True)
class Volume:
    """source is one of SOURCES; version is 1 only for a stage named by the deprecated `source: "@stage"`."""

    name: str = key(NAME)
    source: str = key(Source())
    size_bytes: int | None = key(Memory(), default=None, name="size")
    # Documented "only for stage volumes" in one place and for block volumes in another: both are taken.
    uid: int | None = key(UID, default=None)
    gid: int | None = key(UID, default=None)
    block_config: BlockConfig | None = key(Record(BlockConfig), default=None)
    stage_config: StageConfig | None = key(Record(StageConfig), default=None)
    version: int = 2

    @property
    def stage(self) -> StageRef | None:
        return self.stage_config.name if self.stage_config else None

    def checked(self, place: Place) -> Volume:
        volume = self if self.source in SOURCES else self._from_deprecated(place)
        volume._check_needs(place)
        volume._check_owners(place)
        if volume.source == "block":
            volume._check_block(place)
        return volume

    def _from_deprecated(self, place: Place) -> Volume:
        if self.stage_config:
            place.fail(f"unknown option 'stageConfig' for {place.name}: 'source' names a stage already")
        return replace(self, source="stage", stage_config=StageConfig(StageRef(self.source)), version=1)

    def _check_needs(self, place: Place) -> None:
        # A size on a local or stage volume has no meaning, yet nothing says that Snowflake refuses it.
        if self.source in ("memory", "block") and self.size_bytes is None:
            place.fail(f"missing required option 'size' for {place.name}: source '{self.source}' needs it")
        if self.source == "stage" and self.stage_config is None:
            place.fail(f"missing required option 'stageConfig' for {place.name}: source 'stage' needs it")

    def _check_owners(self, place: Place) -> None:
        owners: dict[str, tuple[Any, tuple[str, ...]]] = {
            "uid": (self.uid, ("stage", "block")),
            "gid": (self.gid, ("stage", "block")),
            "blockConfig": (self.block_config, ("block",)),
            "stageConfig": (self.stage_config, ("stage",)),
        }
        for name, (value, sources) in owners.items():
            if value is not None and self.source not in sources:
                rule = f"it is for source {' or '.join(map(repr, sources))}, this is '{self.source}'"
                place.fail(f"unknown option '{name}' for {place.name}: {rule}")

    def _check_block(self, place: Place) -> None:
        size = place.child("size", place.entries()["size"])
        if re.fullmatch(r"[1-9]\d*Gi", size.scalar(), re.ASCII) is None:
            size.invalid("The size of a block volume must be an integer with the unit Gi, as in 10Gi.")
        fault = block_fault(self.block(), ANY_CLOUD)
        if fault:
            problem = f"invalid value {fault.value} for '{place.path}.{fault.key}'. {fault.rule}"
            place.fail(problem, at=fault.key)

    def block(self) -> BlockVolume:
        config = self.block_config or BlockConfig()
        return BlockVolume((self.size_bytes or 0) // 1024**3, config.iops, config.throughput)


def shown_source(volume: Volume) -> Volume:
    """The volume as its author wrote it: a deprecated stage volume named by its source."""
    return replace(volume, source=str(volume.stage), stage_config=None) if volume.version == 1 else volume
