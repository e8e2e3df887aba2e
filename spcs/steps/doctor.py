"""`inv doctor`: what a run needs, looked at before it."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from functools import cache

from spcs import local
from spcs.account import Account
from spcs.config import Job
from spcs.doctor import CHECKS, Ground, NotChecked, examine
from spcs.errors import NotReady, Problem
from spcs.project import Project
from spcs.run.names import new_run, output_folder
from spcs.show.findings import FindingView
from spcs.spec import Service
from spcs.specification import parsed
from spcs.steps.account import setup_sql
from spcs.steps.image import UNKNOWN_URL, image_path, image_plan

UNKNOWN_IMAGE = "/db/schema/repository/image:tag"
STATUSES = ("fail", "warn", "skip", "ok")


def doctor(project: Project, job: str, as_json: bool) -> None:
    """Make every check and show what it finds; raises NotReady if any fails. With `dry` says what would be asked."""
    ground = _ground(project, job)
    if project.dry:
        return _plan(project, ground)
    view, failed, counted = FindingView(as_json=as_json), dict[str, str](), Counter[str]()
    for check, finding in examine(CHECKS, ground):
        view.finding(check.name, check.group, finding.status, finding.message, finding.fix)
        counted[finding.status] += 1
        if finding.status == "fail":
            failed[check.name] = finding.fix
    view.sums({status: counted[status] for status in STATUSES})
    if failed:
        what = f"{len(failed)} of {len(CHECKS)} checks {'fail' if len(failed) > 1 else 'fails'}: {', '.join(failed)}"
        raise NotReady(what, fix=_first_step(list(failed.values())))


def _first_step(remedies: list[str]) -> str:
    """The first that is a command of ours and no more, else the first; all of them stand with their checks."""
    ours = [remedy for remedy in remedies if remedy.startswith("inv ") and "\n" not in remedy]
    return next(iter(ours or remedies))


def _plan(project: Project, ground: Ground) -> None:
    """What each check looks at, and the statements it would send. Nothing is opened, so the answers mean nothing."""
    for check in CHECKS:
        project.tell(f"-- {check.name}: {check.looks}")
        if check.group == "account":
            with suppress(Problem, NotChecked):
                check.look(ground)


def _ground(project: Project, job: str) -> Ground:
    name, entry = project.job(job)
    plan = cache(lambda: image_plan(project, entry, url=UNKNOWN_URL))
    image = cache(lambda: image_path(project, plan()))
    opened = _opened(project)
    return Ground(
        root=project.root,
        receipts=project.receipts,
        settings=project.settings,
        name=name,
        job=entry,
        pool=project.pool(entry),
        opened=opened,
        runtime=_runtime(project),
        engine=lambda: project.engine,
        plan=plan,
        image=image,
        service=cache(lambda: _service(project, name, entry)),
        setup_sql=lambda: setup_sql(project, name, "<your user>", admin=True),
        run_name=lambda: new_run(name),
    )


def _service(project: Project, name: str, job: Job) -> Service:
    """The specification but for its image, whose name takes an engine to make."""
    flake = project.settings.snowflake
    output = output_folder(f"{flake.database}.{flake.schema}.{flake.stage}", f"{name}_run")
    return parsed(project.root, project.settings, name, job, image=UNKNOWN_IMAGE, output=output)[1]


def _runtime(project: Project) -> str:
    running = local.running(project.root) if project.is_local and not project.dry else None
    return str(running["reason"]) if running and project.settings.image.engine == "auto" else ""


def _opened(project: Project) -> Account | Problem:
    """The account in no role: that may be missing, and Snowflake refuses the login then. Not yet connected to."""
    try:
        return project.connect()
    except Problem as problem:
        return problem
