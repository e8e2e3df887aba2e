"""The arithmetic of a job against a node, and of its replicas against a pool."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from spcs.config import ComputePool, Job, Settings
from spcs.doctor import Ground, capacity
from spcs.spec import FAMILIES
from tests.unit.doctor.conftest import SPEC

Make = Callable[..., Ground]
REAL = Settings(connection="mine")


def asking(resources: str) -> str:
    return SPEC.replace("{cpu: 1, memory: 2Gi}", resources)


def test_the_sum_is_shown_with_the_sidecar_of_the_stage_volume(ground: Make) -> None:
    found = capacity.alone(ground())
    assert found.status == "ok"
    assert "cpu 1 (main) = 1 of 3" in found.message
    assert "memory 2Gi (main) + 0.5Gi (stage-mount-v2-sidecar-output) = 2.5Gi of 13Gi" in found.message


def test_the_sidecar_may_be_what_does_not_fit(ground: Make) -> None:
    found = capacity.alone(ground(spec=asking("{memory: 12.8Gi}")))
    assert found.status == "fail"
    assert "memory 12.8Gi (main) + 0.5Gi (stage-mount-v2-sidecar-output) = 13.3Gi of 13Gi" in found.message
    assert "Requirement exceeds compute pool instance capacity 13Gi." in found.message
    assert found.fix.startswith("lower jobs.train.resources in invoke.yaml, or ")
    assert found.fix.endswith("then inv setup")


def test_gpus_are_counted(ground: Make) -> None:
    both = "{nvidia.com/gpu: 2}, limits: {nvidia.com/gpu: 2}"
    found = capacity.alone(ground(spec=asking(both), pool=ComputePool(instance_family="GPU_NV_S")))
    assert (found.status, "gpu 2 (main) = 2 of 1" in found.message) == ("fail", True)


def test_a_family_that_is_not_known(ground: Make) -> None:
    found = capacity.alone(ground(pool=ComputePool(instance_family="CPU_X64_SS")))
    assert (found.status, "did you mean 'CPU_X64_S" in found.fix) == ("warn", True)


def test_the_account_knows_the_size_better(ground: Make) -> None:
    row = {"name": "CPU_X64_S", "vcpu": "3", "memory_gib": "2.0", "gpu_count": None}
    small = capacity.sized(FAMILIES["CPU_X64_S"], row)
    assert small
    assert (small.memory_gib, small.clouds) == (2, FAMILIES["CPU_X64_S"].clouds)
    assert capacity.judge(ground(), "CPU_X64_S", small, 1).status == "fail"
    new = capacity.sized(None, {**row, "name": "NEW_ONE", "memory_gib": 13})
    assert capacity.judge(ground(), "NEW_ONE", new, 1).status == "ok"
    assert capacity.sized(None, None) is None


@pytest.mark.parametrize(
    ("cpu", "replicas", "most", "status"), [("1", 3, 1, "ok"), ("2", 2, 2, "ok"), ("2", 2, 1, "fail")]
)
def test_replicas_take_nodes(ground: Make, cpu: str, replicas: int, most: int, status: str) -> None:
    pool = ComputePool(max_nodes=most)
    spec = asking(f"{{cpu: {cpu}, memory: 1Gi}}")
    found = capacity.alone(ground(spec=spec, job=Job(replicas=replicas), pool=pool, settings=REAL))
    assert found.status == status
    if status == "fail":
        assert "Unschedulable due to insufficient resources" in found.message
        assert found.fix.startswith("ALTER COMPUTE POOL TRAINING_POOL SET MAX_NODES = 2")
        here = capacity.alone(ground(spec=spec, job=Job(replicas=replicas), pool=pool))
        assert here.status == "warn", "the local account has no limit of nodes"
