"""`inv report`: one run, or several beside each other, as a page in a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from spcs import render
from spcs.account import sql
from spcs.errors import SettingsProblem, shown_path
from spcs.project import Project
from spcs.run import gather, history, listing
from spcs.run.listed import Listed
from spcs.run.listing import Filter
from spcs.run.model import Run
from spcs.run.story import Story
from spcs.show.console import say, write
from spcs.show.report import page
from spcs.steps.jobs import cache, home, most
from spcs.steps.which import chosen

TEMPLATE = "templates/report.html.j2"
MOST_RUNS = 26
"""As many as there are letters to tell them apart."""


@dataclass(frozen=True)
class Wanted:
    """Which runs, as typed: these; else so many of the newest, of a job or of all; else those of a sweep. Nothing of it
    means the last one."""

    runs: Sequence[str] = ()
    job: str = ""
    last: int = 0
    sweep: str = ""


def report(project: Project, choice: Wanted, output: str) -> None:
    """Write the page, and its path on stdout; raises SettingsProblem, NotReady or RunMissing before it is written."""
    wanted = _wanted(project, choice)
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


def _wanted(project: Project, choice: Wanted) -> list[Run]:
    ways = {
        "--run": bool(choice.runs),
        "--last or --job": bool(choice.last or choice.job),
        "--sweep": bool(choice.sweep),
    }
    said = [way for way, is_said in ways.items() if is_said]
    if len(said) > 1:
        raise SettingsProblem(f"{said[0]} and {said[1]} both choose runs", fix="leave one of them out")
    if choice.runs or not said:
        wanted = [chosen(project, name) for name in dict.fromkeys(choice.runs or [""])]
    else:
        some = Filter(
            project.job(choice.job)[0] if choice.job else "", last=0 if choice.sweep else most(choice.last) or 1
        )
        found = listing.entries(project.account, cache(project), home(project), some)
        wanted = [entry.run for entry in found if not choice.sweep or _is_of(entry, choice.sweep.lower())]
    if len(wanted) > MOST_RUNS:
        raise SettingsProblem(f"{len(wanted)} runs are too many for one page", fix=f"choose at most {MOST_RUNS}")
    if not wanted and not project.dry:
        raise SettingsProblem("there are no such runs", fix="inv jobs (it lists the runs there are)")
    return wanted


def _is_of(entry: Listed, sweep: str) -> bool:
    return sweep in (entry.run.name, entry.record.sweep if entry.record else "")


def _place(project: Project, runs: Sequence[Run]) -> Path:
    name = runs[0].name if len(runs) == 1 else f"{runs[0].name}_and_{len(runs) - 1}_more"
    return project.root / "runs" / name / "report.html"


def _say_looks(project: Project, runs: Sequence[Run]) -> None:
    for run in runs:
        for statement in (sql.describe_service(run.service), sql.show_service_containers(run.service)):
            project.account.query(statement)
        project.account.list_stage(run.output)
