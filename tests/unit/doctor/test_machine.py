"""Checks of the machine: Python and its packages, engine and builder, disk, processor."""

from __future__ import annotations

import platform as stdlib_platform
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from spcs import venv
from spcs.config import Settings
from spcs.config.model import Image
from spcs.doctor import Ground, NotChecked, builder, disk, engine, packages, platform, python
from spcs.image import detect
from tests.support import REPO
from tests.unit.doctor.conftest import with_docker

Make = Callable[..., Ground]
REAL = Settings(connection="mine")


def test_python() -> None:
    assert python.NEEDS == venv.NEEDS
    assert python.judge((3, 10, 1), (3, 11), in_venv=True).status == "fail"
    assert python.judge((3, 11, 0), (3, 11), in_venv=True).status == "ok"
    assert python.judge((3, 12, 0), (3, 11), in_venv=False).status == "warn"


def test_packages_of_this_environment(ground: Make) -> None:
    found = packages.look(ground(root=REPO))
    assert (found.status, found.fix) == ("ok", "")


@pytest.mark.parametrize(
    ("pins", "status", "said"),
    [
        ("# none\ninvoke==1.0  # old", "warn", "invoke is "),
        ("no-such-package-of-ours==1.0", "fail", "no-such-package-of-ours"),
        ("pytest-timeout[x]>=2", "ok", "all 0 packages"),
    ],
)
def test_packages_that_differ(ground: Make, tmp_path: Path, pins: str, status: str, said: str) -> None:
    (tmp_path / "requirements.txt").write_text(pins)
    found = packages.look(ground())
    assert (found.status, found.fix) == (status, "python3 -m spcs.venv" if status != "ok" else "")
    assert said in found.message


def test_packages_without_pins(ground: Make) -> None:
    with pytest.raises(NotChecked, match="there is no requirements"):
        packages.look(ground())


def test_no_engine_is_a_warning_here_and_a_failure_on_a_real_account(ground: Make) -> None:
    here, there = engine.look(ground()), engine.look(ground(settings=REAL))
    assert (here.status, there.status) == ("warn", "fail")
    assert "no container engine found" in here.message
    assert "install Docker" in there.fix


def test_no_engine_because_the_settings_say_so(ground: Make) -> None:
    assert engine.look(ground(settings=Settings(image=Image(engine="none")))).status == "ok"


def test_an_engine(ground: Make, tmp_path: Path) -> None:
    assert engine.look(ground(engine=with_docker(tmp_path))).message == "docker 20.10.24 (its engine answers)"


@pytest.mark.parametrize(("kind", "status"), [("legacy", "warn"), ("buildx", "ok")])
def test_builder(ground: Make, tmp_path: Path, kind: str, status: str) -> None:
    docker = with_docker(tmp_path)
    docker.__dict__["builder"] = kind  # a cached property, which would ask the client
    found = builder.look(ground(engine=docker))
    assert found.status == status
    assert ("buildx plugin" in found.fix) == (status == "warn")


def test_builder_without_an_engine(ground: Make) -> None:
    assert builder.look(ground()).status == "ok"


def test_wheels_need_neither_engine_nor_builder_nor_processor(ground: Make, tmp_path: Path) -> None:
    plan = ground().plan()
    wheels = detect("wheels", tmp_path, local_account=False)
    for architecture in ("amd64", "arm64"):
        made = ground(settings=REAL, engine=wheels, plan=lambda a=architecture: replace(plan, platform=f"linux/{a}"))
        assert [check.look(made).status for check in (engine, builder, platform)] == ["ok"] * 3
        assert f"linux/{architecture}" in platform.look(made).message


def test_disk(ground: Make) -> None:
    assert disk.look(ground()).status in ("ok", "warn", "fail")
    assert disk.judge({"this project": 50.0}, 6, prune="p").status == "ok"
    short = disk.judge({"this project": 50.0, "images of docker": 3.0}, 6, prune="docker image prune")
    assert (short.status, short.fix) == ("warn", "docker image prune")
    assert "no space left on device" in disk.judge({"this project": 0.2}, 6, prune="p").message
    assert [disk.wanted("container", name) for name in ("CPU_X64_S", "GPU_NV_S")] == [disk.CPU, disk.GPU]
    assert disk.wanted("process", "GPU_NV_S") == disk.CODE_ONLY


@pytest.mark.parametrize(
    ("wanted", "here", "emulates", "status"),
    [
        ("amd64", "amd64", False, "ok"),
        ("amd64", "arm64", True, "warn"),
        ("amd64", "arm64", False, "fail"),
        ("arm64", "amd64", False, "fail"),
    ],
)
def test_platform(wanted: str, here: str, emulates: bool, status: str) -> None:
    found = platform.judge(wanted, here, "POOLS_FAMILY", "docker", can_emulate=emulates)
    assert found.status == status
    assert ("exec format error" in found.message) == (status == "fail")
    assert (f"--install {wanted}" in found.fix) == (status == "fail")


def test_platform_of_a_plan(ground: Make, tmp_path: Path) -> None:
    plan = ground().plan()
    here = platform.ARCHITECTURES[stdlib_platform.machine().lower()]
    made = ground(engine=with_docker(tmp_path), plan=lambda: replace(plan, platform=f"linux/{here}"))
    assert platform.look(made).status == "ok"
    assert platform.look(ground()).status == "ok"
