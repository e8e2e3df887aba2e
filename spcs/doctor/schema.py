"""The database and the schema in which jobs, images and files live."""

from __future__ import annotations

from spcs.account.looks import show_schemas
from spcs.doctor.model import Check, Finding, Ground, fail, ok


def look(ground: Ground) -> Finding:
    flake = ground.settings.snowflake
    if ground.find(show_schemas(flake.schema, flake.database), flake.schema) is None:
        return fail(f"there is no schema {ground.schema}, or {flake.role} may not see it", ground.command("setup"))
    return ok(f"{ground.schema} is there")


CHECK = Check("schema", "account", "the database and the schema", look, needs=("role",))
