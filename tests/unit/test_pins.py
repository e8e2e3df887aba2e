from __future__ import annotations

import pytest

from spcs import pins
from spcs.errors import SettingsProblem

HEAVY = [
    "torch",
    "Torch[opt]",
    "torchvision==0.28.0",
    "nvidia-cublas-cu12",
    "NVIDIA_nccl.cu12",
    "triton",
    "cuda-bindings",
]
LIGHT = ["numpy", "torchdata==0.11.0", "nvidia", "pytorch-lightning"]


@pytest.mark.parametrize(("pin", "heavy"), [*((each, True) for each in HEAVY), *((each, False) for each in LIGHT)])
def test_torch_and_its_companions_are_heavy(pin: str, heavy: bool) -> None:
    assert pins.is_heavy(pin) is heavy


def test_order_in_the_settings_does_not_matter() -> None:
    assert pins.lines({"b": "1", "A[y, x]": "2"}) == ("A[y,x]==2", "b==1")


@pytest.mark.parametrize("version", [">=2", "2.*", "", "1.0\n--index-url=x", "latest", "1.0 ; python_version<'4'"])
def test_pin_that_is_not_one_exact_version_is_an_error(version: str) -> None:
    with pytest.raises(SettingsProblem, match=r"pins\.six"):
        pins.lines({"six": version})


def test_name_that_is_no_package_is_an_error() -> None:
    with pytest.raises(SettingsProblem, match="not the name of a package"):
        pins.lines({"--index-url x": "1"})
