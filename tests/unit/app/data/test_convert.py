"""From Arrow to float32: in whatever type a column comes, and never silently something else than what was meant."""

from __future__ import annotations

import datetime
import decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from app.config import Problem
from app.data import convert
from app.data.schema import Feature, Label, Schema


def converted(values: Any, *features: Feature) -> list[list[float]]:
    """The numbers of the column X, a list a place."""
    schema = Schema("ROW_ID", Label("LABEL", 10), features)
    rows = np.empty((len(values), len(schema.columns)), np.float32)
    convert.features(pa.table({"X": values}), schema, rows)
    places: list[list[float]] = rows.T.tolist()
    return places


def label(values: Any, classes: int, *vocabulary: str) -> list[float]:
    found: list[float] = convert.labels(pa.table({"Y": values}), Label("Y", classes, vocabulary)).tolist()
    return found


NUMERIC = Feature("X", "numeric")
DECIMALS = [decimal.Decimal("0.5"), decimal.Decimal("2.0")]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pa.array([1, 2], pa.int8()), [1, 2]),
        (pa.array([1, 2], pa.int64()), [1, 2]),
        (pa.array([0.5, 2.0], pa.float32()), [0.5, 2]),
        (pa.array(DECIMALS, pa.decimal128(38, 2)), [0.5, 2]),
        (pa.array([2**24, -(2**24)]), [2**24, -(2**24)]),
        (pa.chunked_array([pa.array([1]), pa.array([2])]), [1, 2]),
        (pa.array([True, False]), [1, 0]),
    ],
)
def test_numbers_come_in_many_types(values: Any, expected: list[float]) -> None:
    assert converted(values, NUMERIC) == [expected]


def test_they_are_normalised_before_they_are_narrowed() -> None:
    moments = [datetime.datetime(2026, 1, 1, 0, 0, second, tzinfo=datetime.UTC) for second in (0, 1, 3)]
    feature = Feature("X", "timestamp", mean=moments[0].timestamp(), deviation=2.0)
    for values in (
        pa.array(moments, pa.timestamp("ns", "UTC")),
        pa.array([moment.replace(tzinfo=None) for moment in moments], pa.timestamp("ms")),
        pa.array([moment.replace(tzinfo=None) for moment in moments], pa.timestamp("ns")),
    ):
        assert converted(values, feature) == [[0, 0.5, 1.5]]
    assert converted([moment.timestamp() for moment in moments], feature) == [[0, 0.5, 1.5]]
    days = pa.array([datetime.date(1970, 1, 2), datetime.date(1969, 12, 31)])
    assert converted(days, Feature("X", "timestamp", deviation=86_400.0)) == [[1, -1]]


def test_nulls_become_what_was_declared() -> None:
    holes = pa.array([1.0, None, 3.0])
    assert converted(holes, Feature("X", "numeric", null=2.0, mean=1.0, deviation=2.0)) == [[0, 0.5, 1]]
    with_indicator = Feature("X", "numeric", null=0.0, indicator=True)
    assert converted(holes, with_indicator) == [[1, 0, 3], [0, 1, 0]]
    assert converted(pa.array([True, None]), Feature("X", "boolean", null=1.0)) == [[1, 1]]


def test_a_category_is_its_place_in_the_vocabulary_and_zero_is_unknown() -> None:
    words = Feature("X", "category", vocabulary=("Bonn", "Rome"), null="unknown")
    texts = ["Rome", "Oslo", None, "Bonn"]
    for values in (pa.array(texts), pa.array(texts).dictionary_encode(), pa.array(texts, pa.large_string())):
        assert converted(values, words) == [[2, 0, 0, 1]]
    numbers = Feature("X", "category", vocabulary=(70, 300))
    for kind in (pa.int64(), pa.int16(), pa.decimal128(38, 0)):
        assert converted(pa.array([300, 70, 5], kind), numbers) == [[2, 1, 0]]


