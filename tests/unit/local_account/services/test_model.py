"""How the state of a job follows from its containers."""

from __future__ import annotations

import pytest

from local_account.runtime.model import ContainerExit, ContainerKey
from local_account.services.model import (
    ContainerState,
    ContainerStatus,
    InstanceStatus,
    ServiceStatus,
    after_exit,
    instance_status,
    service_status,
)

PENDING, READY, TERMINATING, DONE, FAILED = ContainerStatus


def states(*instances: str) -> list[ContainerState]:
    """Containers by instance, one letter each: P(ending), R(eady), T(erminating), D(one), F(ailed)."""
    letters = {status.value[0]: status for status in ContainerStatus}
    return [
        ContainerState(ContainerKey("id", index, f"c{place}"), "image", "digest", letters[letter])
        for index, containers in enumerate(instances)
        for place, letter in enumerate(containers)
    ]


@pytest.mark.parametrize(
    ("containers", "expected"),
    [
        ([PENDING], InstanceStatus.PENDING),
        ([PENDING, READY], InstanceStatus.READY),
        ([READY, DONE], InstanceStatus.READY),
        ([DONE, DONE], InstanceStatus.SUCCEEDED),
        ([DONE, FAILED], InstanceStatus.FAILED),
        ([READY, FAILED], InstanceStatus.FAILED),
        ([READY, TERMINATING], InstanceStatus.TERMINATING),
    ],
)
def test_an_instance_has_succeeded_when_all_its_containers_have(
    containers: list[ContainerStatus], expected: InstanceStatus
) -> None:
    assert instance_status(containers) is expected


@pytest.mark.parametrize(
    ("instances", "expected"),
    [
        (["P"], ServiceStatus.PENDING),
        (["P", "P"], ServiceStatus.PENDING),
        (["R", "P"], ServiceStatus.RUNNING),
        (["D", "P"], ServiceStatus.RUNNING),
        (["D", "R"], ServiceStatus.RUNNING),
        (["D", "D"], ServiceStatus.DONE),
        (["DD"], ServiceStatus.DONE),
        (["D", "F"], ServiceStatus.FAILED),
        (["R", "F"], ServiceStatus.FAILED),
        (["T"], ServiceStatus.RUNNING),
    ],
)
def test_any_failure_fails_a_job_and_all_done_is_done(instances: list[str], expected: ServiceStatus) -> None:
    assert service_status(states(*instances), cancel=False) is expected


def test_cancellation_overrides_the_rest() -> None:
    assert service_status(states("T", "F"), cancel=True) is ServiceStatus.CANCELLING
    assert service_status(states("F", "F"), cancel=True) is ServiceStatus.CANCELLED
    assert service_status(states("D"), cancel=True) is ServiceStatus.CANCELLED


@pytest.mark.parametrize(
    ("code", "oom", "expected"),
    [
        (0, False, (DONE, "Completed successfully")),
        (3, False, (FAILED, "User application error, check container logs")),
        (137, True, (FAILED, "Container was OOMKilled due to resource usage")),
        (0, True, (DONE, "Completed successfully")),
    ],
)
def test_an_exit_has_the_documented_message(code: int, oom: bool, expected: tuple[ContainerStatus, str]) -> None:
    assert after_exit(ContainerExit(ContainerKey("id", 0, "c"), code, 0, oom), stopped=False) == expected


def test_a_lost_container_says_what_happened_to_it() -> None:
    lost = ContainerExit(ContainerKey("id", 0, "c"), None, 0, problem="the machine was restarted")
    status, message = after_exit(lost, stopped=False)
    assert status is FAILED
    assert message.endswith(": the machine was restarted")
