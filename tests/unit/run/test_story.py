"""A run's time, cut at what is known of it, and its log as a document may show it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from spcs.run.model import Snapshot, State
from spcs.run.story import periods, readable
from tests import stories
from tests.stories import BEGUN


def cut(**changes: object) -> list[tuple[str, float]]:
    story = replace(stories.done(), **changes)  # type: ignore[arg-type]
    return [(period.kind, round(period.seconds, 1)) for period in periods(story)]


def test_a_run_waits_starts_trains_and_ends() -> None:
    assert cut() == [("waiting", 1.0), ("starting", 2.6), ("training", 3.2), ("ending", 2.2)]


def test_one_that_measures_nothing_just_runs() -> None:
    assert cut(lines=()) == [("waiting", 1.0), ("running", 7.9)]


def test_one_that_never_started_waits_to_its_end() -> None:
    waiting = Snapshot(State.CANCELLED, (), BEGUN, BEGUN + timedelta(seconds=30))
    assert cut(lines=(), snapshot=waiting) == [("waiting", 30.0)]


def test_one_that_goes_on_is_told_up_to_now() -> None:
    going = Snapshot(State.RUNNING, stories.done().snapshot.containers, BEGUN, BEGUN + timedelta(seconds=2))
    assert cut(snapshot=going)[-1] == ("training", 296.4)
    assert cut(snapshot=going, lines=())[-1] == ("running", 299.0)


def test_times_that_contradict_each_other_make_no_negative_period() -> None:
    early = replace(stories.done().snapshot.containers[0], started=BEGUN - timedelta(seconds=5))
    snapshot = replace(stories.done().snapshot, containers=(early,))
    assert all(seconds > 0 for _, seconds in cut(snapshot=snapshot))


def test_without_any_time_there_are_no_periods() -> None:
    assert cut(snapshot=Snapshot(State.DONE), lines=()) == []


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m \x1b]0;title\x07plain", "red plain"),
        ("10 %\r50 %\r100 %\r", "100 %"),
        ("a\x00b\x08c\x7f", "a\ufffdb\ufffdc\ufffd"),
        ("tab\tstays, é and 中 too", "tab\tstays, é and 中 too"),
    ],
)
def test_a_line_is_shown_as_a_terminal_would_leave_it(text: str, shown: str) -> None:
    assert readable(text) == shown
