"""`inv render --diff`: what a run would send now, against what the last run of the job sent."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import unified_diff

from spcs import local
from spcs.errors import NotReady
from spcs.project import Project
from spcs.run import files, history, receipts
from spcs.run.model import Run
from spcs.run.names import SPEC_FILE
from spcs.show import changes
from spcs.show.console import say
from spcs.steps.image import UNKNOWN_URL, image_plan, texts


def diff(project: Project, job: str) -> None:
    """Show the differences on stdout, or say that there are none; raises NotReady if the job has not been run yet."""
    name, entry = project.job(job)
    run = _last(project, name)
    if run is None and project.dry:
        return  # what it would ask has been said
    if run is None:
        what = f"no run of job '{name}' is known over the connection {project.settings.connection!r}"
        raise NotReady(what, "there is nothing to compare with", f"inv build push run --job {name}")
    # Under that run's name: its own folder on the stage is no difference.
    now = texts(project, name, entry, image_plan(project, entry, url=UNKNOWN_URL), run.name)
    _compare(run, _sent(project, run), now)


def _compare(run: Run, sent: Mapping[str, str], now: Mapping[str, str]) -> None:
    known = [file for file in now if file in sent]
    if lacking := [file for file in now if file not in sent]:
        say(f"not compared, for it is not known what {run.name} had: {', '.join(lacking)}", "warn")
    changed = [file for file in known if sent[file] != now[file]]
    for file in changed:
        was, new = sent[file].splitlines(), now[file].splitlines()
        changes.patch(unified_diff(was, new, f"{run.name}/{file}", f"now/{file}", lineterm=""))
    if known and not changed:
        say(f"unchanged since {run.name}: {', '.join(known)}")


def _last(project: Project, name: str) -> Run | None:
    """The job's last run by the receipts; without one, the newest that the account knows."""
    flake, connection = project.settings.snowflake, project.settings.connection
    found = receipts.last_of(project.root, connection, name)
    if found or not _answers(project):
        return found
    stage = f"{flake.database}.{flake.schema}.{flake.stage}"
    runs = files.runs(project.account, flake.database, flake.schema, stage, connection)
    return next((run for run, _ in runs if run.job == name), None)


def _answers(project: Project) -> bool:
    """May the account be asked? The local one is not started for this: where it does not run, nothing runs."""
    return not project.is_local or project.dry or local.running(project.root) is not None


def _sent(project: Project, run: Run) -> Mapping[str, str]:
    """What the run had in its files: by what is kept here, and else by what lies on the stage."""
    here, spec = receipts.read(project.root, run.name), receipts.spec(project.root, run.name)
    texts = here.texts if here else {}
    if not spec and not project.dry and _answers(project):
        texts = history.find(project.account, project.root, run).texts
        spec = (files.read_file(project.account, run.spec_path) or b"").decode()
    # The record's has no secrets in it.
    return {**texts, SPEC_FILE: spec} if spec else texts
