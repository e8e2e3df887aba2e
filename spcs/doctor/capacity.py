"""Whether the job fits: what its parts ask of a node together, and how many nodes its replicas then take."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from spcs.account import sql
from spcs.account.looks import show_instance_families
from spcs.doctor.model import Check, Finding, Ground, fail, ok, warn
from spcs.errors import did_you_mean
from spcs.spec import FAMILIES, Family, Share, SpecError, check_fit, family, format_cpu, format_memory, shares

GIB = 1024**3


def look(ground: Ground) -> Finding:
    """Against the pool that is there, and the size that the account says its machines have."""
    row = ground.find(sql.show_compute_pools(ground.pool.name), ground.pool.name)
    if row is None:
        return alone(ground)
    name = str(row["instance_family"])
    return judge(
        ground, name, sized(family(name), ground.find(show_instance_families(name), name)), int(row["max_nodes"])
    )


def alone(ground: Ground) -> Finding:
    """Against the pool of the settings, and the size that the documentation says."""
    name = ground.pool.instance_family
    return judge(ground, name, family(name), ground.pool.max_nodes)


def sized(known: Family | None, row: Mapping[str, Any] | None) -> Family | None:
    """The family as a row of SHOW COMPUTE POOL INSTANCE FAMILIES has it."""
    if row is None:
        return known
    vcpu, memory, gpus = (int(float(row.get(key) or 0)) for key in ("vcpu", "memory_gib", "gpu_count"))
    return replace(known or Family(str(row["name"]), (), 0, 0), vcpu=vcpu, memory_gib=memory, gpu_count=gpus)


def judge(ground: Ground, name: str, machine: Family | None, most: int) -> Finding:
    """`most` is how many nodes the pool may have."""
    if machine is None:
        hint = did_you_mean(name.upper(), FAMILIES)
        return warn(f"instance family {name} is not known here, so its size is not checked", hint)
    service = ground.service()
    parts = shares(service, machine)
    sums = arithmetic(parts, machine)
    try:
        check_fit(service, machine)
    except SpecError as error:
        return fail(f"no node of {name} holds the job: {sums}: {error.message}", _smaller(ground))
    nodes = math.ceil(ground.job.replicas / at_once(parts, machine))
    if nodes > most:
        return _too_few(ground, nodes, most)
    return ok(f"a node of {name} holds the job: {sums}")


def _too_few(ground: Ground, nodes: int, most: int) -> Finding:
    text = f"{ground.job.replicas} replicas take {nodes} nodes, and {ground.pool.name} has at most {most}"
    if ground.is_local:
        return warn(f"{text}; a real account says 'Unschedulable due to insufficient resources'")
    remedy = f"ALTER COMPUTE POOL {ground.pool.name} SET MAX_NODES = {nodes}, or fewer replicas in invoke.yaml"
    return fail(f"{text}: some would wait as 'Unschedulable due to insufficient resources'", remedy)


def _smaller(ground: Ground) -> str:
    asked = f"jobs.{ground.name}.resources in invoke.yaml"
    return f"lower {asked}, or name a compute_pool of a larger instance_family, then {ground.command('setup')}"


def arithmetic(parts: Sequence[Share], machine: Family) -> str:
    """`cpu 1 (main) = 1 of 3; memory 2Gi (main) + 0.5Gi (stage-mount-v2-sidecar-output) = 2.5Gi of 13Gi`."""
    sums = [
        _sum("cpu", parts, lambda part: part.cpu, str(machine.vcpu), lambda amount: format_cpu(amount / 1000)),
        _sum("memory", parts, lambda part: part.memory, f"{machine.memory_gib}Gi", _memory),
        _sum("gpu", parts, lambda part: part.gpu, str(machine.gpu_count), str),
    ]
    return "; ".join(filter(None, sums))


def at_once(parts: Sequence[Share], machine: Family) -> int:
    """How many instances one node holds; at least 1."""
    asked = (sum(p.cpu for p in parts), sum(p.memory for p in parts), sum(p.gpu for p in parts))
    has = (machine.vcpu * 1000, machine.memory_gib * GIB, machine.gpu_count)
    return max(1, min((there // wanted for there, wanted in zip(has, asked, strict=True) if wanted), default=1))


def _memory(size: int) -> str:
    exact = format_memory(size)
    return exact if len(exact) < 8 else f"{size / GIB:.1f}Gi"


def _sum(
    what: str, parts: Sequence[Share], amount: Callable[[Share], int], has: str, text: Callable[[int], str]
) -> str:
    asking = [part for part in parts if amount(part)]
    if not asking:
        return ""
    terms = " + ".join(f"{text(amount(part))} ({part.name})" for part in asking)
    total = text(sum(amount(part) for part in asking))
    return f"{what} {terms} = {total} of {has}"


CHECK = Check(
    "capacity",
    "account",
    "what the job asks of a node, against the pool's",
    look,
    needs=("templates",),
    helped_by=("pool",),
    alone=alone,
)
