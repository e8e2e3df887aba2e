"""Leaving a run and coming back to it, and starting it once whatever happens to the answers: over the wire."""

from __future__ import annotations

import itertools
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import Any

import pytest

from spcs.account import client
from spcs.errors import JobFailed, NotReady, Refused
from spcs.run import files, receipts, verdict, watch
from spcs.run import follow as following
from spcs.run import submit as submitting
from spcs.run.follow import Manner, await_start, follow
from spcs.run.model import LogLine, Run, State
from spcs.run.submit import submit
from tests.support import REPO
from tests.terminal import Terminal
from tests.wire.desk import STAGE, Desk, Seen, desk, end_of_sessions
from tests.wire.faults import DROPPED, GARBLED, LOST, Fault, refused, slow

PAINT = re.compile(r"\x1b\[[\d;]*m")
GOING = "import time\nprint('going', flush=True)\ntime.sleep(120)"
FOLLOWER = """
import json, sys
from pathlib import Path
from spcs.account import Account, resolve
from spcs.errors import Problem
from spcs.run import verdict
from spcs.run.follow import Manner, follow
from spcs.run.model import Run
from spcs.show.live import run_view
from spcs.show.runs import stop_or_leave
root, entries = sys.argv[1:]
run = Run(**json.loads(entries))
try:
    account = Account(resolve("local", Path(root)), name="local")
    with run_view(run) as view:
        stops = lambda: view.close() or stop_or_leave(run)
        verdict.check(follow(account, run, view, Manner(stops=stops)))
except Problem as problem:
    print(problem.message, file=sys.stderr)
    sys.exit(problem.code)
"""


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with desk(tmp_path_factory.mktemp("leaving")) as made:
        yield made


@pytest.fixture
def going(at: Desk) -> Iterator[Run]:
    run = at.start(GOING)
    yield run
    files.cancel(at.account, run)


def follower(at: Desk, run: Run) -> list[str]:
    return [sys.executable, "-c", FOLLOWER, str(at.root), json.dumps(asdict(run))]


def jobs(at: Desk) -> set[str]:
    """The names of all jobs that the account has."""
    return {run.name for run, _ in files.runs(at.account, "DB", "S", STAGE, "local")}


@pytest.mark.parametrize(("answer", "code", "state"), [("y", 1, State.CANCELLED), ("", 130, State.RUNNING)])
def test_ctrl_c_on_a_terminal_asks(at: Desk, going: Run, answer: str, code: int, state: State) -> None:
    terminal = Terminal(follower(at, going), REPO, at.env)
    terminal.until("going\r\n")
    terminal.type("\x03")
    terminal.until(f"stop {going.name}? [y/N, Enter leaves it running] ")
    terminal.type(f"{answer}\r")
    assert terminal.end() == code, terminal.shown
    assert watch.observe(at.account, going).state is state
    if code == 130:
        assert f"inv logs --run {going.name} --follow" in terminal.shown
    assert "Traceback" not in terminal.shown


@pytest.mark.parametrize("env", [{}, {"NO_COLOR": "1"}])
def test_a_terminal_shows_below_the_log_how_the_run_is(at: Desk, env: dict[str, str]) -> None:
    code = (
        "import time\nfor i in (1, 2, 4): print(f'step={i} loss={1 / i} rows_per_s=900', flush=True)\ntime.sleep(120)"
    )
    run = at.start(code)
    terminal = Terminal(follower(at, run), REPO, at.env | env)
    terminal.until("loss 0.25 █▃▁")
    assert "step 4  loss 0.25 █▃▁" in PAINT.sub("", terminal.shown)
    assert "running" in terminal.shown
    assert bool(PAINT.search(terminal.shown)) == (not env)
    files.cancel(at.account, run)
    assert terminal.end() == 1
    assert "step=4 loss=0.25 rows_per_s=900\r\n" in terminal.shown


def test_a_narrow_terminal_is_not_run_over(at: Desk, going: Run) -> None:
    terminal = Terminal(follower(at, going), REPO, at.env | {"COLUMNS": "24"})
    terminal.until("…")
    terminal.type("\x03")
    terminal.until("Enter leaves it running] ")
    terminal.type("\r")
    assert terminal.end() == 130


