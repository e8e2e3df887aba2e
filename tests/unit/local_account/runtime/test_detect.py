"""What `podman info` says of an engine."""

from __future__ import annotations

from typing import Any

import pytest

from local_account.runtime.detect import Engine, podman_of


def engine(**host: Any) -> Engine:
    described = {"cpus": 4, "cgroupControllers": ["cpu", "memory", "pids"], **host}
    return podman_of("/usr/bin/podman", {"host": described, "version": {"Version": "4.3.1"}}, {})


def test_podman_of_root_and_of_a_user_given_cgroups_lacks_nothing() -> None:
    found = engine()
    assert (found.name, found.version, found.capacity.cpus) == ("podman", "4.3.1", 4.0)
    assert (found.host_name, found.lacks) == (None, "")


@pytest.mark.parametrize("controllers", [[], None, ["memory", "pids"]])
def test_podman_without_cgroups_of_its_own_says_that_limits_have_no_effect(controllers: list[str] | None) -> None:
    assert "limits of memory and CPU have no effect" in engine(cgroupControllers=controllers).lacks


def test_containers_in_a_virtual_machine_reach_the_account_by_a_name() -> None:
    assert engine(serviceIsRemote=True).host_name == "host.containers.internal"
