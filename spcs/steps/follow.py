"""`inv logs` and `inv wait`, and how `inv run` goes on once a job is started: stay, leave, come back."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, replace

from spcs.account import sql
from spcs.errors import SettingsProblem
from spcs.project import Project
from spcs.run import history, receipts, spans, verdict
from spcs.run.follow import Budget, Manner, await_start, way_back
from spcs.run.follow import follow as to_the_end
from spcs.run.logs import LINES, Wanted
from spcs.run.logs import read as log_lines
from spcs.run.model import Run, Verdict, rfc3339
from spcs.run.record import Record
from spcs.show import runs as screen
from spcs.show.console import say, write
from spcs.show.live import run_view
from spcs.specification import CONTAINER
from spcs.steps import cost, hooks
from spcs.steps.which import chosen


@dataclass(frozen=True)
class Stay:
    """How long to stay with a run that was just started: to its verdict (`follow`), until it runs (`detach`), or not at
    all; and in any case no longer than `limit` seconds, if given."""

    follow: bool = True
    detach: bool = False
    limit: float | None = None


@dataclass(frozen=True)
class Lines:
    """Which log lines are wanted, as typed; what is empty narrows nothing."""

    since: str = ""
    replica: str = ""
    container: str = ""
    grep: str = ""


def stay(follow: bool, detach: bool, timeout: str) -> Stay:
    """Read the options as typed; raises SettingsProblem, so before anything is started."""
    return Stay(follow, detach, _limit(timeout))


def stay_with(project: Project, run: Run, how: Stay) -> None:
    """Stay with a run that was started from here; its name goes to stdout where nobody stays to its end."""
    manner = Manner(stop_doomed=True, limit=how.limit)
    if how.follow and not how.detach:
        return _tell(project, _followed(project, run, manner))
    if how.detach:
        with run_view(run) as view:
            ended = await_start(project.account, run, view, replace(manner, shows=False))
        if ended:
            return _tell(project, ended)
    write(run.name)
    say(way_back(run))


def logs(project: Project, run: str, follow: bool, lines: Lines, as_json: bool) -> None:
    """Print a run's log lines; with `follow` until its end, then its verdict."""
    wanted = _wanted(lines)
    found = chosen(project, run)
    if project.dry:
        say_looks(project, found)
        since = None if wanted.since is None else rfc3339(wanted.since)
        place = (wanted.instance or 0, wanted.container or CONTAINER)
        project.account.query(sql.service_logs(found.service, *place, LINES, since=since))
        return
    if not follow:
        return log_lines(project.account, found, screen.RunView(as_json=as_json), wanted)
    _tell(project, _followed(project, found, Manner(wanted), as_json), as_json)


def wait(project: Project, run: str, timeout: str, as_json: bool) -> None:
    """Wait for a run's end without its log, and give its verdict; raises NotReady after `timeout`."""
    limit = _limit(timeout)
    found = chosen(project, run)
    if project.dry:
        return say_looks(project, found)
    _tell(project, _followed(project, found, Manner(shows=False, limit=limit), as_json), as_json)


def say_looks(project: Project, run: Run) -> None:
    """With `dry`: say what is asked about a run. There are no answers to go on with."""
    project.account.query(sql.describe_service(run.service))
    project.account.query(sql.show_service_containers(run.service))


def _followed(project: Project, run: Run, manner: Manner, as_json: bool = False) -> Verdict:
    record = receipts.read(project.root, run.name) or history.read(project.account, run)
    with run_view(run, as_json=as_json, hourly=cost.hourly(project, record)) as view:

        def stops() -> bool:
            view.close()  # the question needs the terminal for itself
            return screen.stop_or_leave(run)

        manner = replace(manner, budget=_budget(project, record), stops=stops)
        return to_the_end(project.account, run, view, manner)


def _tell(project: Project, ended: Verdict, as_json: bool = False) -> None:
    record = history.complete(project.account, project.root, ended)
    screen.verdict(ended, as_json=as_json)
    if not as_json:
        cost.tell_after(project, record)
    hooks.run_done(project, ended, record)
    verdict.check(ended)


def _budget(project: Project, record: Record | None) -> Budget | None:
    with suppress(SettingsProblem):  # told when the run was started, where that was
        return cost.budget(project, record) if record else None
    return None


def _limit(timeout: str) -> float | None:
    return spans.seconds(timeout, "--timeout") if timeout else None


def _wanted(lines: Lines) -> Wanted:
    if lines.replica and not lines.replica.isdecimal():
        raise SettingsProblem(f"--replica {lines.replica!r} is no number", fix="replicas count from 0")
    try:
        pattern = re.compile(lines.grep) if lines.grep else None
    except re.error as error:
        fix = f"--grep {re.escape(lines.grep)!r} looks for the text as it is"
        raise SettingsProblem(f"--grep {lines.grep!r} is no regular expression", str(error), fix) from error
    return Wanted(
        since=spans.since(lines.since) if lines.since else None,
        instance=int(lines.replica) if lines.replica else None,
        container=lines.container,
        pattern=pattern,
    )
