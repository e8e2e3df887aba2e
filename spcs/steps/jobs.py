"""`inv jobs`: the runs that the account knows, whoever started them from wherever."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from spcs.errors import NotReady, SettingsProblem, did_you_mean
from spcs.project import Project
from spcs.run import best, listing, spans
from spcs.run.listed import Member
from spcs.run.listing import Filter, Home
from spcs.run.model import State
from spcs.run.names import job_of, known_run, started
from spcs.run.record import Record
from spcs.show import jobs as screen
from spcs.show import sweep as table
from spcs.show.console import say


def jobs(project: Project, job: str, state: str, last: int, since: str, as_json: bool) -> None:
    """Show the runs, newest first, each with the metrics it ended with. Raises SettingsProblem for a wrong filter."""
    wanted = Filter(job, states(state), _since(since), most(last))
    found = listing.entries(project.account, cache(project), home(project), wanted)
    if project.dry:
        return
    found = listing.completed(project.account, project.root, found)
    screen.jobs(found, datetime.now(UTC), as_json=as_json)


def sweep(project: Project, name: str, by: str, as_json: bool) -> None:
    """Show the runs of the sweep whose first run has that name, the best by the metric `by` first."""
    first = known_run(name)
    wanted = Filter(job_of(first), since=started(first))
    listed = listing.entries(project.account, cache(project), home(project), wanted)
    if project.dry:
        return
    found = [each for each in listed if each.record and each.record.sweep == first]
    if not found:
        raise NotReady(f"there is no sweep {first}", "a sweep has the name of its first run", "inv jobs")
    found = listing.completed(project.account, project.root, found[::-1])
    if as_json:
        return screen.jobs(found, datetime.now(UTC), as_json=True)
    members = [Member(each.record.overrides, each.run, each.state, each.record) for each in found if each.record]
    results(members, by)


def results(members: Sequence[Member], by: str) -> list[Record]:
    """Show the runs of a sweep, the best first, and return those that are done in that order."""
    done = [each.record for each in members if each.record and each.state is State.DONE]
    try:
        ranked, metric = best.ranked(done, by), best.metric(done, by)
    except SettingsProblem as problem:  # the runs are done: their table is not kept back for a word
        say(f"{problem.what}: {problem.fix}", "warn")
        ranked, metric = best.ranked(done), best.metric(done)
    table.results(members, ranked, metric)
    return ranked


def home(project: Project) -> Home:
    """Where the project's runs are."""
    flake = project.settings.snowflake
    stage = f"{flake.database}.{flake.schema}.{flake.stage}"
    return Home(flake.database, flake.schema, stage, project.settings.connection)


def cache(project: Project) -> Path:
    """The folder for copies of the records of an account; deleting it costs only time."""
    return project.receipts / "records" / project.settings.connection


def most(last: int) -> int:
    """How many runs --last asks for; raises SettingsProblem for less than none."""
    if last < 0:
        raise SettingsProblem(f"--last is {last}", fix="say how many, the newest first; 0 is all")
    return last


def states(words: str) -> frozenset[State]:
    """The states that are named, parted by commas; raises SettingsProblem for a word that is none."""
    found = set()
    for word in filter(None, (part.strip().upper().replace(" ", "_") for part in words.split(","))):
        if word not in State.__members__:
            fix = did_you_mean(word, State.__members__) or f"choose from {', '.join(State.__members__).lower()}"
            raise SettingsProblem(f"--state {word.lower()!r} is no state of a job", fix=fix.lower())
        found.add(State[word])
    return frozenset(found)


def _since(text: str) -> datetime | None:
    return datetime.fromtimestamp(spans.since(text) / 1e9, UTC) if text else None
