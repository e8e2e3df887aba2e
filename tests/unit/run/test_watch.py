from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from spcs.run.follow import LONGEST, SHORTEST, pause
from spcs.run.model import ContainerStatus, Snapshot, State
from spcs.run.watch import hopeless, moment, settled


def pending(message: str) -> Snapshot:
    return Snapshot(State.PENDING, (ContainerStatus(0, "main", "PENDING", message),))


@pytest.mark.parametrize(
    "message",
    [
        "Failed to pull image",
        "Provided image name uses an invalid format",
        "Failed to retrieve image: SPCS only supports image for amd64 architecture.",
    ],
)
def test_waiting_for_an_image_that_cannot_be_pulled_is_hopeless(message: str) -> None:
    assert hopeless(pending(message)) == message


@pytest.mark.parametrize(
    "message",
    [
        "Waiting to start",
        "Compute pool node(s) are being provisioned",
        "Unschedulable due to insufficient resources",
        "Readiness probe is failing at path: /, port: 80",
        "",
    ],
)
def test_waiting_for_a_node_is_not_hopeless(message: str) -> None:
    assert hopeless(pending(message)) == ""


def test_a_run_that_has_started_is_never_given_up_for_a_message() -> None:
    assert hopeless(Snapshot(State.RUNNING, (ContainerStatus(0, "main", "READY", "Failed to pull image"),))) == ""


def test_a_failed_run_is_settled_once_an_exit_code_is_in() -> None:
    container = ContainerStatus(0, "main", "READY")
    assert not settled(Snapshot(State.FAILED, (container,)))
    assert settled(Snapshot(State.FAILED, (ContainerStatus(0, "main", "FAILED", exit_code=3),)))
    assert settled(Snapshot(State.DONE, (container,)))
    assert not settled(Snapshot(State.RUNNING, (container,)))


def test_the_pause_is_a_tenth_of_the_silence_within_bounds() -> None:
    assert pause(0) == SHORTEST == 0.3
    assert pause(10) == 1.0
    assert pause(3600) == LONGEST == 5.0


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
