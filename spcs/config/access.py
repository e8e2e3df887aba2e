"""What jobs may reach outside the account and which secrets they are handed, by the names of the objects for it."""

from __future__ import annotations

from collections.abc import Sequence

from spcs.config.model import Job, JobSecret, Snowflake


def rules_schema(flake: Snowflake) -> str:
    """The schema that holds the network rules. It is the administrator's: who owns a rule may widen it."""
    return f"{flake.schema}_NETWORK"


def integration(flake: Snowflake, job: str) -> str:
    """The external access integration that setup makes for the `network` of a job. Its name is one of the whole
    account, so it says whose it is; in capitals, as EXECUTE JOB SERVICE compares it letter by letter."""
    return f"{flake.database}_{flake.schema}_{job}_ACCESS".upper()


def integrations(flake: Snowflake, name: str, job: Job) -> tuple[str, ...]:
    """All that a job uses: those that it names, and the one that setup makes."""
    made = (integration(flake, name),) if job.network else ()
    return (*job.external_access_integrations, *made)


def secret_path(flake: Snowflake, secret: JobSecret) -> str:
    """The full name of a secret: one without a schema is in the project's."""
    place = [flake.database, flake.schema]
    return ".".join([*place[: 2 - secret.name.count(".")], secret.name])


def is_ours(secret: JobSecret) -> bool:
    """Does setup make it? Text in the project's own schema; what is elsewhere, or a login, somebody else made."""
    return "." not in secret.name and secret.key == "secret_string"


def made_secrets(jobs: Sequence[Job]) -> list[str]:
    """The names of the secrets that setup makes for these jobs, each once."""
    return list(
        {secret.name.upper(): secret.name for job in jobs for secret in job.secrets if is_ours(secret)}.values()
    )
