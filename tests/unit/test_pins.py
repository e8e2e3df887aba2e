from __future__ import annotations

import pytest

from spcs.errors import SettingsProblem
from spcs.pins import split


def test_torch_and_its_companions_are_heavy() -> None:
    pins = {
        "torch": "2.13.0", "nvidia-cublas-cu12": "12.8.4.1", "triton": "3.7.0", "cuda-bindings": "13.1.0",
        "torchvision": "0.28.0", "torchaudio": "2.13.0", "numpy": "2.4.6", "torchdata": "0.11.0",
    }  # fmt: skip

    halves = split(pins)

    assert halves.heavy == (
        "cuda-bindings==13.1.0", "nvidia-cublas-cu12==12.8.4.1", "torch==2.13.0", "torchaudio==2.13.0",
        "torchvision==0.28.0", "triton==3.7.0",
    )  # fmt: skip
    assert halves.light == ("numpy==2.4.6", "torchdata==0.11.0")


def test_names_count_as_an_index_compares_them() -> None:
    assert split({"NVIDIA_nccl.cu12": "1.0", "Torch[opt]": "2.0"}).heavy == ("NVIDIA_nccl.cu12==1.0", "Torch[opt]==2.0")


def test_order_in_the_settings_does_not_matter() -> None:
    assert split({"b": "1", "a": "2"}) == split({"a": "2", "b": "1"})


@pytest.mark.parametrize("version", [">=2", "2.*", "", "1.0\n--index-url=x", "latest", "1.0 ; python_version<'4'"])
def test_pin_that_is_not_one_exact_version_is_an_error(version: str) -> None:
    with pytest.raises(SettingsProblem, match=r"pins\.six"):
        split({"six": version})


def test_name_that_is_no_package_is_an_error() -> None:
    with pytest.raises(SettingsProblem, match="not the name of a package"):
        split({"--index-url x": "1"})
