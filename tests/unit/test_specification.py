"""What a job's settings become in its specification: replicas, shared memory, and the run that it goes on from."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from spcs.config import ComputePool, Job, JobSecret, Settings, Volume, load
from spcs.config.model import Amounts, Resources
from spcs.errors import SettingsProblem
from spcs.specification import specification
from tests.support import REPO

OUTPUT = "@DB.S.RUNS/runs/mine/output/"
EARLIER = "@DB.S.RUNS/runs/earlier/output/"


def rendered(job: Job, earlier: str = "", root: Path = REPO) -> Mapping[str, Any]:
    text = specification(root, Settings(), "mine", job, image="/d/s/r/i:1", output=OUTPUT, earlier=earlier)
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


@pytest.mark.parametrize(
    ("job", "fix"),
    [
        (Job(resources=limits("plenty")), "correct jobs.mine.resources.limits.memory in invoke.yaml"),
        (Job(resources=limits(gpu=-1)), "correct jobs.mine.resources.limits.gpu in invoke.yaml"),
        (
            Job(resources=Resources(requests=Amounts(cpu="2"), limits=Amounts(cpu="1"))),
            "correct jobs.mine.resources.requests.cpu in invoke.yaml",
        ),
        (Job(shm="10 Gi"), "correct jobs.mine.shm in invoke.yaml"),
        (Job(volumes=(Volume("A b", "/x"),)), "correct jobs.mine.volumes.0.name in invoke.yaml"),
        (
            Job(shm="1Gi", volumes=(Volume("a", "/x"), Volume("b", "/x/../y"))),
            "correct jobs.mine.volumes.1.mount in invoke.yaml",
        ),
        (Job(volumes=(Volume("a", "/x", "memory"),)), "correct jobs.mine.volumes.0 in invoke.yaml"),
        (
            Job(volumes=(Volume("a", "/x", "stage", stage="nothing"),)),
            "correct jobs.mine.volumes.0.stage in invoke.yaml",
        ),
        (Job(volumes=(Volume("output", "/x"),)), "correct jobs.mine.volumes.0.name in invoke.yaml"),
    ],
)
def test_a_specification_that_is_not_valid_names_the_setting_to_correct(job: Job, fix: str) -> None:
    with pytest.raises(SettingsProblem) as caught:
        rendered(job)
    assert caught.value.fix == fix


def test_what_a_template_of_ones_own_does_wrong_is_to_be_corrected_there(tmp_path: Path) -> None:
    blocks = {
        "endpoints": "  endpoints: [{name: web, port: 0}]",
        "resources": "    resources: {limits: {memory: much}}",
    }
    for name, block in blocks.items():
        made = own_template(tmp_path / name, {name: block})
        with pytest.raises(SettingsProblem) as caught:
            rendered(Job(template="own.j2"), root=made)
        path = "endpoints[0].port" if name == "endpoints" else "containers[0].resources.limits.memory"
        assert caught.value.fix == f"correct spec.{path} in own.j2, or the setting of jobs.mine that it is made of"


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


BLOCKS = {
    "container": "    secrets: [{snowflakeSecret: DB.S.TOKEN, envVarName: TOKEN, secretKeyRef: secret_string}]",
    "volume_mounts": "    - {name: scratch, mountPath: /scratch}",
    "sidecars": "  - {name: side, image: {{ image | tojson }}, args: [--serve]}",
    "volumes": "  - {name: scratch, source: local}",
    "endpoints": "  endpoints:\n  - {name: web, port: 8000, public: true}",
    "root": "serviceRoles:\n- {name: viewer, endpoints: [web]}",
}


@pytest.mark.parametrize("names", [["container"], ["sidecars"], ["endpoints"], list(BLOCKS)], ids="+".join)
def test_a_template_of_ones_own_adds_containers_endpoints_secrets_and_volumes(tmp_path: Path, names: list[str]) -> None:
    made = own_template(tmp_path, {name: BLOCKS[name] for name in names})
    spec = rendered(Job(template="own.j2"), root=made)
    assert [container["name"] for container in spec["containers"]] == ["main", "side"][: 1 + ("sidecars" in names)]
    assert [secret["envVarName"] for secret in spec["containers"][0].get("secrets", [])] == ["TOKEN"] * (
        "container" in names
    )
    assert [endpoint["port"] for endpoint in spec.get("endpoints", [])] == [8000] * ("endpoints" in names)


def test_endpoints_of_ones_own_stand_beside_those_of_replicas(tmp_path: Path) -> None:
    made = own_template(tmp_path, {"endpoints": "{{ super() }}\n  - {name: web, port: 8000}"})
    names = [endpoint["name"] for endpoint in rendered(Job(template="own.j2", replicas=2), root=made)["endpoints"]]
    assert names == ["rendezvous", "ephemeral", "web"]


def own_template(root: Path, blocks: Mapping[str, str]) -> Path:
    """A project's folder with `own.j2`, which extends the project's template and fills these blocks."""
    (root / "templates").mkdir(parents=True)
    shutil.copy(REPO / "templates" / "spec.yaml.j2", root / "templates")
    filled = [f"{{% block {name} %}}\n{text}\n{{% endblock %}}\n" for name, text in blocks.items()]
    (root / "own.j2").write_text('{% extends "templates/spec.yaml.j2" %}\n' + "".join(filled))
    return root


@pytest.mark.parametrize("name", ["train", "train_gpu", "train_multinode", "tutorial"])
def test_the_jobs_of_the_project_render(name: str) -> None:
    file = REPO / "invoke.yaml"
    job = load(yaml.safe_load(file.read_text()), {}, file).jobs[name]
    spec = rendered(job)
    assert bool(spec.get("endpoints")) == (name == "train_multinode")
    if name == "tutorial":
        assert shm(job) == "10Gi"
        assert spec["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == 4


def test_secrets_are_named_in_full_and_the_level_of_the_log_is_said() -> None:
    spec = rendered(
        Job(secrets=(JobSecret("HUB", env="HF_TOKEN"), JobSecret("X.LOGIN", mount="/login")), log_level="ERROR")
    )
    assert spec["containers"][0]["secrets"] == [
        {"snowflakeSecret": "TRAINING_DB.TRAINING.HUB", "envVarName": "HF_TOKEN", "secretKeyRef": "secret_string"},
        {"snowflakeSecret": "TRAINING_DB.X.LOGIN", "directoryPath": "/login"},
    ]
    assert spec["logExporters"] == {"eventTableConfig": {"logLevel": "ERROR"}}
    assert not {"logExporters", "secrets"} & {*rendered(Job()), *rendered(Job())["containers"][0]}