def test_a_second_ctrl_c_at_the_question_leaves(at: Desk, going: Run) -> None:
    terminal = Terminal(follower(at, going), REPO, at.env)
    terminal.until("going\r\n")
    terminal.type("\x03")
    terminal.until("Enter leaves it running] ")
    terminal.type("\x03")
    assert terminal.end() == 130, terminal.shown
    assert watch.observe(at.account, going).state is State.RUNNING


def test_a_time_limit_leaves_the_job_running(at: Desk, going: Run) -> None:
    for shows in (True, False):
        with pytest.raises(NotReady, match=r"has not ended within 0\.5 s; it goes on") as caught:
            at.follow(going, Manner(limit=0.5, shows=shows))
        assert caught.value.code == 3
        assert f"inv logs --run {going.name} --follow" in caught.value.fix
    assert watch.observe(at.account, going).state is State.RUNNING


def test_who_awaits_the_start_leaves_once_it_runs(at: Desk, going: Run) -> None:
    seen = Seen()
    assert await_start(at.account, going, seen, Manner(shows=False)) is None
    assert (seen.states[-1].state, seen.lines) == (State.RUNNING, [])


def test_who_awaits_the_start_of_a_run_that_has_ended_gets_its_verdict(at: Desk) -> None:
    run = at.start("raise SystemExit(4)")
    at.follow(run)
    ended = await_start(at.account, run, Seen(), Manner(shows=False))
    assert ended
    assert (ended.state, ended.container and ended.container.exit_code) == (State.FAILED, 4)


def test_a_submit_whose_answer_is_lost_starts_one_job(at: Desk) -> None:
    made, before = at.submission("print('once')"), jobs(at)
    with at.bad_line() as (line, account):
        line.on("EXECUTE JOB", LOST, slow(0.5), LOST)
        submit(account, made, at.root)
        assert line.times("EXECUTE JOB") >= 2
    assert jobs(at) - before == {made.run.name}
    seen, _ = at.follow(made.run)
    assert seen.texts == ["once"]


def test_a_submit_that_is_sent_anew_finds_its_own_job(at: Desk) -> None:
    """Here the connector gives up, so that the statement goes out once more as another one."""
    made, before = at.submission("print('once')"), jobs(at)
    with at.bad_line() as (line, account):
        line.on("EXECUTE JOB", GARBLED)
        submit(account, made, at.root)
        sent = {request for text, request in zip(line.heard, line.requests, strict=True) if "EXECUTE JOB" in text}
        assert len(sent) == 2
    assert jobs(at) - before == {made.run.name}
    assert receipts.find(at.root, made.run.name) == made.run


