"""Which wheels run in an image, by its glibc, Python and processor."""

from __future__ import annotations

import pytest
from packaging.utils import parse_wheel_filename

from spcs.image.wheels.target import Target

BOOKWORM = Target("amd64", "3.11.9", (2, 36))


def runs(name: str, target: Target = BOOKWORM) -> bool:
    return any(tag in target.tags for tag in parse_wheel_filename(name)[3])


@pytest.mark.parametrize(
    "name",
    [
        "torch-2.13.0+cpu-cp311-cp311-manylinux_2_28_x86_64.whl",
        "numpy-2.4.6-cp311-cp311-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl",
        "cryptography-50.0.2-cp311-abi3-manylinux_2_34_x86_64.whl",
        "protobuf-6.33.6-cp39-abi3-manylinux2014_x86_64.whl",
        "uv-0.13.9-py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
        "own-1.0-cp311-cp311-linux_x86_64.whl",
        "pytz-2026.6-py2.py3-none-any.whl",
    ],
)
def test_wheel_that_runs_there_is_taken(name: str) -> None:
    assert runs(name)


@pytest.mark.parametrize(
    "name",
    [
        "x-1.0-cp311-cp311-manylinux_2_39_x86_64.whl",  # a newer glibc
        "x-1.0-cp312-cp312-manylinux_2_28_x86_64.whl",  # another Python
        "x-1.0-cp312-abi3-manylinux_2_28_x86_64.whl",
        "x-1.0-cp311-cp311-manylinux_2_28_aarch64.whl",
        "x-1.0-cp311-cp311-musllinux_1_2_x86_64.whl",
        "x-1.0-cp311-cp311-macosx_11_0_arm64.whl",
        "x-1.0-cp311-cp311-win_amd64.whl",
    ],
)
def test_wheel_for_another_machine_is_not(name: str) -> None:
    assert not runs(name)


def test_arm_has_wheels_of_its_own() -> None:
    arm = Target("arm64", "3.11", (2, 36))
    assert runs("x-1.0-cp311-cp311-manylinux_2_28_aarch64.whl", arm)
    assert runs("x-1.0-cp311-cp311-manylinux2014_aarch64.whl", arm)
    assert not runs("x-1.0-cp311-cp311-manylinux_2_28_x86_64.whl", arm)
    assert str(arm) == "Python 3.11 on linux/arm64 (glibc 2.36)"


def test_wheel_made_for_that_very_python_is_the_best() -> None:
    names = ["x-1.0-py3-none-any.whl", "x-1.0-cp39-abi3-manylinux2014_x86_64.whl", "x-1.0-cp311-cp311-linux_x86_64.whl"]
    ranks = [min(BOOKWORM.tags[tag] for tag in parse_wheel_filename(name)[3]) for name in names]
    assert ranks == sorted(ranks, reverse=True)
