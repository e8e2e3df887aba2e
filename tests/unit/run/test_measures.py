"""Measurements read out of files and logs that may hold anything."""

from __future__ import annotations

import math

import pytest

from spcs.run.measures import from_jsonl, from_log, measurement
from tests.stories import line


def test_lines_of_json_become_series_by_their_step() -> None:
    found = from_jsonl('{"step": 2, "loss": 0.5}\n{"step": 1, "loss": 1, "accuracy": 0.7}\n')
    assert found.series() == {"loss": ((1.0, 1.0), (2.0, 0.5)), "accuracy": ((1.0, 0.7),)}
    assert found.counted_by == "step"


def test_null_is_a_value_that_was_no_number() -> None:
    found = from_jsonl('{"step": 1, "loss": null}\n{"step": 2, "loss": 3}').series()
    assert math.isnan(found["loss"][0][1])
    assert from_jsonl('{"step": 1, "note": null}').series() == {}


def test_without_a_step_the_measurements_are_counted() -> None:
    found = from_jsonl('{"loss": 3}\n{"loss": 2}')
    assert (found.series(), found.counted_by) == ({"loss": ((1.0, 3.0), (2.0, 2.0))}, "measurement")
    assert from_jsonl('{"epoch": 4, "loss": 3}').counted_by == "epoch"


def test_what_is_no_measurement_is_passed_over() -> None:
    odd = ['{"step": 3, "lo', "[1]", "7", "null", "", '{"step": 1}', '{"step": "x", "y": "z"}', "[" * 100_000]
    odd += [f'{{"step": {"9" * 400}, "loss": 1}}', '{"step": Infinity, "loss": 1}', '{"a": {"step": 1}, "b": true}']
    found = from_jsonl("\n".join([*odd, '{"step": 5, "loss": 0.1}'])).series()
    assert found["loss"][-1] == (5.0, 0.1)
    assert set(found) == {"loss"}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("step=100 loss=0.4 rows_per_s=2e4", {"step": 100, "loss": 0.4, "rows_per_s": 20000}),
        ('epoch=3 val/acc=.5 note="a b"', {"epoch": 3, "val/acc": 0.5}),
        ('{"body": "step=1 loss=2", "attributes": {"step": 1, "loss": 2}}', {"step": 1, "loss": 2}),
        ('{"step": 1, "loss": 2, "name": "x"}', {"step": 1, "loss": 2}),
        ("loss=0.4", {}),
        ("step=100", {}),
        ("stopped_at=300 exit_code=75", {}),
        ("a-step=100 loss=0.4", {}),
        ("running python x.py --step=100 --loss=0.4", {}),
        ("{step=100 loss=0.4", {}),
        ("", {}),
    ],
)
def test_a_log_line_measures_if_it_says_its_place(text: str, found: dict[str, float]) -> None:
    assert measurement(text) == found


def test_a_log_becomes_series() -> None:
    lines = [line(1, "device=cpu"), line(2, "step=1 loss=2.0"), line(3, "step=2 loss=nan"), line(4, "step=3 loss=1.5")]
    (loss,) = from_log(lines).series().values()
    assert [place for place, _ in loss] == [1, 2, 3]
    assert math.isnan(loss[1][1])