def test_a_submit_that_nobody_answers_is_left_open(at: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(submitting, "SILENCE", 0.5)
    made, before = at.submission("print('never')"), jobs(at)
    with at.bad_line() as (line, account):
        line.on("EXECUTE JOB", then=lambda: itertools.repeat(replace(GARBLED, arrives=False)))
        with pytest.raises(NotReady, match=r"stopped answering while the run .* was being started") as caught:
            submit(account, made, at.root)
    assert caught.value.code == 3
    assert f"inv status --run {made.run.name}" in caught.value.fix
    assert receipts.find(at.root, made.run.name), "it could not be found again"
    assert jobs(at) == before


def staged(at: Desk, run: Run) -> list[str]:
    """The kinds of its files on the stage."""
    return sorted(file.name.rpartition(".")[2] for file in at.account.list_stage(f"@{STAGE}/runs/{run.name}/"))


def test_a_run_whose_files_do_not_all_arrive_leaves_none(at: Desk) -> None:
    made, before = at.submission("print('never')"), jobs(at)
    with at.bad_line() as (line, account):
        line.on("PUT .*json", refused("003001", "SQL access control error: Insufficient privileges on stage"))
        with pytest.raises(Refused, match="privilege"):
            submit(account, made, at.root)
        assert line.times("PUT .*yaml") == 1
        assert line.times("EXECUTE JOB") == 0
    assert jobs(at) == before
    assert staged(at, made.run) == []
    assert not receipts.find(at.root, made.run.name)


def test_a_submit_that_is_refused_after_a_lost_answer_keeps_all_that_its_job_may_need(at: Desk) -> None:
    made = at.submission("print('once')", image="nothing:1")
    with at.bad_line() as (line, account):
        line.on("EXECUTE JOB", replace(GARBLED, arrives=False))
        with pytest.raises(NotReady, match="image") as caught:
            submit(account, made, at.root)
        assert line.times("EXECUTE JOB") == 2
    assert f"inv status --run {made.run.name}" in caught.value.fix
    assert "inv build push" in caught.value.fix
    assert staged(at, made.run) == ["json", "yaml"]
    assert receipts.find(at.root, made.run.name) == made.run


@pytest.mark.parametrize("arrives", [True, False])
def test_an_answer_that_the_connector_does_not_understand_is_no_refusal(at: Desk, arrives: bool) -> None:
    made, before = at.submission("print('once')"), jobs(at)
    with at.bad_line() as (line, account):
        line.on("EXECUTE JOB", Fault(arrives, reply={"data": {}, "code": None, "message": None, "success": True}))
        with pytest.raises(Refused):
            submit(account, made, at.root)
    assert jobs(at) - before == ({made.run.name} if arrives else set())
    assert staged(at, made.run) == ["json", "yaml"]
    assert receipts.find(at.root, made.run.name) == made.run


def test_a_login_that_is_refused_while_the_account_is_asked_how_it_went_is_no_refusal_of_the_run(
    at: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, before, send = at.submission("print('once')"), jobs(at), client._submit
    with at.bad_line() as (line, account):

        def then_over(connection: Any, statement: str) -> str:
            query_id = send(connection, statement)
            line.on("login-request", then=lambda: itertools.repeat(refused("390100", "Incorrect username or password")))
            end_of_sessions(at.root)
            return query_id

        monkeypatch.setattr(client, "_submit", then_over)
        with pytest.raises(Refused, match="refused the login"):
            submit(account, made, at.root)
    assert jobs(at) - before == {made.run.name}
    assert staged(at, made.run) == ["json", "yaml"]
    assert receipts.find(at.root, made.run.name) == made.run


def test_a_statement_that_the_account_has_no_news_of_may_still_start_its_run(
    at: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "NO_NEWS", 0.01)
    made = at.submission("print('once')")
    with at.bad_line() as (line, account):
        nothing = Fault(arrives=False, reply={"data": {"queries": []}, "code": None, "message": None, "success": True})
        line.on("/monitoring/queries", then=lambda: itertools.repeat(nothing))
        with pytest.raises(Refused, match="has no news"):
            submit(account, made, at.root)
    assert staged(at, made.run) == ["json", "yaml"]
    assert receipts.find(at.root, made.run.name) == made.run


def test_an_account_that_stays_silent_ends_the_following(at: Desk, going: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "SILENCE", 0.5)
    with at.bad_line(network_timeout=1) as (line, account):

        class Cutting(Seen):
            def line(self, line_: LogLine) -> None:
                super().line(line_)
                if line_.text == "going":
                    line.on("", then=lambda: itertools.repeat(DROPPED))

        seen = Cutting()
        with pytest.raises(NotReady, match="does not answer") as caught:
            follow(account, going, seen)
    assert caught.value.code == 3
    assert seen.notices == ["the account does not answer; trying again"]
    assert watch.observe(at.account, going).state is State.RUNNING


def test_another_machine_needs_the_name_and_the_account_only(at: Desk, going: Run) -> None:
    elsewhere = Run(going.name, "DB", "S", STAGE)
    assert watch.observe(at.account, elsewhere).pool == "POOL"

    class Stopping(Seen):
        def line(self, line: LogLine) -> None:
            super().line(line)
            if line.text == "going":
                files.cancel(at.account, elsewhere)

    seen = Stopping()
    ended = follow(at.account, elsewhere, seen)
    assert seen.texts == ["going"]
    with pytest.raises(JobFailed):
        verdict.check(ended)
