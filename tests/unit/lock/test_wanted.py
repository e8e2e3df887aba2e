"""Which lock a job takes, and which jobs share one."""

from __future__ import annotations

import pytest

from spcs.config import ComputePool, Job, Settings
from spcs.config.model import Image, Version
from spcs.errors import SettingsProblem
from spcs.lock import wanted, wanted_by

TORCH, OTHER = {"torch": Version("2.13.0")}, {"torch": Version("2.0.0")}
GPU, ARM = ComputePool(instance_family="GPU_NV_S"), ComputePool(instance_family="GEN_ARM_G1_2")


def settings(**jobs: Job) -> Settings:
    return Settings(pins=TORCH, jobs=jobs)


def files(project: Settings) -> dict[str, str]:
    found = {name: wanted_by(project, job) for name, job in project.jobs.items()}
    return {name: lock.file if lock else "" for name, lock in found.items()}


def test_the_kind_of_machine_decides() -> None:
    project = settings(a=Job(), b=Job(compute_pool=GPU), c=Job(compute_pool=ARM), d=Job(code=("x.py",)))
    assert files(project) == {
        "a": "locks/cpu.txt", "b": "locks/cuda.txt", "c": "locks/cpu-arm64.txt", "d": "locks/cpu.txt",
    }  # fmt: skip
    assert [(lock.inputs.kind, lock.inputs.platform) for lock in wanted(project)] == [
        ("cpu", "linux/amd64"), ("cuda", "linux/amd64"), ("cpu", "linux/arm64"),
    ]  # fmt: skip


def test_jobs_with_the_same_pins_and_base_share_a_lock_called_after_the_first() -> None:
    project = settings(
        a=Job(),
        b=Job(pins=OTHER),
        c=Job(pins=dict(OTHER), compute_pool=GPU),
        d=Job(pins=OTHER, base="python:3.12"),
        e=Job(base="python:3.12"),
        f=Job(pins=OTHER, code=("x.py",)),
        g=Job(pins=dict(TORCH)),
        h=Job(pins={}),
    )
    assert files(project) == {
        "a": "locks/cpu.txt", "b": "locks/b-cpu.txt", "c": "locks/b-cuda.txt", "d": "locks/d-cpu.txt",
        "e": "locks/e-cpu.txt", "f": "locks/b-cpu.txt", "g": "locks/cpu.txt", "h": "",
    }  # fmt: skip
    assert [lock.file for lock in wanted(project)] == list(dict.fromkeys(filter(None, files(project).values())))


@pytest.mark.parametrize(
    ("base", "python"),
    [
        ("python:3.11-slim-bookworm@sha256:" + "0" * 64, "3.11"),
        ("python:3.12", "3.12"),
        ("docker.io/library/python:3.10.14", "3.10"),
        ("mirror.example:5000/python:3.9-slim", "3.9"),
    ],
)
def test_an_official_image_says_its_python(base: str, python: str) -> None:
    (lock,) = wanted(Settings(pins=TORCH, image=Image(base=base)))
    assert lock.inputs.python == python


@pytest.mark.parametrize(
    "base", ["debian:12", "nvidia/cuda:12.4", "cpython:3.11", "python:latest", "python", "x/pypy:3.10"]
)
def test_any_other_is_asked_for_it(base: str) -> None:
    with pytest.raises(SettingsProblem, match="which Python the base image"):
        wanted(Settings(pins=TORCH, image=Image(base=base)))
    (lock,) = wanted(Settings(pins=TORCH, image=Image(base=base, python=Version("3.13"))))
    assert lock.inputs.python == "3.13"


def test_a_jobs_own_base_has_a_python_of_its_own() -> None:
    image = Image(base="debian:12", python=Version("3.11"))
    jobs = {"a": Job(), "b": Job(base="python:3.8"), "c": Job(base="debian:13", python=Version("3.13"))}
    assert [lock.inputs.python for lock in wanted(Settings(pins=TORCH, image=image, jobs=jobs))] == [
        "3.11",
        "3.8",
        "3.13",
    ]
    # What one job lacks does not stop another.
    other = Settings(pins=TORCH, image=image, jobs={"a": Job(), "d": Job(base="debian:13")})
    found = wanted_by(other, other.jobs["a"])
    assert found
    assert found.file == "locks/cpu.txt"
    with pytest.raises(SettingsProblem):
        wanted_by(other, other.jobs["d"])
