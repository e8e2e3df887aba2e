"""Times of log lines, and the newest lines that fit an answer."""

from __future__ import annotations

import pytest

from local_account.runtime import logtext
from local_account.runtime.model import LogLine

MOMENT = 1_729_559_549_873_896_187


def test_a_stamp_always_has_nine_digits() -> None:
    assert logtext.stamp(MOMENT) == "2024-10-22T01:12:29.873896187Z"
    assert logtext.stamp(1_729_559_549_000_000_000) == "2024-10-22T01:12:29.000000000Z"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-10-22T01:12:29.873896187Z", MOMENT),
        ("2024-10-22T03:12:29.873896187+02:00", MOMENT),
        ("2024-10-22T01:12:29.5Z", 1_729_559_549_500_000_000),
        ("2024-10-22T01:12:29", 1_729_559_549_000_000_000),
        ("2024-10-22 01:12:29.5", 1_729_559_549_500_000_000),
        ("2024-10-22", 1_729_555_200_000_000_000),
        ("yesterday", None),
        ("2024-99-22", None),
    ],
)
def test_stamps_are_read_with_any_fraction_and_zone(text: str, expected: int | None) -> None:
    assert logtext.parse_stamp(text) == expected


def test_a_line_keeps_its_carriage_returns_and_leading_blanks() -> None:
    line = logtext.parse_line("2024-10-22T01:12:29.873896187Z   10%\r20%", "stdout")
    assert line == LogLine(MOMENT, "stdout", "  10%\r20%")


def test_an_empty_line_is_a_line() -> None:
    assert logtext.parse_line("2024-10-22T01:12:29.873896187Z ", "stdout") == LogLine(MOMENT, "stdout", "")


def test_the_newest_lines_are_kept() -> None:
    lines = [LogLine(index, "stdout", f"line {index}") for index in range(10)]
    assert logtext.newest(lines, 1000, stamped=False).split("\n") == [line.text for line in lines]
    assert logtext.newest(lines, 14, stamped=False) == "\nline 8\nline 9"


def test_of_the_line_that_does_not_fit_the_end_is_kept() -> None:
    lines = [LogLine(0, "stdout", "x" * 10 + "tail"), LogLine(1, "stdout", "end")]
    assert logtext.newest(lines, 9, stamped=False) == "tail\nend"
    assert logtext.newest(lines, 9, stamped=True) == "000001Z end"[-8:]
    assert logtext.newest([LogLine(0, "stdout", "é" * 10)], 8, stamped=False) == "ééé"


def test_stamped_lines_begin_with_their_time() -> None:
    assert logtext.newest([LogLine(MOMENT, "stdout", "x")], 100, stamped=True) == "2024-10-22T01:12:29.873896187Z x"


def test_times_inside_a_long_line_of_docker_are_taken_out() -> None:
    stamp = "2024-10-22T01:12:29.873896187Z "
    piece = "x" * 16384
    assert logtext.rejoined(f"{stamp}{piece}{stamp}{piece}{stamp}tail") == f"{stamp}{piece}{piece}tail"


def test_a_time_that_the_program_wrote_itself_is_left() -> None:
    stamp = "2024-10-22T01:12:29.873896187Z "
    line = f"{stamp}{'x' * 20000} {stamp}"
    assert logtext.rejoined(line) == line
