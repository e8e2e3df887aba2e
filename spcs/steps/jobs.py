"""`inv jobs`: the runs that the account knows, whoever started them from wherever."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from spcs.errors import SettingsProblem, did_you_mean
from spcs.project import Project
from spcs.run import listing, spans
from spcs.run.listing import Filter, Home
from spcs.run.model import State
from spcs.show import jobs as screen


def jobs(project: Project, job: str, state: str, last: int, since: str, as_json: bool) -> None:
    """Show the runs, newest first, each with the metrics it ended with. Raises SettingsProblem for a wrong filter."""
    wanted = Filter(job, states(state), _since(since), max(0, last))
    found = listing.entries(project.account, cache(project), home(project), wanted)
    if project.dry:
        return
    found = listing.completed(project.account, project.root, found)
    screen.jobs(found, datetime.now(UTC), as_json=as_json)


def home(project: Project) -> Home:
    """Where the project's runs are."""
    flake = project.settings.snowflake
    stage = f"{flake.database}.{flake.schema}.{flake.stage}"
    return Home(flake.database, flake.schema, stage, project.settings.connection)


def cache(project: Project) -> Path:
    """The folder for copies of the records of an account; deleting it costs only time."""
    return project.receipts / "records" / project.settings.connection


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
