"""The compute pool: that it is there, its state, and what it last complained of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spcs.account import sql
from spcs.account.pools import POOL
from spcs.doctor.model import Check, Finding, Ground, fail, ok, warn
from spcs.errors import Problem, meaning

SYSTEMS_OWN = "SYSTEM_COMPUTE_POOL_"


def look(ground: Ground) -> Finding:
    name, flake = ground.pool.name, ground.settings.snowflake
    row = ground.find(sql.show_compute_pools(name), name)
    if row is None:
        return fail(f"there is no compute pool {name}, or {flake.role} may not see it", ground.command("setup"))
    if name.upper().startswith(SYSTEMS_OWN):
        return fail(f"{name} takes notebooks and models only, no jobs", "name a pool of your own in invoke.yaml")
    found = judge({**row, **_complaint(ground, name)})
    if found.status != "ok" or ground.is_local or str(row["state"]).upper() != "IDLE":
        return found
    return ok(f"{found.message}; it is billed until it has been idle for {row.get('auto_suspend_secs')} s")


def judge(row: Mapping[str, Any]) -> Finding:
    """`row` is that of SHOW or DESCRIBE COMPUTE POOL."""
    name, state, code = str(row["name"]), str(row["state"]).upper(), str(row.get("error_code") or "")
    nodes = f"{row['min_nodes']} to {row['max_nodes']} nodes of {row['instance_family']}"
    if code:
        said = str(row.get("status_message"))
        known = meaning(POOL, f"{code} {said}", pool=name, more=str(int(row["max_nodes"]) + 1))
        return warn(f"{name} says: {said}", known.fix if known else f"DESCRIBE COMPUTE POOL {name}")
    if state == "SUSPENDED" and str(row["auto_resume"]).lower() != "true":
        return fail(f"{name} is suspended and resumes for no job", f"ALTER COMPUTE POOL {name} RESUME")
    if state == "SUSPENDED":
        return warn(f"{name} is suspended: the next job resumes it, which takes minutes on a real account")
    if state == "STOPPING":
        return warn(f"{name} is stopping, so a job waits", f"if it stays so: ALTER COMPUTE POOL {name} STOP ALL")
    if state in ("IDLE", "ACTIVE") and str(row.get("auto_suspend_secs")) == "0":
        remedy = f"ALTER COMPUTE POOL {name} SET AUTO_SUSPEND_SECS = 300, or inv pool --suspend after a run"
        return warn(f"{name} is {state.lower()} and never suspends by itself: it is billed until somebody does", remedy)
    return ok(f"{name} is {state.lower()}, {nodes}")


def _complaint(ground: Ground, name: str) -> Mapping[str, Any]:
    """What only DESCRIBE tells, which needs MONITOR: a run can do without."""
    try:
        rows = ground.account.query(sql.describe_compute_pool(name))
    except Problem:
        return {}
    return rows[0] if rows else {}


CHECK = Check("pool", "account", "the compute pool and its state", look, needs=("role",))
