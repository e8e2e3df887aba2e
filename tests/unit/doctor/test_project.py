"""Checks of the project, and what the list of checks promises."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from spcs.config import Settings
from spcs.config.model import Version
from spcs.doctor import CHECKS, Ground, lock, name, settings, templates
from spcs.errors import NotReady, SettingsProblem
from spcs.lock import text
from spcs.run import names
from tests.images import lock_of

Make = Callable[..., Ground]


def test_settings(ground: Make) -> None:
    assert settings.look(ground()).message == "invoke.yaml: job 'train' of 1, connection 'local'"


def test_name(ground: Make) -> None:
    found = name.look(ground(run_name=lambda: "train_20260827_120005_bcdf"))
    assert (found.status, "26 of 63 characters" in found.message) == ("ok", True)
    assert name.LONGEST == names.LONGEST


def test_templates(ground: Make) -> None:
    def broken() -> str:
        raise SettingsProblem("templates/setup.sql.j2:3: 'x' is undefined")

    assert templates.look(ground()).status == "ok"
    with pytest.raises(SettingsProblem):
        templates.look(ground(setup_sql=broken))


def test_lock(ground: Make) -> None:
    pins, six = {"six": Version("1.17.0")}, lock_of({"six": "1.17.0"})
    real = ground(settings=Settings(connection="mine", pins=pins))
    with pytest.raises(NotReady) as caught:
        lock.look(real)
    assert (caught.value.what, caught.value.fix) == ("there is no locks/cpu.txt, the lock of the pins", "inv lock")
    (real.root / "locks").mkdir()
    (real.root / "locks" / "cpu.txt").write_text(text(six))
    assert "locks/cpu.txt fits the pins: 1 packages" in lock.look(real).message
    assert "has no pins" in lock.look(ground(settings=Settings(connection="mine"))).message
    assert "without an engine has no packages" in lock.look(ground(settings=Settings(pins=pins))).message


def test_checks_need_earlier_ones_so_that_none_waits_for_itself() -> None:
    listed = [check.name for check in CHECKS]
    assert len(set(listed)) == len(listed)
    for place, check in enumerate(CHECKS):
        assert {*check.needs, *check.helped_by} <= set(listed[:place]), check.name
        assert bool(check.helped_by) == bool(check.alone), check.name


def test_groups_stand_together_and_each_check_says_what_it_looks_at() -> None:
    groups = [check.group for check in CHECKS]
    assert groups == sorted(groups, key=["machine", "project", "account"].index)
    assert all(check.looks for check in CHECKS)


def test_a_command_names_the_job_where_it_is_not_the_default(ground: Make) -> None:
    assert ground().command("setup") == "inv setup"
    assert ground(name="other").command("build push") == "inv build push --job other"
