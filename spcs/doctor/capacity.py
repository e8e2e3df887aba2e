"""Whether the job fits: what its parts ask of a node together, and how many nodes its replicas then take."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from spcs.account import sql
from spcs.account.looks import show_instance_families
from spcs.doctor.model import Check, Finding, Ground, NotChecked, fail, ok, warn
from spcs.errors import Problem, did_you_mean
from spcs.spec import FAMILIES, Family, Service, Share, SpecError, check_fit, family, format_cpu, format_memory, shares

GIB = 1024**3


def look(ground: Ground) -> Finding:
    name, most = _pool(ground)
    machine = _family(ground, name)
    service = ground.service()
    if machine is None:
        hint = did_you_mean(name.upper(), FAMILIES)
        return warn(f"instance family {name} is not known here, so its size is not checked", hint)
    return judge(service, machine, ground.job.replicas, most, ground)


def judge(service: Service, machine: Family, replicas: int, most: int, ground: Ground) -> Finding:
    parts = shares(service, machine)
    sums = arithmetic(parts, machine)
    asked = f"jobs.{ground.name}.resources in invoke.yaml"
    try:
        check_fit(service, machine)
    except SpecError as error:
        return fail(f"no node of {machine.name} holds the job: {sums}: {error.message}", f"lower {asked}, or name a "
                    f"compute_pool of a larger instance_family, then {ground.command('setup')}")  # fmt: skip
    nodes = math.ceil(replicas / at_once(parts, machine))
    if nodes <= most:
        return ok(f"a node of {machine.name} holds the job: {sums}")
    text = f"{replicas} replicas take {nodes} nodes, and {ground.pool.name} has at most {most}"
    if ground.is_local:
        return warn(f"{text}; a real account says 'Unschedulable due to insufficient resources'")
    return fail(f"{text}: some would wait as 'Unschedulable due to insufficient resources'",
                f"ALTER COMPUTE POOL {ground.pool.name} SET MAX_NODES = {nodes}, or lower {asked}")  # fmt: skip


def arithmetic(parts: Sequence[Share], machine: Family) -> str:
    """`cpu 1 (main) = 1 of 3; memory 2Gi (main) + 0.5Gi (stage-mount-v2-sidecar-output) = 2.5Gi of 13Gi`."""
    sums = [
        _sum("cpu", parts, lambda part: part.cpu, str(machine.vcpu), lambda amount: format_cpu(amount / 1000)),
        _sum("memory", parts, lambda part: part.memory, f"{machine.memory_gib}Gi", format_memory),
        _sum("gpu", parts, lambda part: part.gpu, str(machine.gpu_count), str),
    ]
    return "; ".join(filter(None, sums))


def at_once(parts: Sequence[Share], machine: Family) -> int:
    """How many instances one node holds; at least 1."""
    asked = (sum(p.cpu for p in parts), sum(p.memory for p in parts), sum(p.gpu for p in parts))
    has = (machine.vcpu * 1000, machine.memory_gib * GIB, machine.gpu_count)
    return max(1, min((there // wanted for there, wanted in zip(has, asked, strict=True) if wanted), default=1))


def _sum(
    what: str, parts: Sequence[Share], amount: Callable[[Share], int], has: str, text: Callable[[int], str]
) -> str:
    asking = [part for part in parts if amount(part)]
    if not asking:
        return ""
    terms = " + ".join(f"{text(amount(part))} ({part.name})" for part in asking)
    total = text(sum(amount(part) for part in asking))
    return f"{what} {terms} = {total} of {has}"


def _pool(ground: Ground) -> tuple[str, int]:
    """The instance family and most nodes of the pool as it is, or will be once it is set up."""
    try:
        row = ground.find(sql.show_compute_pools(ground.pool.name), ground.pool.name)
    except (Problem, NotChecked):
        row = None
    return (
        (str(row["instance_family"]), int(row["max_nodes"]))
        if row
        else (
            ground.pool.instance_family,
            ground.pool.max_nodes,
        )
    )


def _family(ground: Ground, name: str) -> Family | None:
    """Its size as the account says it, else as the documentation did."""
    known = family(name)
    try:
        row = ground.find(show_instance_families(name), name)
    except (Problem, NotChecked):
        row = None
    if row is None:
        return known
    vcpu, memory, gpus = (int(float(row.get(key) or 0)) for key in ("vcpu", "memory_gib", "gpu_count"))
    return replace(known or Family(name.upper(), (), 0, 0), vcpu=vcpu, memory_gib=memory, gpu_count=gpus)


CHECK = Check(
    "capacity",
    "account",
    "what the job asks of a node, against the pool's",
    look,
    needs=("templates",),
    after=("pool",),
)
