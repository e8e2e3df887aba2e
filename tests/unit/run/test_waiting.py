"""What a run is said to wait for, and when waiting is given up."""

from __future__ import annotations

from typing import Any

import pytest

from spcs.run.model import ContainerStatus
from spcs.run.remedies import CONTAINER, IMAGE
from spcs.run.waiting import Pool, hopeless, late_replicas, read_pool, reason

NODES = "Compute pool node(s) are being provisioned"
NO_ROOM = "Unschedulable due to insufficient resources"
FULL = "Compute pool has reached the maximum node limit. Consider increasing max_nodes"


def pending(*messages: str) -> list[ContainerStatus]:
    return [ContainerStatus(i, "main", "PENDING", message) for i, message in enumerate(messages)]


def pool(**columns: Any) -> Pool:
    row = {"name": "P", "state": "ACTIVE", "max_nodes": 1, "num_jobs": "1", "num_services": 0, "auto_resume": "true"}
    return read_pool(row | columns)


@pytest.mark.parametrize(
    "message",
    [
        "Failed to pull image",
        "Provided image name uses an invalid format",
        "Failed to retrieve image: SPCS only supports image for amd64 architecture.",
        "image manifest not found",
        "Image /db/s/images/training:1 does not exist",
        "manifest unknown",
        "Invalid image name",
        *(sentence for known in IMAGE for sentence in known.says),
    ],
)
def test_waiting_for_an_image_that_cannot_be_pulled_is_hopeless(message: str) -> None:
    assert hopeless(pending("Waiting to start", message)) == message


@pytest.mark.parametrize(
    "message",
    [
        "Waiting to start",
        NODES,
        NO_ROOM,
        "Readiness probe is failing at path: /, port: 80",
        "",
        *(sentence for known in CONTAINER for sentence in known.says),
    ],
)
def test_waiting_for_a_node_or_a_container_that_is_tried_again_is_not_hopeless(message: str) -> None:
    assert hopeless(pending(message), pool()) == ""


def test_a_full_pool_is_hopeless_only_if_nothing_else_can_make_room_in_it() -> None:
    full = pool(error_code="392508", status_message=FULL)
    assert hopeless(pending(NO_ROOM), full).startswith(FULL)
    assert hopeless(pending("Waiting to start"), full) == ""
    assert hopeless(pending(NO_ROOM), pool(error_code="392508", status_message=FULL, num_jobs=2)) == ""


@pytest.mark.parametrize(
    ("messages", "columns", "said"),
    [
        (["Waiting to start"], {"state": "IDLE"}, ""),
        ([NODES, NODES], {"state": "STARTING"}, f"{NODES}; pool P is starting: 0 of 1 node"),
        (
            [NO_ROOM],
            {"active_nodes": 2, "max_nodes": 2, "num_jobs": 3},
            f"{NO_ROOM}; pool P is active: 2 of at most 2 nodes, 2 other jobs or services",
        ),
        (
            [""],
            {"state": "SUSPENDED", "auto_resume": "false"},
            "pool P is suspended and does not resume by itself: ALTER COMPUTE POOL P RESUME",
        ),
        ([""], {"error_code": "392507", "status_message": "CAPACITY_ERROR."}, "pool P: CAPACITY_ERROR."),
    ],
)
def test_what_is_waited_for_is_said_with_the_pools_state(
    messages: list[str], columns: dict[str, Any], said: str
) -> None:
    assert reason(pending(*messages), pool(**columns)) == said


def test_a_pool_that_may_not_be_looked_at_leaves_what_the_containers_say() -> None:
    assert reason(pending(NODES), None) == NODES


def test_replicas_that_start_later_are_named() -> None:
    running = ContainerStatus(0, "main", "READY", "Running")
    late = [ContainerStatus(i, "main", "PENDING", NO_ROOM) for i in (1, 2)]
    assert late_replicas([running, *late]) == f"replicas 1, 2 have not started yet: {NO_ROOM}"
    assert late_replicas([running, ContainerStatus(3, "main", "PENDING", "Waiting to start")]) == (
        "replica 3 has not started yet"
    )
    assert late_replicas([running]) == ""
