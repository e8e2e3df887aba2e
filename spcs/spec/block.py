"""The bounds of block storage, which differ by cloud."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from spcs.spec.families import Family


@dataclass(frozen=True)
class BlockVolume:
    size_gib: int
    iops: int | None = None
    throughput: int | None = None  # MiB/s


@dataclass(frozen=True)
class Fault:
    """key: the key under the volume, e.g. "blockConfig.iops"."""

    key: str
    value: int | str
    rule: str


@dataclass(frozen=True)
class BlockBounds:
    """What one cloud accepts, each as (least, most). On Google Cloud, nodes with GPUs differ from those without."""

    cloud: str
    gpu: tuple[bool, ...]
    size_gib: tuple[int, int]
    iops: tuple[int, int]
    throughput: tuple[int, int]
    iops_follow_throughput: bool = False  # iops = 16 x throughput, and throughput grows with the size

    def fault(self, volume: BlockVolume) -> Fault | None:
        return self._outside(volume) or (self._coupled(volume) if self.iops_follow_throughput else self._scaled(volume))

    def _outside(self, volume: BlockVolume) -> Fault | None:
        asked = (
            ("size", volume.size_gib, self.size_gib, "Gi"),
            ("blockConfig.iops", volume.iops, self.iops, ""),
            ("blockConfig.throughput", volume.throughput, self.throughput, ""),
        )
        for name, value, (least, most), unit in asked:
            if value is not None and not least <= value <= most:
                return Fault(name, f"{value}{unit}", f"It must be from {least}{unit} to {most}{unit}")
        return None

    def _scaled(self, volume: BlockVolume) -> Fault | None:
        most_iops = max(self.iops[0], 500 * volume.size_gib)
        if volume.iops is not None and volume.iops > most_iops:
            return Fault("blockConfig.iops", volume.iops, f"At {volume.size_gib}Gi it must be at most {most_iops}")
        iops = volume.iops or min(3000, most_iops)
        if volume.throughput is not None and volume.throughput > iops // 4:
            return Fault("blockConfig.throughput", volume.throughput, f"At {iops} iops it must be at most {iops // 4}")
        return None

    def _coupled(self, volume: BlockVolume) -> Fault | None:
        throughput = volume.throughput or self.throughput[0]
        if volume.iops is not None and volume.iops != 16 * throughput:
            return Fault("blockConfig.iops", volume.iops, f"On GPU nodes it must be 16 x throughput, {16 * throughput}")
        if volume.throughput is not None and not 0.12 * volume.size_gib <= throughput <= 1600 * volume.size_gib:
            rule = f"At {volume.size_gib}Gi it must be from {0.12 * volume.size_gib:g} to {1600 * volume.size_gib}"
            return Fault("blockConfig.throughput", throughput, rule)
        return None


ANY_CLOUD = (
    BlockBounds("aws", (False, True), (1, 65536), (3000, 80000), (125, 2000)),
    BlockBounds("azure", (False, True), (1, 16384), (3000, 80000), (125, 1200)),
    BlockBounds("gcp", (False,), (4, 16384), (2000, 160_000), (140, 2400)),
    BlockBounds("gcp", (True,), (4, 16384), (6400, 19_200_000), (400, 1_200_000), iops_follow_throughput=True),
)


def bounds_of(family: Family) -> tuple[BlockBounds, ...]:
    has_gpu = family.gpu_count > 0
    return tuple(bounds for bounds in ANY_CLOUD if bounds.cloud in family.clouds and has_gpu in bounds.gpu)


def block_fault(volume: BlockVolume, choices: Iterable[BlockBounds]) -> Fault | None:
    """None if any of the clouds accepts the volume, else what the first of them finds wrong."""
    faults = [bounds.fault(volume) for bounds in choices]
    return None if None in faults else next(iter(faults), None)
