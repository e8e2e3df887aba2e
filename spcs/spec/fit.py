"""What a specification asks of a node, and whether an instance family can give it."""

from __future__ import annotations

from dataclasses import dataclass

from spcs.spec.block import block_fault, bounds_of
from spcs.spec.containers import GPU, Container, Resources
from spcs.spec.errors import SpecError
from spcs.spec.families import Family
from spcs.spec.model import Service
from spcs.spec.units import GIB, format_cpu, format_memory, millis
from spcs.spec.volumes import SidecarAmounts, Volume

DEFAULT_MEMORY = GIB // 2
DEFAULT_CPU = 0.5
SIDECAR = SidecarAmounts(memory_bytes=GIB // 2, cpu=0.0)


@dataclass(frozen=True)
class Share:
    """What one container, or the sidecar of one stage volume, asks of the node: thousandths of a CPU, bytes, GPUs."""

    name: str
    cpu: int
    memory: int
    gpu: int = 0


def effective(container: Container, family: Family) -> tuple[Resources, Resources]:
    """(requests, limits) as Snowflake applies them on a node of that family; memory and CPU are never None.

    A limit left out is the node's capacity, and one above it is capped to it. A request left out is 0.5 CPU and
    0.5 GiB, or the limit if that is smaller: the reference page says "greater", but the behaviour-change note
    that brought the rule, and the sample output of DESCRIBE SERVICE, say "smaller".
    """
    asked, bound = container.resources.requests, container.resources.limits
    node_memory, node_cpu = family.memory_gib * GIB, float(family.vcpu)
    memory = node_memory if bound.memory_bytes is None else min(bound.memory_bytes, node_memory)
    cpu = node_cpu if bound.cpu is None else min(bound.cpu, node_cpu)
    requests = Resources(
        memory_bytes=min(DEFAULT_MEMORY, memory) if asked.memory_bytes is None else asked.memory_bytes,
        cpu=min(DEFAULT_CPU, cpu) if asked.cpu is None else asked.cpu,
        gpu=asked.gpu,
    )
    return requests, Resources(memory_bytes=memory, cpu=cpu, gpu=bound.gpu)


def check_fit(service: Service, family: Family) -> None:
    """Raise SpecError if no node of that family, however empty, could hold one instance of the service.

    The requests of all containers and of the sidecars that serve stage volumes must fit together. Memory volumes
    are not counted: whether Snowflake counts them beside the containers' memory is not documented.
    """
    parts = shares(service, family)
    cpu, memory, gpu = (sum(amounts) for amounts in zip(*((p.cpu, p.memory, p.gpu) for p in parts), strict=True))
    if cpu > family.vcpu * 1000:
        _too_much("cpu", format_cpu(cpu / 1000), str(family.vcpu))
    if memory > family.memory_gib * GIB:
        _too_much("memory", format_memory(memory), f"{family.memory_gib}Gi")
    if gpu > family.gpu_count:
        _too_much(GPU, str(gpu), str(family.gpu_count))
    for index, volume in enumerate(service.volumes):
        _check_block(volume, f"spec.volumes[{index}]", family)


def shares(service: Service, family: Family) -> tuple[Share, ...]:
    """What one instance of the service asks of a node, part by part; the sidecars that serve stage volumes last."""
    asked = [(container.name, effective(container, family)[0]) for container in service.containers]
    served = [volume for volume in service.volumes if volume.source == "stage" and volume.version == 2]
    return (
        *(Share(name, millis(each.cpu or 0.0), each.memory_bytes or 0, each.gpu or 0) for name, each in asked),
        *(_sidecar(volume) for volume in served),
    )


def _sidecar(volume: Volume) -> Share:
    asked = volume.stage_config.resources.requests if volume.stage_config else SidecarAmounts()
    memory = SIDECAR.memory_bytes if asked.memory_bytes is None else asked.memory_bytes
    cpu = SIDECAR.cpu if asked.cpu is None else asked.cpu
    return Share(f"stage-mount-v2-sidecar-{volume.name}", millis(cpu or 0.0), memory or 0)


def _too_much(resource: str, value: str, capacity: str) -> None:
    path = f"total containers.requests.{resource}"
    problem = f"Requirement exceeds compute pool instance capacity {capacity}"
    raise SpecError(f"invalid value {value} for '{path}'. {problem}.", path=path)


def _check_block(volume: Volume, path: str, family: Family) -> None:
    fault = block_fault(volume.block(), bounds_of(family)) if volume.source == "block" else None
    if fault:
        where = f"{path}.{fault.key}"
        raise SpecError(f"Invalid spec: invalid value {fault.value} for '{where}'. {fault.rule}.", path=where)
