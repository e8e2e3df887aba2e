from __future__ import annotations

import json
from pathlib import Path

import pytest

from spcs.errors import NotReady
from spcs.run import record
from spcs.run.model import Run


def run(name: str, connection: str = "local") -> Run:
    return Run(name, "DB", "S", "DB.S.RUNS", connection, pool="P", image="/db/s/r/i:t", digest="sha256:0")


OLD, NEW = run("zebra_20260827_120005_bcdf"), run("ant_20260827_120006_bcdf")


def test_a_receipt_gives_back_the_run(tmp_path: Path) -> None:
    record.write(tmp_path, OLD)
    assert record.find(tmp_path, OLD.name) == OLD


def test_the_last_run_is_the_one_started_last(tmp_path: Path) -> None:
    for each in (NEW, OLD):
        record.write(tmp_path, each)
    assert record.last(tmp_path, "local") == NEW


def test_runs_of_another_connection_do_not_count(tmp_path: Path) -> None:
    record.write(tmp_path, OLD)
    record.write(tmp_path, run("ant_20260827_120006_bcdf", "prod"))
    assert record.last(tmp_path, "local") == OLD


def test_the_last_run_of_a_job_is_that_jobs(tmp_path: Path) -> None:
    earlier = run("zebra_20260826_120005_bcdf")
    for each in (NEW, OLD, earlier):
        record.write(tmp_path, each)
    assert record.last_of(tmp_path, "local", "zebra") == OLD
    assert record.last_of(tmp_path, "prod", "zebra") is None
    assert record.last_of(tmp_path, "local", "bee") is None


def test_texts_that_are_kept_come_back(tmp_path: Path) -> None:
    assert record.kept(tmp_path, OLD.name, ["a", "b"]) == {}
    record.keep(tmp_path, OLD.name, {"a": "1\n"})
    record.keep(tmp_path, OLD.name, {"b": "2\n"})
    assert record.kept(tmp_path, OLD.name, ["a", "b", "c"]) == {"a": "1\n", "b": "2\n"}


def test_without_receipts_there_is_no_last_run(tmp_path: Path) -> None:
    with pytest.raises(NotReady, match="inv run"):
        record.last(tmp_path, "local")


def test_a_receipt_of_another_version_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    file = record.write(tmp_path, OLD)
    entries = json.loads(file.read_text())
    del entries["runs_app"]
    file.write_text(json.dumps({**entries, "new": 1}))
    assert record.find(tmp_path, OLD.name) == OLD


def test_a_receipt_that_is_not_ours_is_passed_over(tmp_path: Path) -> None:
    record.write(tmp_path, OLD)
    (record.folder(tmp_path) / "broken.json").write_text("{")
    (record.folder(tmp_path) / "other.json").write_text('{"name": "x"}')
    assert record.last(tmp_path, "local") == OLD
    assert record.find(tmp_path, "nothing") is None
