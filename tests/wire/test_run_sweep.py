"""Sweeps against a real account: room, runs that fail or cannot be started, an account that goes away meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from spcs.errors import Refused
from spcs.run import files, history
from spcs.run import sweep as sweeping
from spcs.run.follow import Budget
from spcs.run.listed import Member
from spcs.run.model import State, Verdict
from spcs.run.record import Record
from spcs.run.submit import Submission
from spcs.run.sweep import Sweep
from tests.wire.desk import Desk, desk


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with desk(tmp_path_factory.mktemp("sweep")) as made:
        yield made


class Watched:
    """A SweepView that keeps how many went on at once, and does something once two are running."""

    def __init__(self, sweep_of: list[Sweep], then: Callable[[], None]) -> None:
        self.most, self.notices, self._sweep, self._then = 0, list[str](), sweep_of, [then]

    def changed(self, member: Member, number: int, of: int) -> None:
        members = self._sweep[0].members
        self.most = max(self.most, sum(1 for each in members if each.run and not each.is_over))
        if self._then and sum(1 for each in members if each.state is State.RUNNING) == 2:
            self._then.pop()()

    def notice(self, text: str) -> None:
        self.notices.append(text)


def swept(
    at: Desk, submissions: list[Submission], at_once: int, then: Callable[[], None] = lambda: None
) -> tuple[Sweep, Watched]:
    made: list[Sweep] = []
    view = Watched(made, then)
    said = [{"lr": str(number)} for number in range(len(submissions))]
    made.append(Sweep(at.account, at.root, said, submissions.__getitem__, at_once, view))
    return made[0], view


def codes(at: Desk, *codes: str) -> list[Submission]:
    return [at.submission(code) for code in codes]


def test_no_more_go_on_at_once_than_there_is_room_and_a_restart_of_the_account_is_borne(at: Desk) -> None:
    gate = at.root / "gate"
    waits = f"import pathlib, time\nwhile not pathlib.Path({str(gate)!r}).exists(): time.sleep(0.05)"

    def restart() -> None:
        at.restart()
        gate.touch()

    sweep, view = swept(at, codes(at, waits, waits, "raise SystemExit(4)", "pass", "pass"), 2, restart)
    sweep.to_the_end()
    assert gate.exists()
    assert [member.state for member in sweep.members] == [
        State.DONE,
        State.DONE,
        State.FAILED,
        State.DONE,
        State.DONE,
    ]
    assert view.most == 2
    failed = sweep.members[2].record
    assert failed
    assert failed.end
    assert failed.end.exit_code == 4
    assert history.read(at.account, failed.run) == failed


def test_a_run_that_cannot_be_started_is_one_that_failed_unless_it_is_the_first(at: Desk) -> None:
    good, bad = codes(at, "pass", "pass")
    bad = replace(bad, spec=bad.spec.replace("volumeMounts", "volumeMount"))
    sweep, _ = swept(at, [good, bad, *codes(at, "pass")], 3)
    sweep.to_the_end()
    assert [member.state for member in sweep.members] == [State.DONE, None, State.DONE]
    assert sweep.members[1].reason
    sweep, _ = swept(at, [bad, good], 2)
    with pytest.raises(Refused):
        sweep.to_the_end()


def test_a_time_limit_is_kept_however_long_the_pause_between_two_looks(
    at: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, quick, other = codes(at, "import time; time.sleep(600)", "pass", "pass")

    def pause(age: float, quiet: float) -> float:
        at.follow(quick.run)
        return 3600.0

    monkeypatch.setattr(sweeping, "pause", pause)
    sweep, _ = swept(at, [slow, quick, other], 2)
    assert not sweep.to_the_end(1.0)
    assert [bool(member.run) for member in sweep.members] == [True, True, False], "one was started when time was up"
    assert [member.is_over for member in sweep.members] == [False, True, False]
    files.cancel(at.account, slow.run)


def test_a_sweep_whose_runs_have_all_ended_when_time_is_up_has_ended(at: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = at.root / "gate of the last"
    (made,) = codes(at, f"import pathlib, time\nwhile not pathlib.Path({str(gate)!r}).exists(): time.sleep(0.05)")

    def pause(age: float, quiet: float) -> float:
        gate.touch()
        at.follow(made.run)
        return 3600.0

    monkeypatch.setattr(sweeping, "pause", pause)
    sweep, _ = swept(at, [made], 1)
    assert sweep.to_the_end(1.0)
    assert [member.state for member in sweep.members] == [State.DONE]


def test_a_run_that_was_dropped_meanwhile_is_over(at: Desk) -> None:
    slow, other = codes(at, "import time; time.sleep(300)", "pass")
    sweep, view = swept(at, [slow, other], 2)
    sweep.start_all()
    assert view.most == 2
    at.account.query(f"DROP SERVICE {slow.run.service}")
    sweep.to_the_end()
    assert [member.state for member in sweep.members] == [State.DELETED, State.DONE]


def test_a_run_that_has_cost_its_credits_is_stopped_and_the_others_go_on(at: Desk) -> None:
    made, view = codes(at, "import time; time.sleep(600)", "pass"), Watched([], lambda: None)
    told: list[tuple[State, str]] = []
    said, budget = [{"lr": "1"}, {"lr": "2"}], Budget(0.5, 1.0)

    def done(ended: Verdict, record: Record) -> None:
        told.append((ended.state, record.run.name))

    sweep = Sweep(at.account, at.root, said, made.__getitem__, 1, view, budget, done)
    view._sweep.append(sweep)
    sweep.to_the_end()
    assert told == [(State.CANCELLED, made[0].run.name), (State.DONE, made[1].run.name)]
    assert [member.state for member in sweep.members] == [State.CANCELLED, State.DONE]
    assert view.notices == [f"stopping {made[0].run.name}: it has cost its max_credits, 0.5"]
