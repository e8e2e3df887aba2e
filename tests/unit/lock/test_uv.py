"""Pins resolved by the real uv, from package indexes served here."""

from __future__ import annotations

from pathlib import Path

import pytest

from spcs.errors import NotReady, SettingsProblem
from spcs.lock import Inputs, Lock, Wanted, text, uv
from tests.indexes import Index


def wanted(*pins: str, python: str = "3.11") -> Wanted:
    return Wanted("locks/cpu.txt", Inputs("cpu", python, "linux/amd64", pins), "python:3.11")


def versions(lock: Lock) -> dict[str, str]:
    return {each.name: each.version for each in lock.requirements}


def test_every_package_is_there_with_its_version_its_hashes_and_who_needs_it(tmp_path: Path, usual: Index) -> None:
    first = usual.add("six", "1.17.0")
    dateutil = usual.add("python-dateutil", "2.9.0", "six>=1.5", "tzdata; sys_platform == 'win32'")
    lock = uv.resolve(tmp_path, wanted("python_dateutil==2.9.0"), "", None)
    assert [(each.name, each.version, each.hashes, each.via) for each in lock.requirements] == [
        ("python-dateutil", "2.9.0", (f"sha256:{dateutil}",), ()),
        ("six", "1.17.0", (f"sha256:{first}",), ("python-dateutil",)),
    ]
    assert usual.url not in text(lock)
    assert str(tmp_path) not in text(lock)


def test_torch_comes_from_pytorchs_index_and_nothing_else_does(tmp_path: Path, usual: Index, pytorch: Index) -> None:
    usual.add("torch", "2.13.0", "nvidia-cublas", "numpy")
    cpu = pytorch.add("torch", "2.13.0+cpu", "numpy")
    numpy = usual.add("numpy", "2.4.6")
    pytorch.add("numpy", "9.9.9")
    lock = uv.resolve(tmp_path, wanted("torch==2.13.0"), pytorch.url, None)
    assert {each.pin: each.hashes for each in lock.requirements} == {
        "torch==2.13.0+cpu": (f"sha256:{cpu}",),
        "numpy==2.4.6": (f"sha256:{numpy}",),
    }


def test_torch_comes_from_there_also_where_another_package_brings_it(
    tmp_path: Path, usual: Index, pytorch: Index
) -> None:
    usual.add("accelerate", "1.15.0", "torch")
    usual.add("torch", "2.13.0")
    pytorch.add("torch", "2.13.0+cpu")
    lock = uv.resolve(tmp_path, wanted("accelerate==1.15.0"), pytorch.url, None)
    assert versions(lock) == {"accelerate": "1.15.0", "torch": "2.13.0+cpu"}
    again = uv.resolve(tmp_path, wanted("accelerate==1.15.0"), pytorch.url, lock)
    assert again == lock


def test_pytorchs_index_is_not_asked_where_nothing_needs_torch(tmp_path: Path, usual: Index, pytorch: Index) -> None:
    usual.add("six", "1.17.0")
    uv.resolve(tmp_path, wanted("six==1.17.0"), pytorch.url, None)
    assert pytorch.seen == []


def test_what_is_locked_stays_until_it_is_told_to_move(tmp_path: Path, usual: Index) -> None:
    usual.add("app", "1.0", "six", "tzdata")
    usual.add("six", "1.16.0")
    usual.add("tzdata", "2026.1")
    first = uv.resolve(tmp_path, wanted("app==1.0"), "", None)
    usual.add("app", "1.1", "six", "tzdata")
    usual.add("six", "1.17.0")
    usual.add("tzdata", "2026.2")
    fresh = Path(tmp_path / "cache")
    fresh.rename(tmp_path / "old cache")  # which knows the index as it was
    newer = uv.resolve(tmp_path, wanted("app==1.1"), "", first)
    assert versions(newer) == {"app": "1.1", "six": "1.16.0", "tzdata": "2026.1"}
    one = uv.resolve(tmp_path, wanted("app==1.1"), "", newer, "six")
    assert versions(one) == {"app": "1.1", "six": "1.17.0", "tzdata": "2026.1"}
    every = uv.resolve(tmp_path, wanted("app==1.1"), "", newer, uv.EVERYTHING)
    assert versions(every) == {"app": "1.1", "six": "1.17.0", "tzdata": "2026.2"}


def test_the_images_python_decides_and_not_this_machines(tmp_path: Path, usual: Index) -> None:
    usual.add("app", "1.0", "old; python_version < '3.9'", "new; python_version >= '3.9'")
    usual.add("old", "1.0")
    usual.add("new", "1.0")
    assert set(versions(uv.resolve(tmp_path, wanted("app==1.0", python="3.8"), "", None))) == {"app", "old"}
    assert set(versions(uv.resolve(tmp_path, wanted("app==1.0", python="3.12"), "", None))) == {"app", "new"}


def test_pins_that_contradict_each_other_are_wrong_settings(tmp_path: Path, usual: Index) -> None:
    usual.add("six", "1.17.0")
    usual.add("app", "1.0", "six<1")
    with pytest.raises(SettingsProblem, match="cannot be had together") as caught:
        uv.resolve(tmp_path, wanted("app==1.0", "six==1.17.0"), "", None)
    assert "app depend on six<1" in " ".join(caught.value.why.split())


def test_an_index_that_does_not_answer_is_told(tmp_path: Path, usual: Index) -> None:
    usual.add("torch", "2.13.0")
    with pytest.raises(NotReady, match="could not be resolved") as caught:
        uv.resolve(tmp_path, wanted("torch==2.13.0"), "http://127.0.0.1:1/whl", None)
    assert "http://127.0.0.1:1/whl/torch/" in caught.value.why
    assert not (tmp_path / "locks").exists()
