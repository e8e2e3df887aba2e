"""What each column becomes: from its declared type, what --columns says, and one question to all rows."""

from __future__ import annotations

import decimal
import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from app.config import Config, Problem
from app.data.schema import Column, Feature, Schema, fixed, revived, steady

Settings = Callable[..., Config]


class Answers:
    """A source that has been asked already."""

    columns: tuple[Column, ...] = (
        Column("ROW_ID", "numeric", "FIXED"),
        Column("LABEL", "numeric", "FIXED"),
        Column("AGE", "numeric", "FIXED"),
        Column("MEMBER", "boolean", "BOOLEAN"),
        Column("SINCE", "timestamp", "TIMESTAMP_NTZ"),
        Column("CITY", "text", "TEXT"),
        Column("ZIP", "numeric", "FIXED"),
        Column("FACE", "vector", "VECTOR", 3),
        Column("PICTURE", "vector", "BINARY", 0),
        Column("PHOTO", "vector", "ARRAY", 224 * 224 * 3),
        Column("DOC", "", "VARIANT"),
    )
    measures = {"AGE": (40.0, 10.0), "SINCE": (1.7e9, 1e6), "ZIP": (5e4, 1e4)}
    words: dict[str, list[Any]] = {"CITY": ["Rome", "Bonn"], "ZIP": [20, 10]}

    def __init__(self) -> None:
        self.asked: list[str] = []

    def measure(self, columns: Sequence[Column]) -> dict[str, tuple[float, float]]:
        self.asked.append(",".join(column.name for column in columns))
        return {column.name: self.measures[column.name] for column in columns}

    def distinct(self, name: str, limit: int) -> list[Any]:
        self.asked.append(name)
        return self.words[name][:limit]


def schema(
    settings: Settings, features: str, columns: Any = "", source: Answers | None = None, **options: Any
) -> Schema:
    said = columns if isinstance(columns, str) else json.dumps(columns)
    answers: Any = source or Answers()
    return fixed(answers, settings(features=features, columns=said, **options))


def test_kinds_follow_from_the_declared_types_and_all_rows_are_measured_at_once(settings: Settings) -> None:
    source = Answers()
    made = schema(settings, "AGE,MEMBER,SINCE,FACE", source=source)
    assert [(f.kind, f.first, f.width) for f in made.features] == [
        ("numeric", 0, 1),
        ("boolean", 1, 1),
        ("timestamp", 2, 1),
        ("vector", 3, 3),
    ]
    assert made.columns == ("AGE", "MEMBER", "SINCE", "FACE[0]", "FACE[1]", "FACE[2]")
    assert made.sources == ["ROW_ID", "LABEL", "AGE", "MEMBER", "SINCE", "FACE"]
    assert (made.features[0].mean, made.features[0].deviation) == (40.0, 10.0)
    assert source.asked == ["AGE,SINCE"]


def test_columns_may_say_otherwise(settings: Settings, tmp_path: Path) -> None:
    said = {
        "AGE": {"null": "mean", "indicator": True, "mean": 0},
        "CITY": {"kind": "category", "null": "unknown"},
        "ZIP": {"kind": "category", "vocabulary": [7, 3]},
        "PICTURE": {"width": 4, "deviation": 255},
        "SINCE": {"null": 5},
    }
    (tmp_path / "columns.json").write_text(json.dumps(said))
    for words in (said, str(tmp_path / "columns.json")):
        age, city, zip_code, picture, since = schema(settings, "AGE,CITY,ZIP,PICTURE,SINCE", words).features
        assert age == Feature("AGE", "numeric", null=40.0, indicator=True)
        assert age.columns == ["AGE", "AGE IS NULL"]
        assert city == Feature("CITY", "category", first=2, null="unknown", vocabulary=["Bonn", "Rome"])
        assert zip_code == Feature("ZIP", "category", first=3, vocabulary=[7, 3])
        assert picture == Feature("PICTURE", "vector", first=4, width=4, deviation=255)
        assert (since.first, since.null, since.deviation) == (8, 5, 999936)


def test_it_can_be_written_down_whole(settings: Settings) -> None:
    made = schema(
        settings, "AGE,CITY", {"CITY": {"kind": "category"}, "LABEL": {"vocabulary": ["no", "yes"]}}, classes=2
    )
    described = made.as_dict()
    assert json.loads(json.dumps(described)) == described
    assert revived(described).as_dict() == described
    assert described["label"] == {"name": "LABEL", "classes": 2, "vocabulary": ["no", "yes"]}
    assert described["features"][1]["vocabulary"] == ["Bonn", "Rome"]


