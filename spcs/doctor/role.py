"""The role that owns the run. From here on the session is in it."""

from __future__ import annotations

from spcs.account import sql
from spcs.doctor.model import Check, Finding, Ground, fail, ok, warn
from spcs.errors import NotReady, Refused

MIGHTY = ("ACCOUNTADMIN", "ORGADMIN", "SECURITYADMIN")


def look(ground: Ground) -> Finding:
    role = ground.settings.snowflake.role
    try:
        ground.account.query(sql.use_role(role))
    except (NotReady, Refused) as problem:
        said = problem.why.partition("\n")[0]
        return fail(f"this user cannot take the role {role}: {said}", ground.command("setup"))
    if role.upper() in MIGHTY:
        return warn(
            f"what runs in the container would have the rights of {role}, and Snowflake may refuse it a service",
            "name another snowflake.role in invoke.yaml, then " + ground.command("setup"),
        )
    return ok(f"{role} is there, and this user may take it")


CHECK = Check("role", "account", "whether the user may take the role", look, needs=("login",))
