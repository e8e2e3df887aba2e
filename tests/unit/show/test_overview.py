"""The list of runs as the board shows it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from spcs.render import page as rendered
from spcs.run.listed import Listed
from spcs.run.model import State
from spcs.run.record import End
from spcs.show.overview import overview
from tests import stories
from tests.stories import BEGUN
from tests.support import REPO

NOW = BEGUN + timedelta(minutes=3)
GOING = Listed(stories.run(), State.RUNNING, True, BEGUN, BEGUN, None)


def ended(**metrics: float) -> Listed:
    record = replace(stories.done().record, overrides={"lr": "<b>"}, end=End(State.DONE, metrics=metrics))
    return Listed(record.run, State.DONE, True, BEGUN, BEGUN + timedelta(seconds=9), record)


def test_a_run_that_goes_on_shows_its_newest_value_and_where_it_stands() -> None:
    measures = {GOING.run.name: {"accuracy": ((10.0, 0.5),), "loss": ((10.0, 2.0), (1200.0, 0.25))}}
    (row,) = overview([GOING], measures, NOW)
    assert (row.tone, row.state, row.age, row.took) == ("run", "running", "3 min", "3 min 0 s")
    assert (row.result, row.place) == ((("loss", "0.25"),), "at 1,200")
    assert "from 2 to 0.25" in row.curve


def test_a_run_that_has_ended_shows_what_came_of_it() -> None:
    (row,) = overview([ended(loss=0.04, accuracy=0.98, best_loss=0.03, steps=1000)], {}, NOW)
    assert (row.tone, row.result, row.place, row.curve) == ("good", (("loss", "0.04"), ("accuracy", "0.98")), "", "")


def test_one_that_is_gone_says_so_and_needs_no_times() -> None:
    (row,) = overview([Listed(stories.run(), State.DELETED, False)], {}, NOW)
    assert (row.state, row.tone, row.took) == ("deleted (dropped)", "bad", "")


def test_what_was_typed_is_text_on_the_page() -> None:
    values = {"runs": overview([ended()], {}, NOW), "job": "", "place": "<i>", "most": 50}
    text = rendered(REPO, "templates/board_runs.html.j2", values)
    assert "lr=&lt;b&gt;" in text
    assert "&lt;i&gt;" in text
    assert "There are no runs yet" in rendered(REPO, "templates/board_runs.html.j2", {**values, "runs": []})
