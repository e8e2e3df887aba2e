"""How many runs of a sweep a compute pool holds at once."""

from __future__ import annotations

from spcs.spec import Family, Service
from spcs.spec.fit import shares
from spcs.spec.units import GIB


def at_once(service: Service, family: Family | None, nodes: int, replicas: int = 1) -> int:
    """Return how many runs fit into `nodes` machines of that family, each of so many instances of the service; at
    least 1. What others have in the pool is not counted: Snowflake lets wait what does not fit."""
    return max(1, nodes * per_node(service, family) // max(1, replicas))


def per_node(service: Service, family: Family | None) -> int:
    """Return how many instances of the service one machine of that family holds; 1 where its size is not known."""
    if family is None:
        return 1
    parts = shares(service, family)
    cpu, memory, gpu = (sum(amounts) for amounts in zip(*((p.cpu, p.memory, p.gpu) for p in parts), strict=True))
    offers = ((family.vcpu * 1000, cpu), (family.memory_gib * GIB, memory), (family.gpu_count, gpu))
    return max(1, min((offer // asked for offer, asked in offers if asked), default=1))
