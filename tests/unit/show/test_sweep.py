from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from spcs.run.listed import Member
from spcs.run.model import Run, State
from spcs.run.record import End, Record
from spcs.show.sweep import SweepLines, results

AT = datetime(2026, 8, 27, 12, 0, 5, tzinfo=UTC)


def member(name: str, said: str, state: State = State.DONE, **metrics: float) -> Member:
    run = Run(name, "DB", "S", "DB.S.RUNS")
    end = End(state, "it broke" if state is State.FAILED else "", created=AT, ended=AT + timedelta(seconds=9))
    return Member({"steps": said}, run, state, Record(run, end=End(**{**vars(end), "metrics": metrics})))


GOOD, WORSE = member("a", "3", loss=0.25, f1=0.5, steps=3, seconds=9.0), member("b", "5", loss=0.5, f1=0.75, steps=5)
FAILED, NEVER = member("c", "7", State.FAILED), Member({"steps": "9"}, reason="the pool is gone")


def test_the_table_has_the_best_first_and_what_has_no_metric_last(capsys: pytest.CaptureFixture[str]) -> None:
    assert GOOD.record
    assert WORSE.record
    results([FAILED, WORSE, NEVER, GOOD], [GOOD.record, WORSE.record], "loss")
    header, *rows = (line.split() for line in capsys.readouterr().out.splitlines())
    assert header == ["run", "steps", "state", "took", "loss", "f1"]
    assert rows == [
        ["best", "a", "3", "done", "9.0", "s", "0.25", "0.5"],
        ["b", "5", "done", "9.0", "s", "0.5", "0.75"],
        ["c", "7", "failed", "9.0", "s"],
        ["9", "not", "started"],
    ]


def test_each_change_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    lines = SweepLines()
    lines.changed(Member(GOOD.said, GOOD.run, State.PENDING), 1, 3)
    lines.changed(Member(GOOD.said, GOOD.run, State.RUNNING), 1, 3)
    for number, each in enumerate((GOOD, FAILED, NEVER), 1):
        lines.changed(each, number, 3)
    assert capsys.readouterr().err.splitlines() == [
        "started (1 of 3): a, steps=3",
        "running (1 of 3): a, steps=3",
        "done (1 of 3): a in 9.0 s, steps=3: loss=0.25 f1=0.5",
        "failed (2 of 3): c in 9.0 s, steps=7: it broke",
        "not started (3 of 3), steps=9: the pool is gone",
    ]
