"""The runs of an account as it lists them: by its services and by the records on the stage."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from spcs.run import history, listing
from spcs.run.listing import Filter, Home
from spcs.run.model import State
from spcs.run.names import started
from tests.wire.desk import STAGE, Desk, desk

HOME = Home("DB", "S", STAGE, "mine")
METRICS = "import os; open(os.environ['MOUNT_PATH'] + '/metrics.json', 'w').write('{\"loss\": 0.5}')"


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with desk(tmp_path_factory.mktemp("listing")) as made:
        yield made


def test_another_machine_lists_runs_that_ended_went_on_and_were_dropped(at: Desk, tmp_path: Path) -> None:
    done, failed = at.start(METRICS, job="one"), at.start("raise SystemExit(3)", job="two")
    dropped, lost = at.start("pass", job="gone"), at.start("pass", job="lost")
    going = at.start("import time; time.sleep(300)", job="one")
    for run in (done, failed, dropped, lost):
        at.follow(run)
    history.look(at.account, at.root, dropped)
    for run in (dropped, lost):
        at.account.query(f"DROP SERVICE {run.service}")

    found = listing.entries(at.account, tmp_path / "cache", HOME)
    made = [started(entry.run.name) for entry in found]
    assert made == sorted(made, reverse=True)
    by_name = {entry.run.name: entry for entry in found}
    assert {name: (by_name[name].state, by_name[name].is_there) for name in by_name} == {
        done.name: (State.DONE, True),
        failed.name: (State.FAILED, True),
        dropped.name: (State.DONE, False),
        lost.name: (State.DELETED, False),
        going.name: (by_name[going.name].state, True),
    }
    assert not by_name[going.name].state.final
    assert {name for name, entry in by_name.items() if entry.needs_end} == {done.name, failed.name}
    assert by_name[done.name].run.connection == "mine"

    completed = {entry.run.name: entry for entry in listing.completed(at.account, tmp_path, found)}
    one, two = completed[done.name].record, completed[failed.name].record
    assert one
    assert one.metrics == {"loss": 0.5}
    assert two
    assert two.end
    assert two.end.exit_code == 3
    again = listing.entries(at.account, tmp_path / "cache", HOME)
    assert not [entry for entry in again if entry.needs_end]

    def names(wanted: Filter) -> set[str]:
        return {entry.run.name for entry in listing.entries(at.account, tmp_path / "cache", HOME, wanted)}

    assert names(Filter(job="one")) == {done.name, going.name}
    assert names(Filter(states=frozenset({State.FAILED, State.DELETED}))) == {failed.name, lost.name}
    assert names(Filter(job="one", states=frozenset({State.DONE}), last=1)) == {done.name}
    assert len(names(Filter(last=2))) == 2
    at.account.query(f"DROP SERVICE {going.service}")


def test_records_that_are_here_already_are_not_fetched_again(at: Desk, tmp_path: Path) -> None:
    at.start("pass")
    cache = tmp_path / "cache"
    listing.entries(at.account, cache, HOME)
    before = {file: file.stat().st_mtime_ns for file in cache.iterdir()}
    assert before
    newer = at.start("pass")
    listing.entries(at.account, cache, HOME)
    after = {file: file.stat().st_mtime_ns for file in cache.iterdir()}
    assert {file.stem for file in after.keys() - before.keys()} == {newer.name}
    assert after | before == after


def test_where_the_stage_cannot_be_read_the_runs_are_listed_all_the_same(at: Desk, tmp_path: Path) -> None:
    run = at.start("pass")
    at.follow(run)
    found = listing.entries(at.account, tmp_path, Home("DB", "S", "DB.S.NOWHERE", "mine"))
    assert [(entry.state, entry.record) for entry in found if entry.run.name == run.name] == [(State.DONE, None)]


def test_a_run_without_a_record_is_listed_all_the_same(at: Desk, tmp_path: Path) -> None:
    run = at.start("pass")
    at.follow(run)
    at.account.query(f"REMOVE @{STAGE}/runs/{run.name}/")
    (found,) = (e for e in listing.entries(at.account, tmp_path, HOME) if e.run.name == run.name)
    assert (found.state, found.record, found.run.pool) == (State.DONE, None, "POOL")
