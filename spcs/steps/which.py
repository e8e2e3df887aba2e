"""Which run is meant."""

from __future__ import annotations

from spcs import local
from spcs.account import Missing
from spcs.errors import NotReady
from spcs.project import Project
from spcs.run import files, receipts
from spcs.run.model import Run
from spcs.run.names import known_run
from spcs.show.console import say


def chosen(project: Project, name: str) -> Run:
    """The run of that name, or the last one: started from here, or else the newest that the account knows.

    Raises SettingsProblem for what is no name of a run, NotReady where there is no run.
    """
    flake = project.settings.snowflake
    stage = f"{flake.database}.{flake.schema}.{flake.stage}"
    connection = project.settings.connection
    if name:
        found = receipts.find(project.root, name)
        return found or Run(known_run(name), flake.database, flake.schema, stage, connection)
    try:
        return receipts.last(project.root, connection)
    except NotReady:
        if run := _newest(project, stage):
            return run
        raise


def _newest(project: Project, stage: str) -> Run | None:
    """The newest run of the project's schema, as the account has it: this may be another machine, or a fresh clone."""
    if project.dry or (project.is_local and not local.running(project.root)):
        return None
    flake = project.settings.snowflake
    try:
        found = files.runs(project.account, flake.database, flake.schema, stage, project.settings.connection)
    except Missing:  # nothing is set up there
        return None
    if not found:
        return None
    run = found[0][0]
    say(f"the newest run in {flake.database}.{flake.schema} is {run.name}")
    return run
