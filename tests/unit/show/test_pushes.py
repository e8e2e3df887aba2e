from __future__ import annotations

import re
import sys

import pytest

from spcs.image.commands import follow_display
from spcs.image.progress import Layer
from spcs.show.pushes import Lines, amount, push_meter, rate


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_pipeline_gets_one_line_a_layer(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    lines = Lines(clock)
    lines(Layer("aaa", "sending", 10, 2_700_000_000))
    clock.now = 50
    lines(Layer("aaa", "sending", 2_000_000_000, 2_700_000_000))
    lines(Layer("bbb", "there"))
    lines(Layer("aaa", "sent", 2_700_000_000, 2_700_000_000))
    assert capsys.readouterr().err.splitlines() == [
        "layer bbb: already there",
        "layer aaa: 2.7 GB sent in 50.0 s (54.0 MB/s)",
    ]


def test_pipeline_hears_once_a_minute_of_a_layer_that_takes_long(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    lines = Lines(clock)
    for second in range(130):
        clock.now = second
        lines(Layer("aaa", "sending", second * 10_000_000, 2_700_000_000))
    assert capsys.readouterr().err.splitlines() == [
        "layer aaa: 610.0 MB of 2.7 GB (10.0 MB/s)",
        "layer aaa: 1.2 GB of 2.7 GB (10.0 MB/s)",
    ]


def test_without_a_terminal_nothing_moves(capsys: pytest.CaptureFixture[str]) -> None:
    with push_meter() as watch:
        watch(Layer("aaa", "sending", 1, 10))
    assert capsys.readouterr().err == ""


def test_amounts_are_short() -> None:
    assert [amount(count) for count in (0, 999, 1000, 336_869_599, 2_741_000_000_000)] == [
        "all", "999 B", "1.0 kB", "336.9 MB", "2741.0 GB",
    ]  # fmt: skip
    assert rate(1000, 0.01) == rate(0, 5) == ""


BARS = """
from spcs.image.progress import Layer
from spcs.show.console import say
from spcs.show.pushes import push_meter
with push_meter() as watch:
    watch(Layer("bbb", "there"))
    watch(Layer("aaa", "sending", 0, 60_000_000))
    watch(Layer("aaa", "sending", 30_000_000, 60_000_000))
    say("the registry dropped")
    watch(Layer("aaa", "sent", 60_000_000, 60_000_000))
"""


def test_terminal_shows_a_bar_a_layer_with_bytes_and_rate_and_what_is_said_above_it() -> None:
    shown: list[str] = []
    answer = follow_display([sys.executable, "-c", BARS], lambda line: bool(shown.append(line)))  # type: ignore[func-returns-value]
    assert answer.code == 0, answer.error
    assert "the registry dropped" in shown
    assert re.fullmatch(r"layer aaa \S+ 60\.0/60\.0 MB \S+ \S+/s", shown[-1]), shown[-1]
    assert not [line for line in shown if "bbb" in line]
