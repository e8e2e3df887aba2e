from __future__ import annotations

from spcs.run.capacity import at_once, per_node
from spcs.spec import Service, family, parse

SMALL, GPUS = family("CPU_X64_S"), family("GPU_NV_M")  # 3 vCPU and 13 GiB; 44 vCPU, 178 GiB and 4 GPUs


def asking(cpu: str, memory: str, gpu: int = 0) -> Service:
    gpus = f', nvidia.com/gpu: "{gpu}"' if gpu else ""
    amounts = f"{{cpu: '{cpu}', memory: {memory}{gpus}}}"
    container = f"name: main, image: /d/s/r/i:t, resources: {{requests: {amounts}, limits: {amounts}}}"
    return parse(f"spec: {{containers: [{{{container}}}]}}")


def test_a_machine_holds_as_many_as_its_scarcest_resource_allows() -> None:
    assert per_node(asking("1", "2Gi"), SMALL) == 3
    assert per_node(asking("1", "6Gi"), SMALL) == 2
    assert per_node(asking("1", "2Gi", gpu=2), GPUS) == 2
    assert per_node(asking("2", "2Gi"), SMALL) == 1


def test_a_pool_holds_that_times_its_machines_over_the_replicas() -> None:
    assert at_once(asking("1", "2Gi"), SMALL, 2) == 6
    assert at_once(asking("2", "2Gi"), SMALL, 4, replicas=2) == 2
    assert at_once(asking("2", "2Gi"), SMALL, 1, replicas=2) == 1


def test_a_machine_of_unknown_size_is_taken_to_hold_one() -> None:
    assert at_once(asking("1", "2Gi"), None, 3) == 3
