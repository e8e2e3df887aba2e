"""How a problem is shown: what happened, why, and what mends it, each in its place."""

from __future__ import annotations

import pytest

from spcs.errors import (
    BuildFailed,
    JobFailed,
    Known,
    Left,
    Meaning,
    NotReady,
    Problem,
    Refused,
    SettingsProblem,
    did_you_mean,
    meaning,
)


def test_what_why_and_fix_have_a_line_each() -> None:
    shown = str(NotReady("there is no stage", why="first\n\nsecond", fix="inv setup\nor another"))
    assert shown == "error: there is no stage\n  first\n\n  second\n  fix: inv setup\n       or another"


def test_what_alone_is_one_line() -> None:
    assert str(SettingsProblem("there is no job 'trian'")) == "error: there is no job 'trian'"


def test_leaving_is_no_error() -> None:
    assert str(Left("left the run", "come back with: inv logs")) == "left the run\n  come back with: inv logs"


@pytest.mark.parametrize(
    ("kind", "code"), [(JobFailed, 1), (SettingsProblem, 2), (NotReady, 3), (Refused, 4), (BuildFailed, 5), (Left, 130)]
)
def test_every_kind_has_its_exit_code(kind: type[Problem], code: int) -> None:
    assert kind("it went wrong").code == code


def test_the_closest_word_is_asked_for_and_a_far_one_is_not() -> None:
    assert did_you_mean("trian", ["train", "tutorial"]) == "did you mean 'train'?"
    assert did_you_mean("xyz", ["train", "tutorial"]) == ""


CATALOGUE = (
    Known(("No module named '{module}'", "{module} is not there"), "no {module}", "add {module} to {job}"),
    Known(("out of … memory",), "full", "less {{now}}"),
)


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("ImportError: No module named 'a.b'", "no a.b"),
        ("no MODULE   named 'a'", "no a"),
        ("the file a.py is not there.", "no a.py"),
        ("out of its memory", "full"),
        ("out of\nmemory", ""),
        ("sout of my memory", ""),
        ("out of all memoryless", ""),
        ("", ""),
    ],
)
def test_a_sentence_is_known_as_it_is_said(text: str, means: str) -> None:
    found = meaning(CATALOGUE, text, job="train")
    assert (found.means if found else "") == means


def test_what_mends_it_speaks_of_the_sentence_s_names_and_of_ours() -> None:
    assert meaning(CATALOGUE, "No module named 'a'", job="train") == Meaning("no a", "add a to train")
    assert meaning(CATALOGUE, "out of all memory") == Meaning("full", "less {now}")
