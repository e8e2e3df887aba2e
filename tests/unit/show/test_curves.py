"""Which measurements are drawn together, and what is said of them."""

from __future__ import annotations

import math

import pytest

from spcs.run.measures import from_jsonl
from spcs.show.curves import LEARNING, MACHINE, SPEED, Told, drawings, family, is_better, section
from tests import stories


def told(text: str, number: int = 0) -> Told:
    return Told("AB"[number], number, from_jsonl(text).series())


@pytest.mark.parametrize(
    ("name", "about"),
    [
        *(("loss", LEARNING), ("val/accuracy", LEARNING), ("learning_rate", LEARNING), ("gpus_wanted", LEARNING)),
        *(("rows_per_s", SPEED), ("tokens_per_sec", SPEED), ("ms_per_step", SPEED), ("mfu", SPEED), ("it/s", SPEED)),
        *(("gpu_gib", MACHINE), ("container.cpu.usage (cores)", MACHINE), ("cpu_memory", MACHINE)),
    ],
)
def test_each_measurement_has_its_section(name: str, about: str) -> None:
    assert section(name) == about


def test_parts_of_the_data_share_a_drawing() -> None:
    assert family("held_out_loss") == ("loss", "held out")
    assert family("train/loss") == ("loss", "train")
    assert family("valid_acc") == ("acc", "valid")
    assert family("loss") == ("loss", "")
    assert family("training") == ("training", "")


def test_one_run_has_a_drawing_a_measurement_losses_first_and_the_rate_last() -> None:
    found = drawings([told(stories.metrics())], LEARNING)
    assert [drawing.title for drawing in found] == ["loss", "accuracy", "grad_norm", "learning_rate"]
    assert [key.name for key in found[0].keys] == ["training", "held out"]
    assert "logarithmic" in found[0].by


def test_several_runs_are_told_apart_by_letter_and_colour_and_the_parts_by_dashes() -> None:
    found = drawings([told(stories.metrics(seed=number), number) for number in range(2)], LEARNING)
    assert [(key.name, key.look) for key in found[0].keys] == [
        *(("A training", "c0 dashed"), ("B training", "c1 dashed"), ("A held out", "c0"), ("B held out", "c1")),
    ]
    assert [key.name for key in found[1].keys] == ["A", "B"]


def test_the_best_is_named_where_it_is_not_the_last_and_known() -> None:
    (loss, other) = drawings([told('{"step": 1, "loss": 2, "x": 1}\n{"step": 2, "loss": 3, "x": 2}')], LEARNING)
    assert loss.keys[0].note == "at step 2, best 2 at 1"
    assert other.keys[0].note == "at step 2"


def test_values_that_are_no_numbers_are_counted() -> None:
    (loss,) = drawings([told('{"step": 1, "loss": 2}\n{"step": 2, "loss": null}')], LEARNING)
    assert loss.keys[0].last == "2"
    assert "1 of 2 values not a number" in loss.keys[0].note


def test_nobody_knows_which_way_an_unknown_name_is_better() -> None:
    assert is_better("held_out_loss", 0.1, 0.2)
    assert is_better("accuracy", 0.9, 0.8)
    assert not is_better("letters", 1, 2)
    assert not is_better("letters", 2, 1)
    assert not is_better("loss", math.nan, 1)
