from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from spcs.run.model import Run, State
from spcs.run.record import Code, End, Image, Record
from spcs.show.differences import show
from spcs.steps.compare import difference

AT = datetime(2026, 8, 27, 12, 0, 5, tzinfo=UTC)
ONE = Record(
    Run("train_20260827_120005_bcdf", "DB", "S", "DB.S.RUNS"),
    settings={"job": {"replicas": 1, "args": ["--steps", "3"]}, "pins": {"torch": "2.13.0"}},
    image=Image("/d/s/r/i:aaaaaaaaaaaa", "sha256:1"),
    code=Code("8" * 40, "main"),
    texts={"spec.yaml": "path: runs/train_20260827_120005_bcdf/output\ncpu: 1\n", "Dockerfile": "FROM x\n"},
    end=End(State.DONE, exit_code=0, created=AT, ended=AT + timedelta(seconds=9), metrics={"loss": 0.5, "steps": 3}),
)
NAME = "train_20260828_120005_bcdf"
SAME = replace(
    ONE,
    run=replace(ONE.run, name=NAME),
    texts={**ONE.texts, "spec.yaml": ONE.texts["spec.yaml"].replace(ONE.run.name, NAME)},
)
OTHER = replace(
    SAME,
    settings={"job": {"replicas": 1, "args": ["--steps", "5"]}, "pins": {"torch": "2.13.0"}},
    overrides={"steps": "5"},
    image=Image("/d/s/r/i:bbbbbbbbbbbb", "sha256:2"),
    code=Code("8" * 40, "main", "+x\n"),
    texts={**SAME.texts, "spec.yaml": SAME.texts["spec.yaml"].replace("cpu: 1", "cpu: 2")},
    end=End(State.FAILED, "it broke", exit_code=3, metrics={"loss": 0.25, "steps": 3}),
)


def test_the_same_run_twice_differs_in_nothing_but_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    show(difference(ONE, SAME))
    said = capsys.readouterr()
    assert said.out == ""
    assert "they differ in nothing" in said.err


def test_what_differs_is_a_table_of_each_kind_and_a_patch_of_each_text(capsys: pytest.CaptureFixture[str]) -> None:
    show(difference(ONE, OTHER))
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["settings", ONE.run.name, NAME] in rows
    assert ["job.args", "--steps", "3", "--steps", "5"] in rows
    assert ["set.steps", "–", "5"] in rows
    assert ["digest", "sha256:1", "sha256:2"] in rows
    assert ["metrics", ONE.run.name, NAME, "change"] in rows
    assert ["loss", "0.5", "0.25", "-0.25", "(-50.0%)"] in rows
    assert ["state", "done", "failed"] in rows
    assert ["-cpu:", "1"] in rows
    assert ["+cpu:", "2"] in rows
    assert ["++x"] in rows
    assert not [row for row in rows if row[:1] in (["job.replicas"], ["pins.torch"], ["steps"], ["revision"])]


def test_in_json_it_is_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    show(difference(ONE, OTHER), as_json=True)
    found = json.loads(capsys.readouterr().out)
    assert found["runs"] == [ONE.run.name, NAME]
    assert found["metrics"] == {"loss": [0.5, 0.25]}
    assert found["settings"]["job.args"] == ["--steps 3", "--steps 5"]
    assert "+cpu: 2" in found["texts"]["spec.yaml"]
