from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from spcs.run.follow import pause
from spcs.run.model import ContainerStatus, Snapshot, State
from spcs.run.watch import moment, settled


def test_a_failed_run_is_settled_once_an_exit_code_is_in() -> None:
    container = ContainerStatus(0, "main", "READY")
    assert not settled(Snapshot(State.FAILED, (container,)))
    failed = ContainerStatus(0, "main", "FAILED", exit_code=3)
    assert settled(Snapshot(State.FAILED, (failed,)))
    assert not settled(Snapshot(State.FAILED, (failed, ContainerStatus(1, "main", "TERMINATING"))))
    assert settled(Snapshot(State.FAILED, (failed, ContainerStatus(1, "main", "FAILED", exit_code=1))))
    assert settled(Snapshot(State.DONE, (container,)))
    assert not settled(Snapshot(State.RUNNING, (container,)))


@pytest.mark.parametrize(
    ("age", "quiet", "seconds"),
    [(0, 0, 0.3), (10, 10, 1.0), (600, 600, 5.0), (3600, 0, 2.0), (3600, 30, 3.0), (36_000, 36_000, 15.0)],
)
def test_the_pause_is_a_tenth_of_the_silence_within_bounds_that_grow(age: float, quiet: float, seconds: float) -> None:
    assert pause(age, quiet) == seconds
    assert pause(age, quiet, busy=True) == 0


@pytest.mark.parametrize(
    "value",
    [
        "2026-08-27T12:00:05Z",
        "2026-08-27 14:00:05.000 +0200",
        datetime(2026, 8, 27, 12, 0, 5),  # noqa: DTZ001 - what the connector gives for TIMESTAMP_NTZ
        datetime(2026, 8, 27, 14, 0, 5, tzinfo=timezone(timedelta(hours=2))),
    ],
)
def test_a_time_is_read_in_each_of_its_shapes(value: object) -> None:
    assert moment(value) == datetime(2026, 8, 27, 12, 0, 5, tzinfo=UTC)


@pytest.mark.parametrize("value", [None, "", "soon", 5])
def test_what_is_no_time_is_none(value: object) -> None:
    assert moment(value) is None
