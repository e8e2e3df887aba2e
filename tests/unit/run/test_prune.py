from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from spcs.errors import SettingsProblem
from spcs.run.listed import Listed, Size
from spcs.run.model import Run, State
from spcs.run.prune import Rules, choose
from spcs.run.record import End, Record

NOW = datetime(2026, 8, 27, 12, 0, 0, tzinfo=UTC)


def listed(
    age: timedelta, state: State = State.DONE, *, job: str = "train", there: bool = True, resumes: str = "", **more: Any
) -> Listed:
    run = Run(f"{job}_{NOW - age:%Y%m%d_%H%M%S}_bcdf", "DB", "S", "DB.S.RUNS")
    end = End(state, metrics=more) if state.final and state is not State.DELETED else None
    return Listed(run, state, there, record=Record(run, resumes=resumes, end=end))


def kept(found: list[Listed], rules: Rules, job: str = "") -> list[str]:
    return [choice.kept for choice in choose(found, {}, rules, NOW, job)]


DAY = timedelta(days=1)
NEW, MIDDLE, OLD = listed(DAY, loss=0.5), listed(2 * DAY, loss=0.1), listed(9 * DAY, loss=0.9)


def test_the_newest_of_each_job_stay() -> None:
    other = listed(5 * DAY, job="other")
    assert kept([NEW, MIDDLE, other, OLD], Rules(keep=1)) == [
        "among the newest of train (1)",
        "",
        "among the newest of other (1)",
        "",
    ]
    assert kept([NEW, MIDDLE, other, OLD], Rules(keep=0), "other") == [""]


def test_the_best_of_each_job_stay() -> None:
    other = listed(5 * DAY, job="other", f1=1.0)
    assert kept([NEW, MIDDLE, OLD], Rules(best=1)) == ["", "among the best of train (1)", ""]
    assert kept([NEW, MIDDLE, other, OLD], Rules(best=1, by="loss:max")) == ["", "", "", "among the best of train (1)"]
    with pytest.raises(SettingsProblem, match="did you mean 'loss'"):
        kept([NEW], Rules(best=1, by="los"))


def test_only_what_is_older_goes_and_rules_add_up() -> None:
    assert kept([NEW, MIDDLE, OLD], Rules(older=7 * DAY)) == ["it is younger than that"] * 2 + [""]
    assert kept([NEW, OLD], Rules(keep=2, older=7 * DAY))[1] == "among the newest of train (2)"


@pytest.mark.parametrize("state", [State.RUNNING, State.PENDING, State.CANCELLING])
def test_a_run_that_goes_on_stays_whatever_the_rules_say(state: State) -> None:
    assert kept([listed(99 * DAY, state)], Rules(keep=0)) == [f"it is {state.word}"]


def test_a_run_whose_checkpoint_is_being_read_stays_also_if_its_reader_is_of_another_job() -> None:
    reader = listed(timedelta(), State.RUNNING, job="other", resumes=OLD.run.name)
    assert kept([reader, NEW, OLD], Rules(keep=0), "train") == ["", "a run that goes on reads its checkpoint"]


def test_a_run_without_a_job_goes_unless_it_may_just_be_being_started() -> None:
    young, old = (listed(age, State.DELETED, there=False) for age in (timedelta(minutes=5), DAY))
    assert kept([young, old], Rules(keep=0)) == ["it may just be being started", ""]


def test_what_it_frees_is_told() -> None:
    (choice,) = choose([OLD], {OLD.run.name: Size(3, 1000)}, Rules(keep=0), NOW)
    assert (choice.size, choice.kept) == (Size(3, 1000), "")
