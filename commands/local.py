"""`inv local.*`: the account on this machine."""

from __future__ import annotations

from invoke import Collection, Context, task

from commands import JSON, project


@task
def up(c: Context) -> None:
    """Start the local account.

    A command that needs it does so by itself.
    """
    from spcs.steps import local

    local.up(project(c))


@task
def down(c: Context) -> None:
    """Stop the local account; what it holds stays."""
    from spcs.steps import local

    local.down(project(c))


@task(help={"json": JSON})
def status(c: Context, json: bool = False) -> None:
    """Say whether the local account runs, and how.

    The exit code is 3 if it does not run.
    """
    from spcs.steps import local

    local.status(project(c), json)


@task(help={"yes": "do not ask"})
def reset(c: Context, yes: bool = False) -> None:
    """Delete all that the local account holds.

    Objects, tables, files, images and jobs; it is stopped first.
    """
    from spcs.steps import local

    local.reset(project(c), yes)


@task
def connection(c: Context) -> None:
    """Print a connections.toml entry for the local account.

    With it any Snowflake client reaches it. It holds the generated password.
    """
    from spcs.steps import local

    local.connection(project(c))


collection = Collection("local", up, down, status, reset, connection)
