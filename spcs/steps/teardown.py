"""`inv teardown`: what `inv setup` made goes again, and nothing else."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from spcs.account import quoting
from spcs.account.script import headline, statements
from spcs.config import ComputePool, made_secrets, rules_schema
from spcs.errors import Problem, SettingsProblem
from spcs.image.receipts import forget_pushes
from spcs.project import Project
from spcs.render import render
from spcs.show.console import say
from spcs.steps.account import network
from spcs.steps.survey import Step, counted, runs_there, survey, to_send

SHARED = "the integration SNOWSERVICES_INGRESS_OAUTH stays: the whole account shares it"


@dataclass(frozen=True)
class Wanted:
    """The words of the command. Without `job` the pools of all jobs are meant; `keep_data` spares files and tables."""

    job: str = ""
    admin: bool = False
    keep_data: bool = False

    @property
    def command(self) -> str:
        words = [f"--job {self.job}"] if self.job else []
        words += ["--admin"] if self.admin else []
        return " ".join(["inv teardown", *words, *(["--keep-data"] if self.keep_data else [])])


def teardown(project: Project, wanted: Wanted, yes: bool) -> None:
    """Drop what setup made, after a question on a terminal; raises SettingsProblem where nobody can be asked.

    With `dry` the SQL that would be sent is the plan: all of it where the account cannot be asked what is there.
    """
    if project.dry:
        return _plan(project, wanted)
    account = project.connect()
    account.current_user()  # nobody there is not the same as nothing there
    home = project.settings.snowflake
    runs = runs_there(account, home)
    steps = survey(account, home, teardown_sql(project, wanted, [str(run["name"]) for run in runs]), runs)
    _tell(steps, wanted)
    sent = to_send(steps)
    if sent and (yes or _agreed(wanted)):
        for statement in sent:
            account.query(statement)
            if not statement.startswith("USE "):
                say(f"{'ok':<8} {headline(statement)}")
        forget_pushes(project.receipts)


def teardown_sql(project: Project, wanted: Wanted, runs: Sequence[str]) -> str:
    """The text of `teardown.sql`; `runs` are the names of job services that go first."""
    jobs = dict([project.job(wanted.job)]) if wanted.job else project.settings.jobs
    values = {
        "snowflake": project.settings.snowflake,
        "data": project.settings.data,
        "pools": _pools(project, wanted.job),
        "rules_schema": rules_schema(project.settings.snowflake),
        "network": network(project.settings.snowflake, jobs),
        "secrets": made_secrets(list(jobs.values())),
        "runs": runs,
        "admin": wanted.admin,
        "keep_data": wanted.keep_data,
    }
    return render(project.root, "templates/teardown.sql.j2", values, {"identifier": quoting.identifier})


def _pools(project: Project, job: str) -> list[ComputePool]:
    if job:
        return [project.pool(project.job(job)[1])]
    named = [project.settings.snowflake.compute_pool, *(project.pool(each) for each in project.settings.jobs.values())]
    return list({pool.name.upper(): pool for pool in named}.values())


def _plan(project: Project, wanted: Wanted) -> None:
    home = project.settings.snowflake
    sent = statements(teardown_sql(project, wanted, []))
    try:
        account = project.look()
        account.current_user()
        runs = runs_there(account, home)
        steps = survey(account, home, teardown_sql(project, wanted, [str(run["name"]) for run in runs]), runs)
        _tell(steps, wanted)
        sent = to_send(steps)
        account.close()
    except Problem as problem:
        say(f"what the account holds is not known: {problem.what}", "quiet")
    for statement in sent:
        project.tell(f"{statement};")


def _tell(steps: Sequence[Step], wanted: Wanted) -> None:
    """Say what would go, and what it holds; and what stays, and why."""
    there = {str(step.thing): step for step in steps if step.thing and step.there}
    runs = [step for step in there.values() if step.thing and step.thing.kind == "SERVICE"]
    if runs:
        going_on = sum(1 for run in runs if run.holds)
        ended = f", {going_on} still going on" if going_on else ""
        say(f"{'drop':<8} the logs and states of {counted(len(runs), 'run')}{ended}")
    for name, step in there.items():
        if step.stays:
            say(f"{'stays':<8} {name}: {step.stays}", "warn")
        elif step not in runs:
            say(f"{'drop':<8} {name}{f': {step.holds}' if step.holds else ''}")
    if wanted.admin:
        say(f"{'stays':<8} {SHARED}", "quiet")
    if not to_send(steps):
        say("there is nothing to drop" + ("" if wanted.admin else "; pool, warehouse, role and database: --admin"))


def _agreed(wanted: Wanted) -> bool:
    if not sys.stdin.isatty():
        raise SettingsProblem(
            "this drops what is said above, for good", "nobody is here to be asked", f"{wanted.command} --yes"
        )
    agreed = input("drop all that, for good? [y/N] ").strip().lower() in ("y", "yes")
    if not agreed:
        say("nothing dropped")
    return agreed
