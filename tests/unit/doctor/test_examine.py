"""How checks are made: at once, in their order, never longer than they may, and not where what they need fails."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from spcs.doctor import Check, Finding, Ground, NotChecked, examine
from spcs.doctor.model import fail, ok, warn
from spcs.errors import NotReady

Make = Callable[..., Ground]


def check(name: str, look: Callable[[Ground], Finding], **more: object) -> Check:
    return Check(name, "machine", "", look, **more)  # type: ignore[arg-type]


def made(ground: Ground, *checks: Check) -> dict[str, tuple[str, str]]:
    return {check.name: (finding.status, finding.message) for check, finding in examine(checks, ground)}


def refuse(_: Ground) -> Finding:
    raise NotReady("there is no pool P", "somebody dropped it\nyesterday", "inv setup")


def test_a_problem_is_a_finding_with_its_remedy(ground: Make) -> None:
    ((_, finding),) = examine([check("pool", refuse)], ground())
    assert finding == fail("there is no pool P: somebody dropped it", "inv setup")


def test_what_needs_a_check_that_fails_is_not_made_nor_what_needs_that(ground: Make) -> None:
    late = check("late", lambda _: ok("late"), needs=("second",))
    found = made(ground(), check("first", refuse), check("second", lambda _: ok(""), needs=("first",)), late)
    assert found["second"] == found["late"] == ("skip", "not checked: first fails")


def test_a_warning_stops_nobody(ground: Make) -> None:
    found = made(ground(), check("first", lambda _: warn("hm")), check("second", lambda _: ok("yes"), needs=("first",)))
    assert found["second"] == ("ok", "yes")


def test_a_check_that_is_only_helped_looks_alone(ground: Make) -> None:
    alone = check("size", refuse, helped_by=("pool",), alone=lambda _: ok("by the settings"))
    assert made(ground(), check("pool", refuse), alone)["size"] == ("ok", "by the settings")


def test_nothing_to_look_at(ground: Make) -> None:
    def none(_: Ground) -> Finding:
        raise NotChecked("the pool is gone")

    assert made(ground(), check("family", none))["family"] == ("skip", "not checked: the pool is gone")


def test_a_late_check_is_given_up_and_holds_up_no_other(ground: Make) -> None:
    stuck = threading.Event()

    def wait(_: Ground) -> Finding:
        stuck.wait(30)
        return ok("at last")

    started = time.monotonic()
    slow = check("slow", wait, seconds=lambda _: 0.2, late="inv local.up")
    findings = list(examine([slow, check("quick", lambda _: ok("here"))], ground()))
    stuck.set()
    assert time.monotonic() - started < 5
    assert [finding for _, finding in findings] == [fail("gave no answer in 0 s", "inv local.up"), ok("here")]


def test_checks_are_made_at_once(ground: Make) -> None:
    both = threading.Barrier(2, timeout=5)

    def meet(_: Ground) -> Finding:
        both.wait()
        return ok("met")

    assert made(ground(), check("a", meet), check("b", meet)) == {"a": ("ok", "met"), "b": ("ok", "met")}


def test_a_bug_is_no_finding(ground: Make) -> None:
    with pytest.raises(ZeroDivisionError):
        made(ground(), check("bug", lambda _: ok(str(1 / 0))))
