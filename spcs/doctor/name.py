"""The name of a run: Snowflake makes a host name of it."""

from __future__ import annotations

from spcs.doctor.model import Check, Finding, Ground, ok

LONGEST = 63


def look(ground: Ground) -> Finding:
    run = ground.run_name()
    return ok(f"a run is called like {run}: {len(run)} of {LONGEST} characters")


CHECK = Check("name", "project", "the name of a run", look)
