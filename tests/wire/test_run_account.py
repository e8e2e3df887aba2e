"""Runs as objects of an account: started, refused, cancelled, listed, read and fetched afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from spcs.account import Account
from spcs.account.errors import Missing
from spcs.errors import JobFailed, NotReady, Problem, Refused
from spcs.run import files, logs, names, receipts, verdict, watch
from spcs.run.model import Run, State
from spcs.run.submit import submit
from tests.wire.desk import STAGE, Desk, Seen, desk
from tests.wire.faults import refused


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with desk(tmp_path_factory.mktemp("runs")) as made:
        yield made


SLEEP = "import time\nprint('going', flush=True)\ntime.sleep(120)"


def test_a_submitted_run_has_its_spec_on_the_stage_and_a_receipt(at: Desk) -> None:
    run = at.start("pass")
    (staged,) = at.account.list_stage(f"@{STAGE}/runs/{run.name}/spec.yaml")
    assert staged.size == receipts.spec_file(at.root, run.name).stat().st_size
    assert receipts.last(at.root, "local") == run
    assert receipts.find(at.root, run.name) == run


def test_a_name_that_is_taken_is_refused_with_four(at: Desk) -> None:
    submission = at.submission("pass")
    submit(at.account, submission, at.root)
    with pytest.raises(Refused) as caught:
        submit(at.account, submission, at.root)
    assert caught.value.code == 4
    assert caught.value.errno == 2002
    assert submission.run.name.upper() in caught.value.what
    assert "inv run" in caught.value.fix


def traces(at: Desk, run: Run) -> list[str]:
    """What there is of a run, on the stage and on the desk."""
    staged = [file.name.rpartition("/")[2] for file in at.account.list_stage(names.folder(STAGE, run.name))]
    receipt, spec = receipts.path(at.root, run.name), receipts.spec_file(at.root, run.name)
    return sorted(staged) + [str(file) for file in (receipt, spec.parent, spec) if file.exists()]


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        ("volumeMounts", "volumeMount", Refused),
        ("images/tiny:1", "images/nothing:1", NotReady),
        ("images/tiny:1", "nowhere/tiny:1", Missing),
    ],
)
def test_a_submit_that_was_refused_leaves_no_trace(at: Desk, old: str, new: str, kind: type[Problem]) -> None:
    other, submission = at.start("pass"), at.submission("pass")
    with pytest.raises(kind) as caught:
        submit(at.account, replace(submission, spec=submission.spec.replace(old, new)), at.root)
    assert new.rpartition("/")[0].upper() in caught.value.why.upper()
    assert traces(at, submission.run) == []
    assert len(traces(at, other)) == 5


def test_a_name_that_is_taken_keeps_what_is_there_of_its_run(at: Desk) -> None:
    submission = at.submission("pass")
    submit(at.account, submission, at.root)
    before = traces(at, submission.run)
    with pytest.raises(Refused):
        submit(at.account, submission, at.root)
    assert traces(at, submission.run) == before


def test_a_role_that_may_not_remove_what_it_wrote_is_told_the_refusal_all_the_same(at: Desk) -> None:
    submission = at.submission("pass", image="nothing:1")
    with at.bad_line() as (line, account):
        line.on("REMOVE", refused("003001", "Insufficient privileges to operate on stage 'RUNS'"))
        with pytest.raises(NotReady, match="image"):
            submit(account, submission, at.root)
        assert line.times("REMOVE") == 1


def test_a_pool_that_is_missing_is_not_ready(at: Desk) -> None:
    submission = at.submission("pass")
    elsewhere = replace(submission, run=replace(submission.run, pool="NOWHERE"))
    with pytest.raises(NotReady, match="NOWHERE") as caught:
        submit(at.account, elsewhere, at.root)
    assert caught.value.code == 3
    assert "inv setup" in caught.value.fix


def test_an_image_that_is_missing_is_not_ready(at: Desk) -> None:
    with pytest.raises(NotReady, match="image") as caught:
        at.start("pass", image="nothing:1")
    assert "inv build push" in caught.value.fix


def test_cancel_stops_a_run_and_its_verdict_says_so(at: Desk) -> None:
    run = at.start(SLEEP)
    assert files.cancel(at.account, run) in (State.CANCELLING, State.CANCELLED)
    _, ended = at.follow(run)
    assert ended.state is State.CANCELLED
    with pytest.raises(JobFailed, match="was cancelled") as caught:
        verdict.check(ended)
    assert caught.value.code == 1


def test_cancelling_what_has_ended_changes_nothing(at: Desk) -> None:
    run = at.start("pass")
    at.follow(run)
    assert files.cancel(at.account, run) is State.DONE


def test_the_log_can_be_read_after_the_end_again_and_again(at: Desk) -> None:
    run = at.start("for i in range(300): print(i)")
    seen, _ = at.follow(run)
    for _ in range(2):
        again = Seen()
        logs.read(at.account, run, again)
        assert again.lines == seen.lines


def test_a_burst_can_be_read_whole_after_the_end(at: Desk) -> None:
    run = at.start("for i in range(5000): print(f'{i:06d} ' + 'x' * 40)")
    at.follow(run)
    again = Seen()
    logs.read(at.account, run, again)
    assert [int(text[:6]) for text in again.texts] == list(range(5000))


def test_following_a_run_that_has_ended_gives_log_and_verdict(at: Desk) -> None:
    run = at.start("print('once')")
    at.follow(run)
    seen, ended = at.follow(run)
    assert seen.texts == ["once"]
    assert ended.state is State.DONE


def test_a_run_nobody_knows_is_not_ready(at: Desk) -> None:
    run = Run(names.new_run("tiny"), "DB", "S", STAGE)
    with pytest.raises(NotReady, match=run.name) as caught:
        watch.observe(at.account, run)
    assert caught.value.code == 3
    with pytest.raises(NotReady):
        at.follow(run)


def test_the_account_lists_its_runs_without_receipts(at: Desk) -> None:
    run = at.start("pass", job="listed")
    at.follow(run)
    listed = {each.name: state for each, state in files.runs(at.account, "DB", "S", STAGE, "local")}
    assert listed[run.name] is State.DONE


def test_a_dry_submit_says_what_would_be_sent_and_writes_nothing(at: Desk) -> None:
    said: list[str] = []
    submission = at.submission("pass")
    submit(Account({}, name="local", dry=True, say=said.append), submission, at.root, dry=True)
    assert said[0].startswith("PUT file://")
    assert f"@{STAGE}/runs/{submission.run.name}/" in said[0]
    assert f"{submission.run.name}.json" in said[1]
    assert "EXECUTE JOB SERVICE" in said[2]
    assert "ASYNC = TRUE" in said[2]
    assert not receipts.spec_file(at.root, submission.run.name).exists()
    assert receipts.find(at.root, submission.run.name) is None


def test_a_replica_is_an_instance_of_its_own(at: Desk) -> None:
    run = at.start("import os; print('I am', os.environ['SNOWFLAKE_JOB_INDEX'])", replicas=2)
    seen, ended = at.follow(run)
    assert ended.state is State.DONE
    assert {(line.instance, line.text) for line in seen.lines if line.text.startswith("I")} == {
        (0, "I am 0"),
        (1, "I am 1"),
    }
