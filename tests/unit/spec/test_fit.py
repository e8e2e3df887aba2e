"""Specifications against instance families: defaults filled in, and what no node could hold."""

from __future__ import annotations

import pytest

from spcs.spec import FAMILIES, Resources, Share, SpecError, check_fit, effective, family, parse, shares

GIB = 1024**3
MIB = 1024**2


def spec(*resources: str, volumes: str = "") -> str:
    containers = "".join(f"  - {{name: c{i}, image: i, resources: {{{r}}}}}\n" for i, r in enumerate(resources))
    return f"spec:\n  containers:\n{containers}{volumes}"


@pytest.mark.parametrize(
    ("given", "requests", "limits"),
    [
        ("", Resources(GIB // 2, 0.5), Resources(6 * GIB, 1.0)),
        ("limits: {memory: 256Mi, cpu: 0.25}", Resources(256 * MIB, 0.25), Resources(256 * MIB, 0.25)),
        ("limits: {memory: 2Gi}", Resources(GIB // 2, 0.5), Resources(2 * GIB, 1.0)),
        ("limits: {memory: 600Gi, cpu: 99}", Resources(GIB // 2, 0.5), Resources(6 * GIB, 1.0)),
        ("requests: {memory: 1Gi, cpu: 0}", Resources(GIB, 0.0), Resources(6 * GIB, 1.0)),
    ],
)
def test_what_is_left_open_is_filled_in(given: str, requests: Resources, limits: Resources) -> None:
    container = parse(spec(given)).containers[0]
    assert effective(container, FAMILIES["CPU_X64_XS"]) == (requests, limits)


STAGE = "  volumes:\n  - {name: s, source: stage, stageConfig: {name: '@s'%s}}\n"
BIG_SIDECAR = STAGE % ", resources: {requests: {cpu: 600m, memory: 2Gi}}"


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        (
            spec("requests: {cpu: 1.5}"),
            "CPU_X64_XS",
            (
                "invalid value 1.5 for 'total containers.requests.cpu'. "
                "Requirement exceeds compute pool instance capacity 1."
            ),
        ),
        (
            spec("requests: {cpu: 0.6}", ""),
            "CPU_X64_XS",
            (
                "invalid value 1.1 for 'total containers.requests.cpu'. "
                "Requirement exceeds compute pool instance capacity 1."
            ),
        ),
        (
            spec("requests: {memory: 179Gi}"),
            "GPU_NV_M",
            (
                "invalid value 179Gi for 'total containers.requests.memory'. "
                "Requirement exceeds compute pool instance capacity 178Gi."
            ),
        ),
        (
            spec("requests: {memory: 5.75Gi}", volumes=STAGE % ""),
            "CPU_X64_XS",
            (
                "invalid value 6.25Gi for 'total containers.requests.memory'. "
                "Requirement exceeds compute pool instance capacity 6Gi."
            ),
        ),
        (
            spec("", volumes=BIG_SIDECAR),
            "CPU_X64_XS",
            (
                "invalid value 1.1 for 'total containers.requests.cpu'. "
                "Requirement exceeds compute pool instance capacity 1."
            ),
        ),
        (
            spec("requests: {nvidia.com/gpu: 4}, limits: {nvidia.com/gpu: 4}"),
            "GPU_NV_S",
            (
                "invalid value 4 for 'total containers.requests.nvidia.com/gpu'. "
                "Requirement exceeds compute pool instance capacity 1."
            ),
        ),
        (
            spec("requests: {nvidia.com/gpu: 1}, limits: {nvidia.com/gpu: 1}"),
            "CPU_X64_M",
            (
                "invalid value 1 for 'total containers.requests.nvidia.com/gpu'. "
                "Requirement exceeds compute pool instance capacity 0."
            ),
        ),
    ],
)
def test_what_no_node_could_hold_is_refused(text: str, name: str, message: str) -> None:
    service = parse(text)
    with pytest.raises(SpecError) as caught:
        check_fit(service, FAMILIES[name])
    assert caught.value.message == message
    assert caught.value.path == message.split("'")[1]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (spec(*["requests: {cpu: 0.1}"] * 10), "CPU_X64_XS"),
        (spec("requests: {cpu: 1, memory: 5.5Gi}", volumes=STAGE % ""), "CPU_X64_XS"),
        (spec("requests: {memory: 6Gi}", volumes="  volumes: [{name: s, source: '@s'}]\n"), "CPU_X64_XS"),
        (spec("limits: {memory: 900Gi, cpu: 64}"), "CPU_X64_XS"),
        (spec(*["requests: {nvidia.com/gpu: 2}, limits: {nvidia.com/gpu: 2}"] * 2), "GPU_NV_M"),
    ],
)
def test_what_just_fits_is_accepted(text: str, name: str) -> None:
    check_fit(parse(text), FAMILIES[name])


@pytest.mark.parametrize(
    ("block", "name", "problem"),
    [
        ("size: 20000Gi", "CPU_X64_XS", None),
        (
            "size: 20000Gi",
            "GPU_NV_SL",
            "invalid value 20000Gi for 'spec.volumes[0].size'. It must be from 1Gi to 16384Gi.",
        ),
        (
            "size: 3Gi",
            "GPU_A100_G1_12",
            "invalid value 3Gi for 'spec.volumes[0].size'. It must be from 4Gi to 16384Gi.",
        ),
        ("size: 100Gi, blockConfig: {throughput: 600, iops: 9600}", "GPU_A100_G1_12", None),
        (
            "size: 100Gi, blockConfig: {throughput: 600, iops: 9000}",
            "GPU_A100_G1_12",
            "invalid value 9000 for 'spec.volumes[0].blockConfig.iops'. On GPU nodes it must be 16 x throughput, 9600.",
        ),
        ("size: 100Gi, blockConfig: {throughput: 1300, iops: 6000}", "GPU_NV_S", None),
        (
            "size: 100Gi, blockConfig: {throughput: 1300, iops: 6000}",
            "GPU_NV_SL",
            "invalid value 1300 for 'spec.volumes[0].blockConfig.throughput'. It must be from 125 to 1200.",
        ),
        (
            "size: 10000Gi, blockConfig: {throughput: 700}",
            "GPU_A100_G1_12",
            (
                "invalid value 700 for 'spec.volumes[0].blockConfig.throughput'. "
                "At 10000Gi it must be from 1200 to 16000000."
            ),
        ),
    ],
)
def test_block_volumes_obey_the_bounds_of_the_familys_cloud(block: str, name: str, problem: str | None) -> None:
    service = parse(spec("", volumes=f"  volumes: [{{name: b, source: block, {block}}}]\n"))
    if problem is None:
        check_fit(service, FAMILIES[name])
        return
    with pytest.raises(SpecError) as caught:
        check_fit(service, FAMILIES[name])
    assert caught.value.message == f"Invalid spec: {problem}"


def test_families_are_known_by_name_in_any_case() -> None:
    node = family("gpu_nv_m")
    assert node is FAMILIES["GPU_NV_M"]
    assert (node.vcpu, node.memory_gib, node.storage_gb) == (44, 178, 3800)
    assert (node.gpu_count, node.gpu_name, node.gpu_memory_gib) == (4, "NVIDIA A10G", 96)
    assert family("GPU_NV_XXL") is None


def test_only_arm_families_need_arm_images() -> None:
    arm = {name for name, node in FAMILIES.items() if node.architecture == "arm64"}
    assert arm == {f"GEN_ARM_G1_{size}" for size in (2, 4, 8, 16, 32)}
    assert {node.architecture for node in FAMILIES.values()} == {"amd64", "arm64"}


def test_a_family_has_gpus_exactly_if_its_name_says_so() -> None:
    assert len(FAMILIES) == 47
    for name, node in FAMILIES.items():
        assert (node.gpu_count > 0) == (node.gpu_memory_gib > 0) == bool(node.gpu_name) == name.startswith("GPU_")


def test_shares_name_what_each_part_asks() -> None:
    service = parse(spec("requests: {cpu: 2, memory: 3Gi}", "", volumes=STAGE % ""))
    assert shares(service, FAMILIES["CPU_X64_S"]) == (
        Share("c0", 2000, 3 * GIB),
        Share("c1", 500, GIB // 2),
        Share("stage-mount-v2-sidecar-s", 0, GIB // 2),
    )
