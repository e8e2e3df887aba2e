"""`inv schedule`: a TASK of the account that runs a job by the clock, with the image as it is now."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from spcs.account import schedules, sql
from spcs.account.errors import Missing
from spcs.errors import NotReady, Problem, Refused, SettingsProblem
from spcs.project import Project
from spcs.run import names, spans
from spcs.run.submit import Submission
from spcs.show.console import say
from spcs.show.tables import table
from spcs.steps.prepare import Fresh

MADE = "made by inv schedule"
LONGEST = 7 * 86_400  # seconds; Snowflake ends a task's run then
_FIELD = re.compile(r"[\dA-Za-z*/,-]+")


@dataclass(frozen=True)
class Wanted:
    """What is to be done, as typed; nothing of it means to list the schedules."""

    cron: str = ""
    zone: str = "UTC"
    timeout: str = ""
    suspend: bool = False
    resume: bool = False
    drop: bool = False
    now: bool = False


def schedule(project: Project, job: str, wanted: Wanted, as_json: bool) -> None:
    """Do it; raises SettingsProblem for words that contradict each other or are no schedule, and NotReady where the
    job's image is not in the repository."""
    verbs = [word for word in ("cron", "suspend", "resume", "drop", "now") if getattr(wanted, word)]
    if len(verbs) > 1:
        raise SettingsProblem(f"--{verbs[0]} and --{verbs[1]} are two things", fix="say them in two commands")
    if not verbs:
        return _list(project, as_json)
    name, entry = project.job(job)
    if not wanted.cron:
        return _change(project, name, verbs[0])
    cron, limit = _cron(wanted.cron), spans.seconds(wanted.timeout, "--timeout") if wanted.timeout else LONGEST
    submission = Fresh(project, name, entry).submission()
    made = schedules.create_task(
        task_of(project, name),
        body(submission),
        cron=cron,
        zone=wanted.zone,
        timeout_ms=round(min(limit, LONGEST) * 1000),
        comment=f"{MADE}: job {name}, image {submission.run.image.rpartition(':')[2]}",
    )
    try:
        for statement in (made, schedules.resume_task(task_of(project, name))):
            project.account.query(statement)
    except Refused as refusal:
        raise _explained(refusal, project) from refusal
    if not project.dry:
        say(f"job '{name}' runs by the clock: {cron} {wanted.zone}, with the image as it is now")
        say(f"try it: inv schedule --now --job {name}")


def body(submission: Submission) -> str:
    """What the task executes: the submission's very job, under a name of its own each time.

    The runs of one schedule share their last four letters.
    """
    run = submission.run
    statement = sql.execute_job(
        run.service,
        pool=run.pool,
        spec=submission.spec,
        replicas=submission.replicas if submission.replicas > 1 else None,
        query_warehouse=submission.query_warehouse,
        external_access_integrations=submission.external_access_integrations,
        comment=submission.comment,
    )
    moment = f"{names.started(run.name):%Y%m%d_%H%M%S}"
    prefix, _, suffix = run.name.rpartition(moment)
    return schedules.job_block(statement, run.name, prefix, suffix)


def task_of(project: Project, job: str) -> str:
    """The task's full name; one a job."""
    flake = project.settings.snowflake
    return f"{flake.database}.{flake.schema}.{job.upper()}_SCHEDULE"


def _change(project: Project, job: str, verb: str) -> None:
    statements: Mapping[str, tuple[Callable[[str], str], str]] = {
        "suspend": (schedules.suspend_task, "rests until inv schedule --resume"),
        "resume": (schedules.resume_task, "runs by the clock again"),
        "drop": (schedules.drop_task, "is dropped; its runs and what they left stay"),
        "now": (schedules.execute_task, "runs now, once; inv jobs shows it in a moment"),
    }
    statement, done = statements[verb]
    try:
        project.account.query(statement(task_of(project, job)))
    except Missing as missing:
        why = f"there is no task {task_of(project, job)}, or the role may not see it"
        fix = f"inv schedule --cron '0 3 * * *' --job {job}"
        raise NotReady(f"job '{job}' has no schedule", why, fix) from missing
    if not project.dry:
        say(f"the schedule of job '{job}' {done}")


def _list(project: Project, as_json: bool) -> None:
    flake = project.settings.snowflake
    rows = project.account.query(schedules.show_tasks(f"{flake.database}.{flake.schema}"))
    last = _last(project)
    found = [_entry(row, last) for row in rows if str(row.get("comment") or "").startswith(MADE)]
    if project.dry:
        return
    columns = ("job", "schedule", "state", "image", "last", "why")
    table(columns, found, as_json=as_json, none="no schedules; inv schedule --cron '0 3 * * *' makes one")


def _entry(row: Mapping[str, Any], last: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    said = re.search(r"job (\S+), image (\S*)", str(row.get("comment"))) or ["", "", ""]
    ended = last.get(str(row["name"]), {})
    return {
        "job": said[1],
        "schedule": str(row.get("schedule") or "").removeprefix("USING CRON "),
        "state": str(row.get("state") or ""),
        "image": said[2],
        "last": str(ended.get("state") or "").lower(),
        "why": str(ended.get("error_message") or ""),
        "task": str(row["name"]),
    }


def _last(project: Project) -> Mapping[str, Mapping[str, Any]]:
    """The newest run of each task. Who may not ask, or has no warehouse for it, gets the list without."""
    flake = project.settings.snowflake
    try:
        rows = project.account.query(schedules.task_history(flake.database))
    except Problem:
        return {}
    mine = [row for row in rows if str(row["schema_name"]) == flake.schema.upper()]
    return {str(row["name"]): row for row in reversed(mine)}


def _cron(text: str) -> str:
    fields = text.split()
    if len(fields) != 5 or not all(map(_FIELD.fullmatch, fields)):
        fix = "write minute, hour, day of month, month and day of week: --cron '0 3 * * *' is every night at three"
        raise SettingsProblem(f"--cron {text!r} is no schedule", fix=fix)
    return " ".join(fields)


def _explained(refusal: Refused, project: Project) -> Refused:
    if "privilege" not in str(refusal).lower():
        return refusal
    flake = project.settings.snowflake
    grant = f"GRANT EXECUTE TASK, EXECUTE MANAGED TASK ON ACCOUNT TO ROLE {flake.role}"
    fix = f"as {flake.admin_role}: {grant}"
    return Refused(refusal.what, refusal.why, fix).numbered(refusal.errno, refusal.sqlstate)
