"""The records of runs: written at submission, completed by whoever sees the end, read with nothing but the account."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from spcs.run import history, receipts
from spcs.run.model import State
from spcs.run.record import from_json
from spcs.run.submit import execute, submit
from tests.wire.desk import STAGE, Desk, desk

METRICS = """
import json, os, pathlib
out = pathlib.Path(os.environ["MOUNT_PATH"])
(out / "metrics.json").write_text(json.dumps({"loss": 0.25}))
(out / "config.json").write_text(json.dumps({"seed": 3}))
"""


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with desk(tmp_path_factory.mktemp("history")) as made:
        yield made


def test_a_run_has_its_record_on_the_stage_from_its_submission_on(at: Desk) -> None:
    submission = at.submission("pass")
    run = submit(at.account, submission, at.root)
    (staged,) = at.account.list_stage(f"@{STAGE}/runs/{run.name}/{run.name}.json")
    assert staged.size == receipts.path(at.root, run.name).stat().st_size
    found = history.read(at.account, run)
    assert found
    assert found == receipts.read(at.root, run.name)
    assert found.statement == execute(submission)
    assert found.texts == {"spec.yaml": submission.spec}
    assert found.end is None


def test_who_follows_to_the_end_completes_the_record(at: Desk) -> None:
    run = at.start(METRICS)
    _, ended = at.follow(run)
    completed = history.complete(at.account, at.root, ended)
    assert completed.end
    assert (completed.end.state, completed.end.exit_code) == (State.DONE, 0)
    assert (completed.end.metrics, completed.end.program) == ({"loss": 0.25}, {"seed": 3})
    assert completed.end.files == 2
    assert completed.end.image_digest.startswith("sha256:")
    assert completed.end.created
    assert completed.end.started
    assert completed.end.ended
    assert completed.end.created <= completed.end.started <= completed.end.ended
    assert history.read(at.account, run) == completed == receipts.read(at.root, run.name)


def test_another_machine_completes_the_record_of_a_run_whose_desk_left(at: Desk, tmp_path: Path) -> None:
    run = at.start("print('so far'); raise SystemExit(7)")
    at.follow(run)
    found = history.look(at.account, tmp_path, run)
    assert found.end
    assert (found.end.state, found.end.exit_code) == (State.FAILED, 7)
    assert found.end.last_lines[-1] == "so far"
    assert found.submitted
    assert history.read(at.account, run) == found
    assert not list(tmp_path.iterdir())


def test_a_run_that_goes_on_has_no_end(at: Desk, tmp_path: Path) -> None:
    run = at.start("import time; time.sleep(120)")
    assert history.look(at.account, tmp_path, run).end is None
    at.account.query(f"DROP SERVICE {run.service}")
    assert history.look(at.account, tmp_path, run).end is None


def test_a_run_without_a_record_is_told_from_the_account(at: Desk, tmp_path: Path) -> None:
    run = at.start(METRICS)
    at.follow(run)
    at.account.query(f"REMOVE @{STAGE}/runs/{run.name}/{run.name}.json")
    found = history.look(at.account, tmp_path, run)
    assert found.metrics == {"loss": 0.25}
    assert found.submitted is None


def test_a_record_of_another_run_is_not_taken(at: Desk, tmp_path: Path) -> None:
    one, other = at.start("pass"), at.start("pass")
    wrong = tmp_path / f"{other.name}.json"
    wrong.write_bytes(receipts.path(at.root, one.name).read_bytes())
    at.account.put(wrong, f"@{STAGE}/runs/{other.name}/")
    assert from_json(wrong.read_bytes())
    assert history.read(at.account, other) is None
