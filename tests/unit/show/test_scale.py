"""Axes: their ends, their round numbers and how these are written."""

from __future__ import annotations

import math

import pytest

from spcs.show.scale import Scale, compact, figure, scale_of, spans_decades, steps_scale


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0, 1000, ["0", "200", "400", "600", "800", "1000"]),
        (0, 100_000, ["0", "20k", "40k", "60k", "80k", "100k"]),
        (0.974, 0.982, ["0.974", "0.976", "0.978", "0.980", "0.982"]),
        (0, 0.0024, ["0", "0.0005", "0.0010", "0.0015", "0.0020"]),
        (-1, 1, ["-1.0", "-0.5", "0", "0.5", "1.0"]),
        (0, 75, ["0", "20", "40", "60"]),
        (0, 100e9, ["0", "20G", "40G", "60G", "80G", "100G"]),
    ],
)
def test_ticks_are_round_and_written_with_as_many_digits_as_tell_them_apart(
    low: float, high: float, said: list[str]
) -> None:
    assert [text for _, text in Scale(low, high).named()] == said


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0.02, 3, ["0.02", "0.05", "0.1", "0.2", "0.5", "1", "2"]),
        (0.0009, 1.5, ["0.001", "0.01", "0.1", "1"]),
        (1e-9, 1e3, ["1e-9", "1e-6", "0.001", "1", "1000"]),
    ],
)
def test_a_logarithmic_axis_has_powers_of_ten_and_their_parts_where_there_are_few(
    low: float, high: float, said: list[str]
) -> None:
    assert [text for _, text in Scale(low, high, log=True).named()] == said


@pytest.mark.parametrize("values", [[0.0], [3.0, 3.0], [-2.0], [1e-12, 2e-12], [1e299, -1e299], [5, 5.0000001]])
def test_every_scale_holds_its_values_and_has_ticks_inside(values: list[float]) -> None:
    scale = scale_of(values)
    assert all(0 <= scale.at(value) <= 1 for value in values)
    assert scale.low < scale.high
    assert all(-1e-6 <= scale.at(tick) <= 1 + 1e-6 for tick in scale.ticks())
    assert scale.named()


def test_a_scale_begins_at_zero_where_that_is_near() -> None:
    assert scale_of([10, 100]).low == 0
    assert scale_of([95, 100]).low == 95
    assert scale_of([0.01, 10], log=True).low > 0


def test_steps_are_shown_from_the_first_to_the_last() -> None:
    assert (steps_scale([250, 1000]).low, steps_scale([250, 1000]).high) == (250, 1000)
    assert steps_scale([7]).at(7) == 0.5


def test_only_what_differs_twentyfold_and_is_positive_spans_decades() -> None:
    assert spans_decades([0.05, 1])
    assert not spans_decades([0.1, 1])
    assert not spans_decades([0, 1000])
    assert not spans_decades([])


def test_numbers_are_written_for_people() -> None:
    assert [figure(value) for value in (0.03974, 1000.0, 22493.4, 7.402e-9, 1e300, 0.0)] == [
        *("0.03974", "1,000", "22,493", "7.402e-09", "1e+300", "0"),
    ]
    assert [figure(value) for value in (math.nan, math.inf, -math.inf)] == ["not a number", "∞", "-∞"]
    assert [compact(value) for value in (0, 250, 99_920, 2_500_000)] == ["0", "250", "99.92k", "2.5M"]
