"""What a job's settings become in its specification: replicas, shared memory, and the run that it goes on from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from spcs.config import ComputePool, Job, Settings, load
from spcs.config.model import Amounts, Resources
from spcs.errors import SettingsProblem
from spcs.specification import specification
from tests.support import REPO

OUTPUT = "@DB.S.RUNS/runs/mine/output/"
EARLIER = "@DB.S.RUNS/runs/earlier/output/"


def rendered(job: Job, earlier: str = "") -> Mapping[str, Any]:
    text = specification(REPO, Settings(), "mine", job, image="/d/s/r/i:1", output=OUTPUT, earlier=earlier)
    spec: Mapping[str, Any] = yaml.safe_load(text)["spec"]
    return spec


def shm(job: Job) -> str | None:
    sizes = [volume["size"] for volume in rendered(job)["volumes"] if volume["name"] == "dshm"]
    return sizes[0] if sizes else None


def limits(memory: str | None = None, gpu: int | None = None) -> Resources:
    return Resources(requests=Amounts(gpu=gpu), limits=Amounts(memory=memory, gpu=gpu))


def test_replicas_may_reach_each_other_where_they_meet_and_where_torch_listens() -> None:
    assert rendered(Job(replicas=2))["endpoints"] == [
        {"name": "rendezvous", "port": 29500, "protocol": "TCP"},
        {"name": "ephemeral", "portRange": "32768-60999", "protocol": "TCP"},
    ]


def test_a_single_container_has_no_endpoints_and_no_shared_memory() -> None:
    assert "endpoints" not in rendered(Job())
    assert shm(Job()) is None


@pytest.mark.parametrize(
    ("job", "size"),
    [
        (Job(replicas=2, resources=limits("10Gi")), "3Gi"),
        (Job(replicas=2, resources=limits("4G")), "2Gi"),
        (Job(replicas=2), "4Gi"),  # of the 13 GiB that the project's pool has
        (Job(replicas=2, shm="1Gi", resources=limits("10Gi")), "1Gi"),
        (Job(resources=limits("100Gi", gpu=4), compute_pool=ComputePool(instance_family="GPU_NV_M")), "30Gi"),
        (Job(resources=limits("20Gi", gpu=1), compute_pool=ComputePool(instance_family="GPU_NV_S")), None),
    ],
)
def test_processes_that_share_data_get_a_third_of_the_memory_for_it(job: Job, size: str | None) -> None:
    assert shm(job) == size


def test_memory_that_is_no_amount_is_told_with_its_place() -> None:
    with pytest.raises(SettingsProblem, match="not valid") as caught:
        rendered(Job(replicas=2, resources=limits("plenty")))
    assert "limits.memory" in caught.value.why


def test_the_program_is_told_its_output_folder_as_a_path_and_as_a_stage_location() -> None:
    (container,) = rendered(Job(env={"SEED": "1"}))["containers"]
    told = {"MOUNT_PATH": "/opt/training-output", "MOUNT_STAGE": "@DB.S.RUNS/runs/mine/output"}
    assert container["env"] == {**told, "SEED": "1"}


def test_a_run_that_goes_on_sees_the_earlier_outputs_beside_its_own() -> None:
    spec = rendered(Job(), EARLIER)
    (container,) = spec["containers"]
    assert container["env"]["RESUME_PATH"] == "/opt/earlier-output"
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    stages = {volume["name"]: volume["stageConfig"]["name"] for volume in spec["volumes"]}
    assert mounts == {"output": "/opt/training-output", "earlier": "/opt/earlier-output"}
    assert stages == {"output": OUTPUT, "earlier": EARLIER}


@pytest.mark.parametrize("name", ["train", "train_gpu", "train_multinode", "tutorial"])
def test_the_jobs_of_the_project_render(name: str) -> None:
    file = REPO / "invoke.yaml"
    job = load(yaml.safe_load(file.read_text()), {}, file).jobs[name]
    spec = rendered(job)
    assert bool(spec.get("endpoints")) == (name == "train_multinode")
    if name == "tutorial":
        assert shm(job) == "10Gi"
        assert spec["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == 4
