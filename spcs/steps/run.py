"""`inv run`, `status`, `cancel`: a job from its submission on."""

from __future__ import annotations

from dataclasses import dataclass

from spcs.account import sql
from spcs.config import overrides
from spcs.errors import SettingsProblem
from spcs.project import Project
from spcs.run import files, history, watch
from spcs.run.submit import submit
from spcs.show import runs as screen
from spcs.show import tables
from spcs.show.console import say
from spcs.specification import unknown_family
from spcs.steps import cost
from spcs.steps.again import Again, again
from spcs.steps.follow import Stay, say_looks, stay_with
from spcs.steps.prepare import Fresh, Recipe, choices, going_on_from
from spcs.steps.sweep import sweep
from spcs.steps.which import chosen


@dataclass(frozen=True)
class Start:
    """What to start, as typed: a job, or the run to go on from (`resume`) or to repeat (`like`); `changes` are the
    words after --set, `best` the metric by which a sweep's runs are compared."""

    job: str = ""
    resume: str = ""
    like: str = ""
    changes: tuple[str, ...] = ()
    best: str = ""


def run(project: Project, start: Start, stay: Stay) -> None:
    """Start the job and, unless told otherwise, stay with it until its verdict; raises JobFailed for a bad one.

    What is set to several values makes a sweep: see `sweep`.
    """
    recipe = _recipe(project, start)
    found = choices(project, recipe.job, start.changes)
    combinations = [list(each.items()) for each in overrides.combinations(found)]
    if isinstance(recipe, Again):
        recipe.tell(bool(found))
    if len(combinations) > 1:
        return sweep(project, recipe, combinations, start.best, stay)
    submission = recipe.submission(combinations[0])
    cost.tell_before(project, submission.record)
    if project.dry:
        project.tell(submission.spec)
    submit(project.account, submission, project.root, dry=project.dry)
    if project.dry:
        return
    run = submission.run
    screen.submitted(run)
    if submission.record and submission.record.resumes:
        say(f"it goes on from {submission.record.resumes}")
    stay_with(project, run, stay)


def _recipe(project: Project, start: Start) -> Recipe:
    if start.resume and start.like:
        raise SettingsProblem("--resume and --like are two ways to begin", fix="give one of them")
    if start.like:
        before = chosen(project, start.like)
        if start.job not in ("", before.job):
            raise SettingsProblem(f"{before.name} is no run of job '{start.job}'", fix="leave --job out")
        return again(project, before)
    earlier = going_on_from(project, chosen(project, start.resume)) if start.resume else None
    name, entry = project.job(start.job or (earlier.job if earlier else ""))
    if notice := unknown_family(project.pool(entry)):
        say(notice, "warn")
    return Fresh(project, name, entry, earlier)


def status(project: Project, run: str, as_json: bool) -> None:
    """Show what the account says of a run."""
    found = chosen(project, run)
    if project.dry:
        return say_looks(project, found)
    snapshot = watch.observe(project.account, found)
    tables.status(found, snapshot, as_json=as_json)
    if snapshot.state.final:
        history.look(project.account, project.root, found)


def cancel(project: Project, run: str) -> None:
    """Ask the account to stop a run; one that has ended stays as it is."""
    found = chosen(project, run)
    if project.dry:
        project.account.query(sql.cancel_job(found.service))
        return
    state = files.cancel(project.account, found)
    say(f"{state.word}: {found.name}")
