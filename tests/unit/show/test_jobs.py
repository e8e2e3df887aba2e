from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from spcs.run.listed import Listed
from spcs.run.model import Run, State
from spcs.run.record import End, Image, Record
from spcs.show.jobs import ago, jobs, told

RUN = Run("train_20260827_120005_bcdf", "DB", "S", "DB.S.RUNS", pool="POOL")
AT = datetime(2026, 8, 27, 12, 0, 5, tzinfo=UTC)
NOW = AT + timedelta(hours=3)
METRICS = {"steps": 1000, "loss": 0.039741, "accuracy": 0.98, "seconds": 3.2, "note": "x"}
DONE = Record(
    RUN,
    image=Image("/db/s/r/training:3f9c0a11b2de", "sha256:1"),
    overrides={"learning_rate": "0.1"},
    end=End(State.DONE, exit_code=0, created=AT, ended=AT + timedelta(minutes=2), metrics=METRICS),
)
LISTED = (
    Listed(RUN, State.DONE, created=AT, record=DONE),
    Listed(Run("mine_20260827_120105_bcdf", "DB", "S", "DB.S.RUNS"), State.RUNNING),
    Listed(Run("mine_20260820_120105_bcdf", "DB", "S", "DB.S.RUNS"), State.DELETED, is_there=False),
)


def test_a_run_is_a_line_with_its_state_age_time_image_overrides_and_metrics(
    capsys: pytest.CaptureFixture[str],
) -> None:
    jobs(LISTED, NOW)
    header, done, going, gone = capsys.readouterr().out.splitlines()
    assert header.split() == ["run", "state", "age", "took", "image", "set", "metrics"]
    words = "done 3 h 2 min 0 s 3f9c0a11b2de learning_rate=0.1 loss=0.03974 accuracy=0.98"
    assert done.split() == [RUN.name, *words.split()]
    assert going.split()[1:] == ["running", "2", "h", "2", "h", "59", "min"]
    assert gone.split()[1:] == ["deleted", "(dropped)", "7", "d"]


def test_in_json_a_run_is_an_object_with_everything(capsys: pytest.CaptureFixture[str]) -> None:
    jobs(LISTED, NOW, as_json=True)
    done, going, gone = map(json.loads, capsys.readouterr().out.splitlines())
    assert done["metrics"] == METRICS
    assert (done["tag"], done["seconds"], done["age"], done["exit_code"]) == ("3f9c0a11b2de", 120.0, 10800.0, 0)
    assert done["set"] == {"learning_rate": "0.1"}
    assert (going["state"], going["metrics"], going["credits"]) == ("RUNNING", None, None)
    assert (gone["dropped"], gone["seconds"]) == (True, None)


def test_credits_are_a_column_where_they_are_known(capsys: pytest.CaptureFixture[str]) -> None:
    assert DONE.end
    paid = Record(RUN, end=End(State.DONE, credits=0.125))
    jobs([Listed(RUN, State.DONE, record=paid)], NOW)
    header, line = capsys.readouterr().out.splitlines()
    assert header.split()[-1] == "credits"
    assert line.split()[-1] == "0.125"


def test_no_runs_are_said(capsys: pytest.CaptureFixture[str]) -> None:
    jobs([], NOW)
    assert "inv run starts one" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("seconds", "text"), [(-1, "0 s"), (41.6, "42 s"), (59, "59 s"), (190, "3 min"), (7300, "2 h"), (90_000, "1 d")]
)
def test_an_age_is_written_in_its_largest_unit(seconds: float, text: str) -> None:
    assert ago(seconds) == text


def test_metrics_told_are_the_first_that_measure_something() -> None:
    assert told({"a": 1.0, "n": 3, "seconds": 2.0, "b": 0.123456, "c": 2.0, "d": 4.0}) == "a=1 b=0.1235 c=2"
    assert told({}) == ""
