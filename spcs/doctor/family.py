"""Whether the pool has the machines that the settings name: `inv setup` leaves a pool that is there as it is."""

from __future__ import annotations

from spcs.account import sql
from spcs.doctor.model import Check, Finding, Ground, NotChecked, fail, ok, warn
from spcs.spec import family


def look(ground: Ground) -> Finding:
    row = ground.find(sql.show_compute_pools(ground.pool.name), ground.pool.name)
    if row is None:
        raise NotChecked("the pool is gone")
    return judge(ground.pool.name, str(row["instance_family"]), ground.pool.instance_family, ground.command("setup"))


def judge(pool: str, has: str, wanted: str, setup: str) -> Finding:
    if has.upper() == wanted.upper():
        return ok(f"{pool} has machines of {has}, as the settings say")
    remedy = f"set instance_family: {has} for {pool} in invoke.yaml, or DROP COMPUTE POOL {pool}, then {setup}"
    text = f"{pool} has machines of {has}, and the settings say {wanted}"
    ours, theirs = family(wanted), family(has)
    if ours and theirs and ours.architecture != theirs.architecture:
        return fail(f"{text}: images would be built for linux/{ours.architecture}, not {theirs.architecture}", remedy)
    return warn(text, remedy)


CHECK = Check("family", "account", "the pool's instance family", look, needs=("pool",))
