"""`inv prune`: runs that are over and done with go, from the account and from the stage."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from spcs.account import Account, sql
from spcs.errors import SettingsProblem
from spcs.project import Project
from spcs.run import listing, names, receipts, spans
from spcs.run.listed import Choice, Listed, Size
from spcs.run.listing import Home
from spcs.run.model import Run, State, readable_size
from spcs.run.names import is_run
from spcs.run.prune import Rules, choose
from spcs.show import prune as screen
from spcs.show.console import asked, say
from spcs.steps.jobs import cache, home


@dataclass(frozen=True)
class Wanted:
    """What to keep, as typed; empty words keep nothing."""

    keep: str = ""
    keep_best: int = 0
    best: str = ""
    older_than: str = ""
    job: str = ""


def prune(project: Project, wanted: Wanted, yes: bool) -> None:
    """Drop the job services and remove the files of the runs that no rule keeps, after a question on a terminal.

    Raises SettingsProblem where no rule is given, and where nobody can be asked. With `dry` the account is asked what
    there is, and the statements are said.
    """
    rules = _rules(wanted)
    account = _asking(project)
    place = home(project)
    found = listing.entries(account, cache(project), place)
    sizes = _sizes(account, place)
    choices = choose(_with_strays(found, sizes, place), sizes, rules, datetime.now(UTC), wanted.job)
    going = [choice for choice in choices if not choice.kept]
    screen.choices(choices)
    if not going or not (project.dry or yes or _agreed(going)):
        return
    for choice in going:
        _remove(project, choice)
    if not project.dry:
        say(f"freed {readable_size(sum(choice.size.bytes for choice in going))}", "good")


def _rules(wanted: Wanted) -> Rules:
    if wanted.keep and not wanted.keep.isdecimal():
        raise SettingsProblem(f"--keep {wanted.keep!r} is no number", fix="write how many runs of each job to keep")
    if not (wanted.keep or wanted.keep_best or wanted.older_than):
        raise SettingsProblem(
            "nothing says which runs to keep", fix="inv prune --keep 10, or inv prune --older-than 30d"
        )
    older = timedelta(seconds=spans.seconds(wanted.older_than, "--older-than")) if wanted.older_than else None
    return Rules(int(wanted.keep) if wanted.keep else None, wanted.keep_best, wanted.best, older)


def _asking(project: Project) -> Account:
    """An account to ask, in the project's role, also with `dry`."""
    if not project.dry:
        return project.account
    account = project.look()
    account.query(sql.use_role(project.settings.snowflake.role))
    return account


def _sizes(account: Account, place: Home) -> dict[str, Size]:
    """What each run has on the stage."""
    found: dict[str, Size] = {}
    for file in account.list_stage(names.all_runs(place.stage)):
        # LIST puts the stage's own name in front, which may be `runs` as well.
        run = next((name for folder, name in pairwise(file.name.split("/")) if folder == "runs" and is_run(name)), "")
        if run:
            size = found.get(run, Size())
            found[run] = Size(size.files + 1, size.bytes + file.size)
    return found


def _with_strays(found: Sequence[Listed], sizes: Iterable[str], place: Home) -> list[Listed]:
    """With the folders of runs that neither a job nor a record tells of."""
    known = {each.run.name for each in found}
    strays = [Listed(place.run(name), State.DELETED, is_there=False) for name in sizes if name not in known]
    return sorted([*found, *strays], key=lambda each: names.started(each.run.name), reverse=True)


def _agreed(going: Sequence[Choice]) -> bool:
    if not sys.stdin.isatty():
        raise SettingsProblem("this removes what is said above, for good", "nobody is here to be asked", "say --yes")
    agreed = asked(f"remove {len(going)} runs, for good? [y/N] ").lower() in ("y", "yes")
    if not agreed:
        say("nothing removed")
    return agreed


def _remove(project: Project, choice: Choice) -> None:
    run = choice.listed.run
    if choice.listed.is_there:
        project.account.query(sql.drop_service(run.service, if_exists=True))
    if choice.size.files:
        project.account.query(sql.remove(names.folder(run.stage, run.name)))
    if not project.dry:
        _forget(project, run)


def _forget(project: Project, run: Run) -> None:
    """Remove what is here of it, but for what was fetched: that is the user's."""
    receipts.path(project.root, run.name).unlink(missing_ok=True)
    (cache(project) / names.record_file(run.name)).unlink(missing_ok=True)
    shutil.rmtree(receipts.spec_file(project.root, run.name).parent, ignore_errors=True)
