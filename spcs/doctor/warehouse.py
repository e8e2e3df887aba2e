"""The warehouses: for the SQL of the desk and for that of the job."""

from __future__ import annotations

from spcs.account.looks import show_warehouses
from spcs.doctor.model import Check, Finding, Ground, fail, ok


def look(ground: Ground) -> Finding:
    flake = ground.settings.snowflake
    names = dict.fromkeys((flake.warehouse, ground.job.query_warehouse or flake.warehouse))
    missing = [name for name in names if ground.find(show_warehouses(name), name) is None]
    if not missing:
        return ok(f"{', '.join(names)} {'is' if len(names) == 1 else 'are'} there")
    remedy = ground.command("setup")
    if flake.warehouse not in missing:
        remedy = f"mend jobs.{ground.name}.query_warehouse in invoke.yaml"
    return fail(f"there is no warehouse {', '.join(missing)}, or {flake.role} may not use it", remedy)


CHECK = Check("warehouse", "account", "the warehouse", look, needs=("role",))
