"""What a run needs in the account, and whether it is there."""

from __future__ import annotations

from invoke import Context, task

from commands import JOB, JSON, project


@task(help={"job": JOB, "json": JSON})
def doctor(c: Context, job: str = "", json: bool = False) -> None:
    """Check everything that a run of the job needs.

    Each check says ok, warn or fail in a sentence, with the command that mends it; one that needs another that fails is
    not made. The exit code is 3 if any fails.
    """
    from spcs.steps import doctor as step

    step.doctor(project(c), job, json)


@task(
    help={
        "job": "whose compute pool, secrets and hosts to create too",
        "admin": "also run the part that needs the admin role",
    }
)
def setup(c: Context, job: str = "", admin: bool = True) -> None:
    """Create what a run needs in the account.

    Role, database, warehouse, compute pool, schema, image repository and stage, and the hosts and secrets that the job
    names; what is there stays as it is.
    """
    from spcs.steps import account

    account.setup(project(c), job, admin)


@task(
    help={
        "job": "whose compute pool, secrets and integration to drop (default: those of all jobs)",
        "admin": "also drop pool, warehouse, database, role and integrations",
        "keep_data": "leave the stage, the table of inv data, the secrets, and what they are in",
        "yes": "do not ask",
    }
)
def teardown(c: Context, job: str = "", admin: bool = False, keep_data: bool = False, yes: bool = False) -> None:
    """Drop what setup made in the account.

    It says what is lost and asks first. What setup did not make stays, as does what holds such things.
    """
    from spcs.steps import teardown as step

    step.teardown(project(c), step.Wanted(job, admin, keep_data), yes)


@task
def data(c: Context) -> None:
    """Load the data file into its table.

    PUT and COPY INTO, unless the table holds that very file already.
    """
    from spcs.steps import account

    account.data(project(c))


@task(
    help={
        "job": "whose compute pool (default: that of the setting `job`)",
        "status": "show it, which it does in any case",
        "suspend": "stop paying for its machines; jobs that run in it end first",
        "resume": "have its machines ready before the next run",
        "json": JSON,
    }
)
def pool(
    c: Context, job: str = "", status: bool = False, suspend: bool = False, resume: bool = False, json: bool = False
) -> None:
    """Show, suspend or resume the compute pool.

    Its state, nodes, what runs in it, and what it costs by the hour (rates.toml).
    """
    from spcs.steps import pool as step

    step.pool(project(c), job, suspend, resume, json)