CITY = {"CITY": {"kind": "category"}}
REFUSED: list[tuple[str, Any, str]] = [
    ("AGE,AGES", "", "has no column AGES (--features)\nfix: did you mean AGE?"),
    ("AGE,MEMBER,AGE", "", "--features names AGE, more than once"),
    ("AGE,LABEL", "", "--features names LABEL, which is the label"),
    ("AGE, ROW_ID", "", "--features names ROW_ID, which is the row id"),
    ("AGE", {"AEG": {}}, "has no column AEG (--columns)\nfix: did you mean AGE?"),
    ("AGE", {"ZIP": {}}, "speaks of ZIP, which is not learned from"),
    ("AGE,CITY", "", "CITY is text (TEXT) without a vocabulary"),
    ("DOC", "", "DOC is VARIANT, which cannot be learned from"),
    ("PICTURE", "", "how many numbers it holds is not declared"),
    ("FACE", {"FACE": {"width": 4}}, "FACE holds 3 numbers a row, not 4"),
    ("CITY", {"CITY": {"kind": "numeric"}}, "CITY is TEXT and cannot be of kind 'numeric'\nfix: choose from category"),
    ("AGE", {"AGE": {"nul": "mean"}}, "--columns says 'nul' of AGE (numeric)\nfix: did you mean null?"),
    (
        "AGE",
        {"AGE": {"null": "median"}},
        "the null of AGE is 'median'\nfix: choose from refuse, mean, or a number",
    ),
    (
        "CITY",
        {"CITY": {"kind": "category", "null": 0}},
        "the null of CITY is 0\nfix: choose from refuse, unknown",
    ),
    ("MEMBER", {"MEMBER": {"null": "mean"}}, "the null of MEMBER is 'mean'"),
    ("AGE", {"AGE": {"indicator": True}}, "AGE has an indicator of nulls, and nulls are refused"),
    ("AGE", {"AGE": {"indicator": 1}}, "the indicator of AGE is 1"),
    ("AGE", {"AGE": {"deviation": 0}}, "the deviation of AGE is 0"),
    ("AGE", {"AGE": {"mean": "x"}}, "the mean of AGE is 'x'"),
    ("PICTURE", {"PICTURE": {"width": 2**24 + 1}}, "the width of PICTURE is 16777217"),
    ("AGE", {"AGE": {"kind": 5}}, "AGE is FIXED and cannot be of kind 5"),
    ("MEMBER", {"MEMBER": {"mean": 0}}, "--columns says 'mean' of MEMBER (boolean)"),
    ("ZIP", {"ZIP": {"kind": "category", "vocabulary": [1, "2"]}}, "the vocabulary of ZIP is [1, '2']"),
    ("ZIP", {"ZIP": {"kind": "category", "vocabulary": [1, 1]}}, "the vocabulary of ZIP is [1, 1]"),
    ("ZIP", {"ZIP": {"kind": "category", "vocabulary": []}}, "the vocabulary of ZIP is []"),
    ("AGE", {"LABEL": {"vocabulary": ["no"]}}, "LABEL has a vocabulary of 1 for 10 classes\nfix: set --classes 1"),
    ("AGE", {"LABEL": {"vocabulary": []}}, "the vocabulary of LABEL is []"),
    ("AGE", {"LABEL": {"kind": "numeric"}}, "--columns says 'kind' of LABEL (label)"),
    ("AGE", "{", "--columns cannot be read: "),
    ("AGE", '{"AGE": 1}', "--columns cannot be read: it is not an object of objects"),
    ("AGE", "absent.json", "--columns cannot be read: "),
]


@pytest.mark.parametrize(("features", "columns", "what"), REFUSED)
def test_what_means_nothing_is_refused(settings: Settings, features: str, columns: Any, what: str) -> None:
    with pytest.raises(Problem) as problem:
        schema(settings, features, columns)
    assert what in str(problem.value)
    assert "\nfix: " in str(problem.value)
    assert problem.value.code == 2


@pytest.mark.parametrize(
    ("words", "what"),
    [
        ([], r"the vocabulary of CITY is \[\]"),
        ([str(i) for i in range(70_000)], "CITY holds more than 65536 different values"),
        ([1.5, 2.0], r"the vocabulary of CITY is \[1.5, 2\]"),
        ([1.0, math.nan], r"the vocabulary of CITY is \[1, nan\]"),
        ([math.inf], r"the vocabulary of CITY is \[inf\]"),
    ],
)
def test_a_vocabulary_that_is_none_is_refused(settings: Settings, words: list[Any], what: str) -> None:
    source = Answers()
    source.words = {"CITY": words}
    with pytest.raises(Problem, match=what):
        schema(settings, "CITY", CITY, source)


def test_whole_numbers_may_come_as_floats_and_decimals(settings: Settings) -> None:
    source = Answers()
    source.words = {"ZIP": [decimal.Decimal("20.00"), 5.0, 7]}
    (made,) = schema(settings, "ZIP", {"ZIP": {"kind": "category"}}, source).features
    assert made.vocabulary == [5, 7, 20]
    assert {type(word) for word in made.vocabulary} == {int}


def test_a_picture_is_a_vector_however_many_words_a_vocabulary_may_have(settings: Settings) -> None:
    made = schema(settings, "PHOTO,AGE")
    assert len(made.columns) == 224 * 224 * 3 + 1


def test_label_and_row_id_are_two_columns(settings: Settings) -> None:
    with pytest.raises(Problem, match="--label and --row-id both name ROW_ID"):
        schema(settings, "AGE", label="ROW_ID")


def test_a_column_without_a_mean_is_refused(settings: Settings) -> None:
    source = Answers()
    source.measures = {"AGE": (math.nan, math.nan)}
    with pytest.raises(Problem, match="AGE has no mean"):
        schema(settings, "AGE", source=source)


def test_a_table_without_features_is_refused(settings: Settings) -> None:
    source = Answers()
    source.columns = Answers.columns[:2]
    with pytest.raises(Problem, match="no column to learn from"):
        schema(settings, "", source=source)


def test_measures_are_steady_against_the_order_of_a_sum() -> None:
    mean, deviation = steady(1_700_000_000.123, 86_400.77)
    assert steady(1_700_000_000.123 * (1 + 2e-16), 86_400.77 * (1 - 2e-16)) == (mean, deviation)
    assert abs(mean - 1_700_000_000.123) < 86_400 / 1000
    assert abs(deviation - 86_400.77) < 86_400 / 1000
    assert steady(0.1 + 1e-17, 1e-17) == steady(0.1, 0.0)
    assert steady(0.1, 0.0)[1] == 1.0
    assert steady(0.0, 0.0) == (0.0, 1.0)
    assert steady(3e-20, 1e-20)[1] == pytest.approx(1e-20, rel=1e-3)
