"""The secrets that the job's specification names."""

from __future__ import annotations

from spcs.account import Missing
from spcs.account.looks import show_secrets
from spcs.account.quoting import parts
from spcs.config import made_secrets
from spcs.doctor.model import Check, Finding, Ground, fail, ok
from spcs.spec import Service

DOCS = "docs/your_own_job.md"


def secrets_of(service: Service, schema: str) -> list[str]:
    """Their full names; those of a native application's references are not ours to know."""
    named = [secret.snowflake_secret.object_name for each in service.containers for secret in each.secrets]
    given = [parts(name) for name in named if name]
    return list(dict.fromkeys(".".join([*parts(schema)[: 3 - len(name)], *name]) for name in given))


def look(ground: Ground) -> Finding:
    names = secrets_of(ground.service(), ground.schema)
    missing = [name for name in names if not _is_there(ground, name)]
    if missing:
        role = ground.settings.snowflake.role
        made = {f"{ground.schema}.{name}".upper() for name in made_secrets([ground.job])}
        return fail(
            f"no secret {', '.join(missing)}, or {role} may not see it",
            f"{ground.command('setup')}, which asks for its value"
            if any(name.upper() in made for name in missing)
            else f"create it and GRANT READ ON SECRET {missing[0]} TO ROLE {role}; see {DOCS}",
        )
    return ok(f"there are {', '.join(names)}" if names else "the job names none")


def _is_there(ground: Ground, name: str) -> bool:
    *place, last = parts(name)
    try:
        return ground.find(show_secrets(last, ".".join(place)), last) is not None
    except Missing:
        return False  # nor is its schema


CHECK = Check("secrets", "account", "the secrets that the specification names", look, needs=("role", "templates"))
