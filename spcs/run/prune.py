"""Which runs may go, by rules that say what is kept. Pure functions; `spcs.steps.prune` carries it out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from spcs.run import best
from spcs.run.listed import Choice, Listed, Size
from spcs.run.record import Record

STARTING = timedelta(hours=1)
"""A run so young whose job is not there may just be being started."""


@dataclass(frozen=True)
class Rules:
    """What is kept: the newest `keep` runs of each job, the `best` of each by the metric `by` (see `spcs.run.best`),
    and those younger than `older`. None and 0 keep nothing."""

    keep: int | None = None
    best: int = 0
    by: str = ""
    older: timedelta | None = None


def choose(
    found: Sequence[Listed], sizes: Mapping[str, Size], rules: Rules, now: datetime, job: str = ""
) -> list[Choice]:
    """Return what becomes of each run of `job` (of all if empty), in the order given, newest first.

    `found` are all runs of the schema: one that goes on keeps the run whose checkpoint it reads. Raises SettingsProblem
    for a metric that no run has.
    """
    read = {each.record.resumes for each in found if each.record and not each.state.final}
    asked = [each for each in found if not job or each.run.job == job]
    good = _best(asked, rules) if rules.best else {}
    seen: Counter[str] = Counter()
    choices = []
    for each in asked:
        seen[each.run.job] += 1
        why = _needed(each, read, now) or _by_rules(each, seen[each.run.job], good, rules, now)
        choices.append(Choice(each, sizes.get(each.run.name, Size()), why))
    return choices


def _needed(each: Listed, read: Iterable[str], now: datetime) -> str:
    """Why a run is kept whatever the rules say."""
    if not each.state.final:
        return f"it is {each.state.word}"
    if each.run.name in read:
        return "a run that goes on reads its checkpoint"
    unseen = not each.is_there and not (each.record and each.record.end)
    return "it may just be being started" if unseen and now - each.started < STARTING else ""


def _by_rules(each: Listed, place: int, good: Mapping[str, str], rules: Rules, now: datetime) -> str:
    if rules.keep is not None and place <= rules.keep:
        return f"among the newest of {each.run.job} ({rules.keep})"
    if each.run.name in good:
        return good[each.run.name]
    if rules.older is not None and now - each.started < rules.older:
        return "it is younger than that"
    return ""


def _best(asked: Sequence[Listed], rules: Rules) -> dict[str, str]:
    """The runs that are kept for their metric, and the words for it."""
    records: dict[str, list[Record]] = {}
    for each in asked:
        if each.record and each.record.metrics:
            records.setdefault(each.run.job, []).append(each.record)
    best.metric([record for each in records.values() for record in each], rules.by)
    found = {}
    for job, of_job in records.items():
        if rules.by and not any(rules.by.partition(":")[0] in record.metrics for record in of_job):
            continue  # another job has it
        for record in best.ranked(of_job, rules.by)[: rules.best]:
            found[record.run.name] = f"among the best of {job} ({rules.best})"
    return found