def test_a_vector_takes_as_many_places_as_it_is_wide() -> None:
    feature = Feature("X", "vector", width=2)
    rows = [[1, 2], [3, 4], [5, 6]]
    for kind in (pa.list_(pa.float32(), 2), pa.list_(pa.float64()), pa.list_(pa.int8()), pa.large_list(pa.float32())):
        assert converted(pa.array(rows, kind), feature) == [[1, 3, 5], [2, 4, 6]]
        assert converted(pa.chunked_array([pa.array(rows, kind)[1:], pa.array(rows, kind)[:0]]), feature) == [
            [3, 5],
            [4, 6],
        ]
    floats = [[2.0**30, 0.5]]  # rounded, as all of them are
    for values in (pa.array(floats), pa.array(["[1073741824.0, 5e-1]"])):
        assert converted(values, feature) == [[2**30], [0.5]]
    texts = pa.array(["[1, 2]", "[\n  3.0e+00,\n  4\n]"])
    assert converted(texts, feature) == [[1, 3], [2, 4]]
    scaled = Feature("X", "vector", width=2, mean=5.0, deviation=10.0)
    for pixels in (pa.array([b"\x05\xff"]), pa.array([b"\x05\xff"], pa.binary(2))):
        assert converted(pixels, scaled) == [[0], [25]]


def test_labels_are_classes_words_or_numbers() -> None:
    assert label([0, 2, 1], 3) == [0, 2, 1]
    assert label(pa.array([0.0, 2.0]), 3) == [0, 2]
    assert label(["yes", "no"], 2, "no", "yes") == [1, 0]
    assert label([0.5, -3.0], 1) == [0.5, -3.0]
    assert convert.labels(pa.table({"Y": [0.5]}), Label("Y", 1)).dtype == np.float32


@pytest.mark.parametrize(
    ("values", "feature", "what"),
    [
        ([0.5, None], NUMERIC, "X holds 1 nulls"),
        ([None, "a"], Feature("X", "category", vocabulary=("a",)), "X holds 1 nulls"),
        ([0.5, float("nan")], NUMERIC, "X holds NaN or infinity"),
        ([0.5, 1e300], NUMERIC, "X holds NaN or infinity"),
        ([1, 2**24 + 1], NUMERIC, "X holds whole numbers beyond 2^24"),
        ([1, -(2**62)], NUMERIC, "X holds whole numbers beyond 2^24"),
        (pa.array([10**20], pa.decimal128(38, 0)), NUMERIC, "X holds whole numbers beyond 2^24"),
        (pa.array([2**24 + 1]).dictionary_encode(), NUMERIC, "X holds whole numbers beyond 2^24"),
        (pa.array([[0, 2**24 + 1]]), Feature("X", "vector", width=2), "X holds whole numbers beyond 2^24"),
        (["[0, -16777217]"], Feature("X", "vector", width=2), "X holds whole numbers beyond 2^24"),
        (["[0, 16777217000000000000000]"], Feature("X", "vector", width=2), "X holds whole numbers beyond 2^24"),
        (["a"], NUMERIC, "X does not hold numbers: its type is string"),
        ([1], Feature("X", "vector"), "X does not hold vectors: its type is int64"),
        (["[1, a]"], Feature("X", "vector", width=2), "X does not hold vectors: its type is string"),
        (["[1, 2]"], Feature("X", "vector", width=3), "X holds a vector of 2 numbers, not 3"),
        (["a"], Feature("X", "category", vocabulary=(1, 2)), "X does not hold what its vocabulary lists (int64)"),
        (pa.array([[1.0], [1.0, 2.0]]), Feature("X", "vector"), "X holds a vector of 2 numbers, not 1"),
        (pa.array([[1.0, None]]), Feature("X", "vector", width=2), "X holds NaN or infinity"),
        (pa.array([b"ab"]), Feature("X", "vector", width=3), "X holds a vector of 2 numbers, not 3"),
    ],
)
def test_what_would_train_on_something_else_is_refused(values: Any, feature: Feature, what: str) -> None:
    with pytest.raises(Problem) as problem:
        converted(values, feature)
    assert what in str(problem.value)
    assert problem.value.code == 2


@pytest.mark.parametrize(
    ("values", "classes", "vocabulary", "what"),
    [
        ([0, 10], 10, (), "Y holds 10, outside 0..9"),
        ([0, -1], 10, (), "Y holds -1, outside 0..9"),
        ([0, None], 10, (), "Y holds 1 nulls"),
        ([0.5], 10, (), "Y does not hold whole numbers"),
        (["1"], 10, (), "Y does not hold numbers: its type is string"),
        (["no", "maybe"], 2, ("no", "yes"), "Y holds 'maybe', which its vocabulary does not"),
        ([float("inf")], 1, (), "Y holds NaN or infinity"),
        ([2**24 + 1], 1, (), "Y holds whole numbers beyond 2^24"),
    ],
)
def test_labels_that_are_none_are_refused(values: Any, classes: int, vocabulary: tuple[str, ...], what: str) -> None:
    with pytest.raises(Problem) as problem:
        label(values, classes, *vocabulary)
    assert what in str(problem.value)
