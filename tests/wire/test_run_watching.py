"""What is seen of a run while it waits, and when waiting is given up: over the wire."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from spcs.errors import JobFailed, Refused
from spcs.run import files, verdict, watch
from spcs.run.follow import Budget, Manner, follow
from spcs.run.model import Run, Snapshot, State
from spcs.run.submit import submit
from tests.wire.desk import Desk, Seen, desk
from tests.wire.faults import Fault, answer


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with desk(tmp_path_factory.mktemp("watching")) as made:
        yield made


@pytest.fixture
def asleep(at: Desk) -> Iterator[str]:
    """A pool without a node, which does not resume by itself."""
    name = "ASLEEP"
    family = "MIN_NODES=1 MAX_NODES=1 INSTANCE_FAMILY=CPU_X64_XS AUTO_RESUME=FALSE INITIALLY_SUSPENDED=TRUE"
    at.account.query(f"CREATE COMPUTE POOL {name} {family}")
    yield name
    at.account.query(f"DROP COMPUTE POOL {name}")


def test_a_run_that_waits_for_its_pool_says_so_and_starts_once_it_is_there(at: Desk, asleep: str) -> None:
    run = at.start("print('awake')", pool=asleep)

    class Waking(Seen):
        def state(self, snapshot: Snapshot) -> None:
            super().state(snapshot)
            if snapshot.state is State.PENDING and len(self.states) == 1:
                at.account.query(f"ALTER COMPUTE POOL {asleep} RESUME")

    seen = Waking()
    assert follow(at.account, run, seen).state is State.DONE
    waiting = seen.states[0]
    assert waiting.waits_for == (
        "pool ASLEEP is suspended and does not resume by itself: ALTER COMPUTE POOL ASLEEP RESUME"
    )
    assert waiting.waited is not None
    assert 0 <= waiting.waited < 120
    assert seen.texts == ["awake"]


def test_a_run_for_which_no_machine_has_room_says_what_to_do(at: Desk) -> None:
    run = at.start("print('x')")
    crowded = "Unschedulable due to insufficient resources"
    with at.bad_line() as (line, account):
        pending = answer(("name", "status", "compute_pool"), (run.name.upper(), "PENDING", "POOL"))
        columns = ("instance_id", "container_name", "status", "message")
        line.on("DESCRIBE SERVICE", pending, pending, Fault())
        line.on("SHOW SERVICE CONTAINERS", *[answer(columns, ("0", "main", "PENDING", crowded))] * 2, Fault())
        seen, ended = at.follow(run, account=account)
    assert ended.state is State.DONE
    assert crowded in seen.states[0].waits_for
    (notice,) = seen.notices
    assert notice.startswith("DESCRIBE COMPUTE POOL POOL tells")


def without_image(at: Desk, asleep: str) -> Run:
    """A run whose image went while it waited."""
    at.account.query("CREATE IMAGE REPOSITORY DB.S.GOING")
    at.push("1", "GOING")
    made = at.submission("pass")
    text = made.spec.replace("/db/s/images/", "/db/s/going/")
    run = submit(at.account, replace(made, run=replace(made.run, pool=asleep), spec=text), at.root)
    at.account.query("DROP IMAGE REPOSITORY DB.S.GOING")
    at.account.query(f"ALTER COMPUTE POOL {asleep} RESUME")
    return run


def test_a_run_whose_image_cannot_be_pulled_is_given_up_at_once_and_stopped(at: Desk, asleep: str) -> None:
    run = without_image(at, asleep)
    seen, ended = at.follow(run, Manner(stop_doomed=True))
    assert ended.state is State.PENDING
    with pytest.raises(JobFailed, match="cannot start") as caught:
        verdict.check(ended)
    assert caught.value.code == 1
    assert "Failed to pull image" in caught.value.why
    assert "stopping the run: it cannot start" in seen.notices
    assert watch.observe(at.account, run).state in (State.CANCELLING, State.CANCELLED)


def test_a_request_that_no_node_can_meet_is_refused_at_once(at: Desk) -> None:
    made = at.submission("pass")
    spec = json.loads(made.spec)
    spec["spec"]["containers"][0]["resources"] = {"requests": {"cpu": 64}, "limits": {"cpu": 64}}
    with pytest.raises(Refused, match="more than a node") as caught:
        submit(at.account, replace(made, spec=json.dumps(spec)), at.root)
    assert caught.value.code == 4
    known = files.runs(at.account, "DB", "S", "DB.S.RUNS", "local")
    assert made.run.name not in [run.name for run, _ in known]


def test_a_run_that_has_cost_its_credits_is_stopped(at: Desk) -> None:
    run = at.start("import time\nprint('begun', flush=True)\ntime.sleep(600)")
    seen, ended = at.follow(run, Manner(budget=Budget(0.5, 1.0)))
    assert ended.state is State.CANCELLED
    assert ended.reason == "it has cost its max_credits, 0.5"
    assert ended.remedy == "raise jobs.tiny.max_credits in invoke.yaml, then inv run --job tiny"
    assert "stopping the run: it has cost its max_credits, 0.5" in seen.notices


def test_a_run_that_ends_within_its_credits_is_left_alone(at: Desk) -> None:
    seen, ended = at.follow(at.start("print('done')"), Manner(budget=Budget(0.5, 600.0)))
    assert (ended.state, ended.notes, seen.notices) == (State.DONE, (), [])


def test_a_state_never_heard_of_counts_as_running_until_a_final_one(at: Desk) -> None:
    run = at.start("print('x')")
    with at.bad_line() as (line, account):
        odd = answer(("name", "status", "compute_pool"), (run.name.upper(), "REBALANCING", "POOL"))
        line.on("DESCRIBE SERVICE", odd, odd, Fault())
        seen, ended = at.follow(run, account=account)
    assert ended.state is State.DONE
    assert seen.states[0].state is State.RUNNING
    assert seen.texts == ["x"]


def test_the_exit_code_is_waited_for_after_the_log_has_ended(at: Desk) -> None:
    code = "import os, time\nprint('all is well, exit code 0')\nos.close(1); os.close(2); time.sleep(0.7); os._exit(7)"
    seen, ended = at.follow(at.start(code))
    assert seen.texts == ["all is well, exit code 0"]
    assert (ended.state, ended.container and ended.container.exit_code) == (State.FAILED, 7)
