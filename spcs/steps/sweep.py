"""`inv run --set key=a,b`: a run for every combination of the values, as many at a time as the pool holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from spcs.account import sql
from spcs.config import overrides
from spcs.errors import JobFailed, Left, NotReady, Problem, SettingsProblem
from spcs.project import Project
from spcs.run import best
from spcs.run.capacity import at_once
from spcs.run.listed import Member
from spcs.run.model import State
from spcs.run.submit import Submission, execute
from spcs.run.sweep import Sweep
from spcs.show import sweep as screen
from spcs.show.console import say, write
from spcs.show.runs import next_commands
from spcs.spec import SpecError, family, parse
from spcs.steps import cost, hooks
from spcs.steps.follow import Stay
from spcs.steps.jobs import results
from spcs.steps.prepare import Changes, Recipe

MOST = 200
"""Runs of one sweep. More are a slip of a finger rather than a plan."""


def sweep(project: Project, recipe: Recipe, combinations: Sequence[Changes], by: str, stay: Stay) -> None:
    """Start the runs and stay until all have ended, then show them, the best by the metric `by` first.

    Raises JobFailed if one of them failed, Left on Ctrl-C and NotReady when the time is up: what was started goes on.
    Where nobody stays with it all are started at once, and wait in Snowflake for room.
    """
    follow = stay.follow and not stay.detach
    if len(combinations) > MOST:
        what, why = f"--set asks for {len(combinations)} runs", f"a sweep has at most {MOST}"
        raise SettingsProblem(what, why, "give fewer values, or start several sweeps")
    best.smaller_is_better(by)  # a wrong word is told before anything is started
    for changes in combinations:
        recipe.check(changes)
    first = recipe.submission(combinations[0])
    cost.tell_before(project, first.record)
    if project.dry:
        return _plan(project, recipe, combinations, first)
    prepare = _Prepare(recipe, combinations, first)
    room = _room(project, first)
    say(f"sweep {first.run.name}: {len(combinations)} runs, {_manner(room, first, len(combinations), follow)}")
    said = [{key.text: text for key, text in changes} for changes in combinations]
    budget = cost.budget(project, first.record) if first.record else None
    done = partial(hooks.run_done, project)
    runs = Sweep(project.account, project.root, said, prepare, room, screen.SweepLines(), budget, done)
    try:
        if not follow:
            runs.start_all()
            return _started(first.run.name, runs.members)
        ended = runs.to_the_end(stay.limit)
    except (KeyboardInterrupt, Left):
        raise _left(recipe.words, first.run.name, runs.members) from None
    if not ended:
        raise _late(recipe.words, first.run.name, runs.members, stay.limit or 0.0)
    cost.tell_after(project, *[member.record for member in runs.members if member.record])
    _tell(first.run.name, runs.members, by)


class _Prepare:
    """Makes the submissions of a sweep; all carry the name of the first run as the sweep's."""

    def __init__(self, recipe: Recipe, combinations: Sequence[Changes], first: Submission) -> None:
        self._recipe, self._combinations, self._first = recipe, combinations, first

    def __call__(self, index: int) -> Submission:
        made = self._first if index == 0 else self._recipe.submission(self._combinations[index])
        assert made.record is not None
        return replace(made, record=replace(made.record, sweep=self._first.run.name))


def _plan(project: Project, recipe: Recipe, combinations: Sequence[Changes], first: Submission) -> None:
    """With `dry`: the specification of the first run, and the statement of each."""
    project.tell(first.spec)
    for index, changes in enumerate(combinations):
        made = recipe.submission(changes) if index else first
        project.tell("-- " + " ".join(f"{key.text}={text}" for key, text in changes))
        project.tell(f"{execute(made)};")


def _room(project: Project, first: Submission) -> int:
    """How many runs the pool holds at once, by what the account says of it, else by the settings it was made of."""
    pool = first.record.settings.get("pool", {}) if first.record else {}
    nodes, name = int(pool.get("max_nodes") or 1), str(pool.get("instance_family") or "")
    try:
        for row in project.account.query(sql.describe_compute_pool(first.run.pool)):
            nodes, name = int(row.get("max_nodes") or nodes), str(row.get("instance_family") or name)
    except Problem:  # to run jobs in a pool, a role needs no right to look at it
        pass
    try:
        return at_once(parse(first.spec), family(name), nodes, first.replicas)
    except SpecError:
        return 1


def _manner(room: int, first: Submission, count: int, follow: bool) -> str:
    if room >= count:
        return f"all at once in pool {first.run.pool}"
    if follow:
        return f"{room} at a time, as many as pool {first.run.pool} holds"
    return f"of which pool {first.run.pool} holds {room} at a time; the others wait there"


def _tell(name: str, members: Sequence[Member], by: str) -> None:
    ranked = results(members, by)
    fetch = [("fetch the outputs of the best", f"inv fetch --run {ranked[0].run.name}")] if ranked else []
    next_commands([*fetch, ("see it again, from anywhere", f"inv jobs --sweep {name}")])
    bad = [member for member in members if member.state is not State.DONE]
    if bad:
        raise JobFailed(
            f"{len(bad)} of {len(members)} runs of the sweep are not done",
            "\n".join(map(_why, bad)),
            next((f"inv logs --run {member.run.name}" for member in bad if member.run), ""),
        )


def _why(member: Member) -> str:
    end = member.record.end if member.record else None
    what = " ".join(f"{key}={text}" for key, text in member.said.items())
    state = member.state.word if member.state else "not started"
    return f"{what}: {state}, {member.reason or (end.reason if end else '')}".rstrip(", ")


def _started(name: str, members: Sequence[Member]) -> None:
    for member in members:
        if member.run:
            write(member.run.name)
    say(f"see them with: inv jobs --sweep {name}")


def _left(words: str, name: str, members: Sequence[Member]) -> Left:
    rest = [f"start with: {command}" for command in _rest(words, members)]
    back = "\n".join([f"see them with: inv jobs --sweep {name}", *rest])
    return Left(f"left the sweep {name}; {_how_many(members)}", back)


def _late(words: str, name: str, members: Sequence[Member], limit: float) -> NotReady:
    rest = _rest(words, members)
    note = ["(the first shows them, each of the others starts one)"] if rest else []
    return NotReady(
        f"the sweep {name} has not ended within {limit:g} s",
        _how_many(members),
        "\n".join([f"inv jobs --sweep {name}", *rest, *note]),
    )


def _how_many(members: Sequence[Member]) -> str:
    going = sum(1 for member in members if member.run and not member.is_over)
    waiting = len(_waiting(members))
    return f"{going} of its runs go on" + (f", {waiting} are not started" if waiting else "")


def _rest(words: str, members: Sequence[Member]) -> list[str]:
    """The commands that start what is not started."""
    return [
        f"inv run {words} " + " ".join(f"--set {overrides.word(key, text)}" for key, text in each.said.items())
        for each in _waiting(members)
    ]


def _waiting(members: Sequence[Member]) -> list[Member]:
    return [member for member in members if not member.run and not member.is_over]
