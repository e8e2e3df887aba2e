"""The external access integrations that the job names."""

from __future__ import annotations

from spcs.account.looks import show_integrations
from spcs.config import integrations
from spcs.doctor.model import Check, Finding, Ground, fail, ok


def look(ground: Ground) -> Finding:
    names = integrations(ground.settings.snowflake, ground.name, ground.job)
    found = {name: ground.find(show_integrations(name), name) for name in names}
    missing = [name for name, row in found.items() if row is None]
    if missing:
        role = ground.settings.snowflake.role
        ours = set(missing) - set(ground.job.external_access_integrations)
        return fail(
            f"no external access integration {', '.join(missing)}, or {role} may not use it",
            ground.command("setup")
            if ours
            else f"have an administrator create it and GRANT USAGE ON INTEGRATION {missing[0]} TO ROLE {role}",
        )
    off = [name for name, row in found.items() if row and str(row.get("enabled", "true")).lower() == "false"]
    if off:
        return fail(
            f"{', '.join(off)} is switched off", f"ALTER EXTERNAL ACCESS INTEGRATION {off[0]} SET ENABLED = TRUE"
        )
    return ok(f"there are {', '.join(names)}" if names else "the job names none")


CHECK = Check("integrations", "account", "the external access integrations that the job names", look, needs=("role",))
