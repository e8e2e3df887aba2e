from __future__ import annotations

from pathlib import Path

import pytest

from spcs.errors import NotReady
from spcs.run import receipts
from spcs.run.model import Run
from spcs.run.record import Record


def run(name: str, connection: str = "local") -> Run:
    return Run(name, "DB", "S", "DB.S.RUNS", connection, pool="P", image="/db/s/r/i:t", digest="sha256:0")


OLD, NEW = run("zebra_20260827_120005_bcdf"), run("ant_20260827_120006_bcdf")


def write(root: Path, *runs: Run) -> None:
    for each in runs:
        receipts.write(root, Record(each))


def test_a_copy_gives_back_the_run(tmp_path: Path) -> None:
    write(tmp_path, OLD)
    assert receipts.find(tmp_path, OLD.name) == OLD
    assert receipts.read(tmp_path, OLD.name) == Record(OLD)


def test_the_last_run_is_the_one_started_last(tmp_path: Path) -> None:
    write(tmp_path, NEW, OLD)
    assert receipts.last(tmp_path, "local") == NEW


def test_runs_of_another_connection_do_not_count(tmp_path: Path) -> None:
    write(tmp_path, OLD, run("ant_20260827_120006_bcdf", "prod"))
    assert receipts.last(tmp_path, "local") == OLD


def test_the_last_run_of_a_job_is_that_jobs(tmp_path: Path) -> None:
    earlier = run("zebra_20260826_120005_bcdf")
    write(tmp_path, NEW, OLD, earlier)
    assert receipts.last_of(tmp_path, "local", "zebra") == OLD
    assert receipts.last_of(tmp_path, "prod", "zebra") is None
    assert receipts.last_of(tmp_path, "local", "bee") is None


def test_a_specification_that_was_sent_from_here_comes_back(tmp_path: Path) -> None:
    assert receipts.spec(tmp_path, OLD.name) == ""
    file = receipts.spec_file(tmp_path, OLD.name)
    file.parent.mkdir(parents=True)
    file.write_text("spec:\n")
    assert receipts.spec(tmp_path, OLD.name) == "spec:\n"


def test_without_copies_there_is_no_last_run(tmp_path: Path) -> None:
    with pytest.raises(NotReady, match="inv run"):
        receipts.last(tmp_path, "local")


def test_a_copy_that_is_not_ours_is_passed_over(tmp_path: Path) -> None:
    write(tmp_path, OLD)
    (receipts.folder(tmp_path) / "bee_20270101_000000_bcdf.json").write_text("{")
    (receipts.folder(tmp_path) / "other.json").write_text('{"name": "x"}')
    assert receipts.last(tmp_path, "local") == OLD
    assert receipts.find(tmp_path, "nothing") is None
