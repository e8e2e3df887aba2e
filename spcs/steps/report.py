"""`inv report`: one run, or several beside each other, as a page in a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from spcs import render
from spcs.account import sql
from spcs.errors import SettingsProblem, shown_path
from spcs.project import Project
from spcs.run import gather, history, listing
from spcs.run.listing import Filter
from spcs.run.model import Run
from spcs.run.story import Story
from spcs.show.console import say, write
from spcs.show.report import page
from spcs.steps.jobs import cache, home
from spcs.steps.which import chosen

TEMPLATE = "templates/report.html.j2"
MOST_RUNS = 26
"""As many as there are letters to tell them apart."""


def report(project: Project, runs: Sequence[str], job: str, last: int, output: str) -> None:
    """Write the page, and its path on stdout; raises SettingsProblem, NotReady or RunMissing before it is written.

    Without `runs`, the last one is meant, or with `last` so many of the newest of `job` (or of all jobs).
    """
    wanted = _wanted(project, runs, job, last)
    if project.dry:
        return _say_looks(project, wanted)
    stories = []
    for run in wanted:
        say(f"reading {run.name}", "quiet")
        stories.append(told(project, run))
    file = Path(output) if output else _place(project, wanted)
    text = render.page(project.root, TEMPLATE, {"page": page(stories)})
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        what = f"the report cannot be written to {shown_path(file)}: {error.strerror}"
        raise SettingsProblem(what, fix="name another file with --output") from error
    write(shown_path(file))


def told(project: Project, run: Run) -> Story:
    """What is known of the run; how it ended is noted in its record on the way."""
    return completed(project, gather.story(project.account, project.root, run))


def completed(project: Project, story: Story) -> Story:
    """The story with how the run ended in its record, which is noted there now if nobody has done so before."""
    if not story.snapshot.containers:  # the account itself has not seen the end
        return story
    return replace(story, record=history.complete(project.account, project.root, story.verdict))


def _wanted(project: Project, runs: Sequence[str], job: str, last: int) -> list[Run]:
    if runs and (last or job):
        raise SettingsProblem("--last and --job choose runs, and so does --run", fix="leave one of them out")
    if not runs and (last or job):
        some = Filter(project.job(job)[0] if job else "", last=last or 1)
        found = listing.entries(project.account, cache(project), home(project), some)
        wanted = [entry.run for entry in found]
    else:
        wanted = [chosen(project, name) for name in dict.fromkeys(runs)] or [chosen(project, "")]
    if len(wanted) > MOST_RUNS:
        raise SettingsProblem(f"{len(wanted)} runs are too many for one page", fix=f"choose at most {MOST_RUNS}")
    if not wanted and not project.dry:
        raise SettingsProblem("there are no such runs", fix="inv jobs (it lists the runs there are)")
    return wanted


def _place(project: Project, runs: Sequence[Run]) -> Path:
    name = runs[0].name if len(runs) == 1 else f"{runs[0].name}_and_{len(runs) - 1}_more"
    return project.root / "runs" / name / "report.html"


def _say_looks(project: Project, runs: Sequence[Run]) -> None:
    for run in runs:
        for statement in (sql.describe_service(run.service), sql.show_service_containers(run.service)):
            project.account.query(statement)
        project.account.list_stage(run.output)
