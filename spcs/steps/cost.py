"""What a run is going to cost, what it has cost, and what goes on costing; `max_credits`."""

from __future__ import annotations

from contextlib import suppress

from spcs.account import sql
from spcs.errors import Problem, SettingsProblem
from spcs.project import Project
from spcs.run import cost, receipts
from spcs.run.cost import Tariff
from spcs.run.follow import Budget
from spcs.run.model import State
from spcs.run.record import Record
from spcs.show.console import say
from spcs.show.runs import duration, number


def tell_before(project: Project, record: Record | None) -> None:
    """Say what a run is going to cost; raises SettingsProblem if it has a `max_credits` that cannot be held."""
    if record is None:
        return
    tariff, held = cost.of_record(cost.rates(project.root), record), budget(project, record)
    if tariff.hourly is None and not project.is_local:
        return say(f"cost: not known, {cost.FILE} has no rate for {tariff.family}")
    said = [] if project.is_local else [_estimate(project, record, tariff)]
    if held:
        said.append(f"it is stopped at {number(held.credits)} credits, after {duration(held.seconds)}")
    if said:
        say("cost: " + "; ".join(said))


def budget(project: Project, record: Record) -> Budget | None:
    """How much the run may cost, None where its job sets no limit; raises SettingsProblem if the rate is not known."""
    most = cost.limit(record)
    if most is None:
        return None
    tariff = cost.of_record(cost.rates(project.root), record)
    seconds = tariff.seconds(most)
    if seconds is None:
        name = f"jobs.{record.run.job}.max_credits"
        fix = f"add {tariff.family} with its credits an hour to {cost.FILE}, or take {name} out"
        raise SettingsProblem(f"{name} cannot be held", f"{cost.FILE} has no rate for {tariff.family}", fix)
    return Budget(most, seconds)


def hourly(project: Project, record: Record | None) -> float | None:
    """What the run costs in credits an hour, None where that is not known; on the local account nothing costs any."""
    if record is None or project.is_local:
        return None
    with suppress(SettingsProblem):  # the file is mended when the next run is started
        return cost.of_record(cost.rates(project.root), record).hourly
    return None


def tell_after(project: Project, *records: Record) -> None:
    """Say what runs that were started together have cost, and whether their pool goes on being billed."""
    if project.is_local or not records:
        return
    record, known = records[0], [each.end.credits for each in records if each.end and each.end.credits is not None]
    if len(known) == len(records):
        say(f"cost: about {number(sum(known))} credits")
    with suppress(Problem):  # a role that may not see the pool may run jobs in it all the same
        rows = project.account.query(sql.show_compute_pools(record.run.pool)) if record.run.pool else []
        row = next((each for each in rows if str(each["name"]).upper() == record.run.pool.upper()), None)
        if row and str(row["state"]).upper() in cost.BILLED:
            say(_goes_on(record, int(row.get("auto_suspend_secs") or 0)), "warn")


def nodes(tariff: Tariff) -> str:
    return f"{tariff.nodes} node{'s' * (tariff.nodes != 1)} of {tariff.family}"


def _estimate(project: Project, record: Record, tariff: Tariff) -> str:
    hourly = f"{number(tariff.hourly)} credits an hour ({nodes(tariff)})"
    seconds = _last(project, record)
    if seconds is None:
        return hourly
    return f"{hourly}, about {number(tariff.credits(seconds))} if it takes {duration(seconds)}, as the last one did"


def _last(project: Project, record: Record) -> float | None:
    """How long the last run of the job ran, if it is known here and was done."""
    run = receipts.last_of(project.root, record.run.connection, record.run.job)
    earlier = receipts.read(project.root, run.name) if run else None
    end = earlier.end if earlier else None
    if end is None or end.state is not State.DONE or end.started is None or end.ended is None:
        return None
    return max(0.0, (end.ended - end.started).total_seconds())


def _goes_on(record: Record, idle: int) -> str:
    option = f" --job {record.run.job}" if record.run.job else ""
    until = f"until it has been idle for {duration(idle)}" if idle else "for ever: it does not suspend by itself"
    return f"pool {record.run.pool} goes on being billed {until}; inv pool --suspend{option} ends that"
