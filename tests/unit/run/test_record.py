from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime

import pytest

from spcs.run.model import Run, State
from spcs.run.record import VERSION, Code, End, Image, Record, from_json, to_json

RUN = Run("train_20260827_120005_bcdf", "DB", "S", "DB.S.RUNS", pool="P", image="/db/s/r/i:t", digest="sha256:0")
AT = datetime(2026, 8, 27, 12, 0, 5, tzinfo=UTC)
WHOLE = Record(
    run=RUN,
    submitted=AT,
    by="me",
    replicas=2,
    settings={"job": {"args": ["--steps", "3"], "env": {}}, "pins": {"torch": "2.13.0"}},
    overrides={"steps": "3"},
    seeds={"seed": 7},
    versions={"desk": {"python": "3.11.9"}, "image": {"torch": "2.13.0"}},
    image=Image("/db/s/r/i:3f9c0a11b2de", "sha256:1", "python:3.11", "linux/amd64", "0" * 64),
    code=Code("8" * 40, "main", "+x\n", True, ("notes.txt",)),
    statement="EXECUTE JOB SERVICE …",
    texts={"spec.yaml": "spec:\n"},
    like="train_20260826_120005_bcdf",
    end=End(
        State.FAILED,
        "it broke",
        container="main",
        instance=0,
        exit_code=3,
        created=AT,
        ended=AT.replace(minute=2),
        metrics={"loss": 0.5, "name": "x", "done": True, "steps": 3},
        last_lines=("a", "b"),
        credits=1,
    ),
)


@pytest.mark.parametrize("record", [WHOLE, Record(RUN)])
def test_a_record_comes_back_from_its_text_as_it_was(record: Record) -> None:
    assert from_json(to_json(record)) == record
    assert next(iter(json.loads(to_json(record)))) == "version"


def test_what_a_later_version_adds_is_passed_over_and_what_it_lacks_has_its_default() -> None:
    entries = json.loads(to_json(WHOLE))
    later = entries | {"version": VERSION + 1, "new": {"x": 1}, "end": {**entries["end"], "more": 2}}
    del later["code"]
    found = from_json(json.dumps(later))
    assert found == dataclasses.replace(WHOLE, version=VERSION + 1, code=Code())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"run": {"name": "x"}}',
        to_json(WHOLE).replace('"FAILED"', '"GONE"'),
        to_json(WHOLE).replace('"replicas": 2', '"replicas": "2"'),
        to_json(WHOLE).replace('"overrides": {', '"overrides": ["x"], "_": {'),
        to_json(WHOLE).replace("2026-08-27T12:00:05", "yesterday"),
    ],
)
def test_what_is_no_record_is_none(text: str) -> None:
    assert from_json(text) is None


def test_metrics_are_the_numbers() -> None:
    assert WHOLE.metrics == {"loss": 0.5, "steps": 3}
    assert Record(RUN).metrics == {}


def test_a_record_knows_its_tag_its_duration_and_whether_the_code_was_committed() -> None:
    assert WHOLE.image.tag == "3f9c0a11b2de"
    assert Image().tag == ""
    assert WHOLE.end
    assert WHOLE.end.seconds == 120
    assert WHOLE.code.is_dirty
    assert not Code("8" * 40).is_dirty
