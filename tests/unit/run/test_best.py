from __future__ import annotations

import math
from typing import Any

import pytest

from spcs.errors import SettingsProblem
from spcs.run.best import metric, ranked, smaller_is_better
from spcs.run.model import Run, State
from spcs.run.record import End, Record


def run(name: str, **metrics: Any) -> Record:
    return Record(Run(name, "DB", "S", "DB.S.RUNS"), end=End(State.DONE, metrics=metrics))


A, B, C = run("a", loss=0.5, f1=0.9), run("b", loss=0.25, f1=0.1), run("c", loss=math.nan)


def names(records: list[Record]) -> list[str]:
    return [record.run.name for record in records]


def test_the_best_run_has_the_smallest_loss_or_the_largest_of_anything_else() -> None:
    assert names(ranked([A, B, C])) == ["b", "a"]
    assert names(ranked([A, B, C], "f1")) == ["a", "b"]
    assert names(ranked([A, B, C], "f1:min")) == ["b", "a"]
    assert names(ranked([A, B, C], "loss:max")) == ["a", "b"]


def test_without_a_name_the_usual_metric_counts_else_the_first() -> None:
    assert metric([run("x", accuracy=1.0, loss=2.0, best_loss=1.0)]) == "best_loss"
    assert metric([run("x", steps=3, seconds=2.0, reward=1.0)]) == "reward"
    assert metric([run("x")]) == ""
    assert ranked([run("x")]) == []


def test_a_metric_that_no_run_has_is_an_error_with_a_hint() -> None:
    with pytest.raises(SettingsProblem, match="did you mean 'loss'"):
        ranked([A], "los")
    with pytest.raises(SettingsProblem, match="loss:min or loss:max"):
        ranked([A], "loss:down")


@pytest.mark.parametrize(
    ("name", "small"),
    [
        ("held_out_loss", True),
        ("rmse", True),
        ("top_1_error", True),
        ("Val_Loss", True),
        ("accuracy", False),
        ("glossary", False),
    ],
)
def test_the_direction_is_guessed_from_the_words_of_the_name(name: str, small: bool) -> None:
    assert smaller_is_better(name) is small
