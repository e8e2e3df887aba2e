"""`inv pool`: a job's compute pool, its state and what it costs; suspend and resume it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spcs.account import sql
from spcs.errors import NotReady, SettingsProblem
from spcs.project import Project
from spcs.run import cost
from spcs.show import tables
from spcs.show.console import say


def pool(project: Project, job: str, suspend: bool, resume: bool, as_json: bool) -> None:
    """Suspend or resume the job's pool, if asked to, then show it."""
    if suspend and resume:
        raise SettingsProblem("--suspend and --resume are opposites", fix="give one of them")
    chosen, entry = project.job(job)
    name = project.pool(entry).name
    if suspend or resume:
        change = sql.suspend_compute_pool(name) if suspend else sql.resume_compute_pool(name)
        project.account.query(change)
    rows = project.account.query(sql.show_compute_pools(name))
    if project.dry:
        return
    row = next((each for each in rows if str(each["name"]).upper() == name.upper()), None)
    if row is None:
        why = f"or the role {project.settings.snowflake.role} may not see it"
        raise NotReady(f"there is no compute pool {name}", why, f"inv setup --job {chosen}")
    tables.pool(_entry(project, row), as_json=as_json)
    jobs = _count(row, "num_jobs") + _count(row, "num_services")
    if suspend and jobs:
        say(
            f"it suspends once the {jobs} that run in it have ended"
            if jobs > 1
            else "it suspends once its job has ended"
        )


def _entry(project: Project, row: Mapping[str, Any]) -> dict[str, Any]:
    """What there is to know of a pool; credits are None where nothing is billed, or the rate is not known."""
    state, family = str(row["state"]).upper(), str(row["instance_family"])
    rate = None if project.is_local else cost.rates(project.root).of(family)
    there = _count(row, "active_nodes") + _count(row, "idle_nodes")
    idle = _count(row, "auto_suspend_secs")
    return {
        "pool": str(row["name"]),
        "state": state,
        "instance_family": family,
        "nodes": there,
        "min_nodes": _count(row, "min_nodes"),
        "max_nodes": _count(row, "max_nodes"),
        "jobs": _count(row, "num_jobs"),
        "services": _count(row, "num_services"),
        "auto_suspend_secs": idle,
        "credits_per_hour": None if rate is None else (rate * there if state in cost.BILLED else 0.0),
    }


def _count(row: Mapping[str, Any], column: str) -> int:
    return int(row.get(column) or 0)
