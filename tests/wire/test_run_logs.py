"""The log of a run, every line once and in order, whatever happens to the line, the node and the session."""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from spcs.account import Account, sql
from spcs.errors import SettingsProblem
from spcs.run import logs
from spcs.run.follow import Manner, follow
from spcs.run.logs import LogReader, Wanted
from spcs.run.model import ContainerStatus, LogLine, Run, State, rfc3339
from spcs.run.submit import submit
from tests.wire.desk import POOL, Desk, Seen, desk
from tests.wire.faults import DROPPED, GARBLED, LOST, Fault, answer, refused, slow

TWELVE = "import time\nfor i in range(12): print(i, flush=True); time.sleep(0.1)"
BURST = "for i in range(5000): print(f'{i:06d} ' + 'x' * 40)"
LOGS, RECORDS = "GET_SERVICE_LOGS", "SPCS_GET_LOGS"


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with desk(tmp_path_factory.mktemp("logs")) as made:
        yield made


@pytest.fixture
def let_go(at: Desk) -> Iterator[None]:
    """The pool lets its nodes go, and with them the logs they kept."""
    at.account.query(f"ALTER COMPUTE POOL {POOL} SUSPEND")
    yield
    at.account.query(f"ALTER COMPUTE POOL {POOL} RESUME")


def read(account: Account, run: Run, wanted: Wanted | None = None) -> Seen:
    seen = Seen()
    logs.read(account, run, seen, wanted)
    return seen


def numbers(seen: Seen) -> list[int]:
    return [int(text[:6]) for text in seen.texts]


def test_a_hundred_thousand_lines_of_two_seconds_arrive_whole_and_in_order(at: Desk) -> None:
    code = (
        "import os\nfor k in range(1000): os.write(1, b''.join(b'%06d of a burst\\n' % (100*k+i) for i in range(100)))"
    )
    run = at.start(code)
    seen, ended = at.follow(run)
    assert ended.state is State.DONE
    assert numbers(seen) == list(range(100_000))
    assert (seen.lines[-1].time - seen.lines[10].time) < 60e9, "it was no burst"


@pytest.mark.parametrize(
    "faults",
    [
        (DROPPED, Fault(), DROPPED),
        (Fault(), LOST, LOST),
        (slow(0.7), slow(0.7)),
        (Fault(), refused("390112", "Session token has expired. Renew it with the master token.")),
        (Fault(), refused("390111", "Session no longer exists. New login required to access the service.")),
    ],
    ids=["dropped", "lost", "slow", "session expired", "session gone"],
)
def test_a_bad_line_loses_and_repeats_nothing(at: Desk, faults: tuple[Fault, ...]) -> None:
    with at.bad_line() as (line, account):
        line.on(LOGS, *faults)
        line.on("DESCRIBE SERVICE", *faults)
        seen, ended = at.follow(at.start(TWELVE), account=account)
        assert ended.state is State.DONE
        assert seen.texts == [str(i) for i in range(12)]
        assert line.times(LOGS) >= len(faults) <= line.times("DESCRIBE SERVICE"), "not all of it happened"


def test_a_session_that_is_over_for_good_begins_anew(tmp_path_factory: pytest.TempPathFactory) -> None:
    short = {"SPCS_LOCAL_SESSION_S": "1", "SPCS_LOCAL_MASTER_S": "1"}
    with desk(tmp_path_factory.mktemp("short"), **short) as own:
        seen, ended = own.follow(own.start(TWELVE))
    assert ended.state is State.DONE
    assert seen.texts == [str(i) for i in range(12)]


def test_records_that_come_late_are_waited_for(at: Desk) -> None:
    run = at.start(BURST)
    at.follow(run)
    nothing = answer(("TIMESTAMP", "LOG"))
    with at.bad_line() as (line, account):
        line.on(RECORDS, nothing, nothing)
        seen, _ = at.follow(run, account=account)
    assert numbers(seen) == list(range(5000))
    assert seen.notices == ["the log grew faster than Snowflake hands it out; waiting for its records"]


def test_lines_that_nobody_has_any_more_are_told_of(at: Desk) -> None:
    run = at.start(BURST)
    at.follow(run)
    with at.bad_line() as (line, account):
        line.on(f"{RECORDS}|TELEMETRY", then=lambda: itertools.repeat(refused("003001", "Insufficient privileges")))
        seen = read(account, run)
    assert numbers(seen) == list(range(5000 - len(seen.texts), 5000)), "the newest"
    (notice,) = seen.notices
    assert "some lines are missing here, and cannot be read from its records" in notice


@pytest.mark.usefixtures("let_go")
def test_a_node_that_is_gone_leaves_the_records(at: Desk) -> None:
    run = Run("x", "DB", "S", "")
    at.account.query(f"ALTER COMPUTE POOL {POOL} RESUME")
    run = at.start(BURST)
    whole, _ = at.follow(run)
    at.account.query(f"ALTER COMPUTE POOL {POOL} SUSPEND")
    for unknown in (False, True):
        with at.bad_line() as (line, account):
            if unknown:
                why = refused("002143", "SQL compilation error:\nUnknown user-defined table function SPCS_GET_LOGS")
                line.on(RECORDS, why)
            seen = read(account, run)
            assert seen.texts == whole.texts
            assert line.times("TELEMETRY") == unknown
            assert seen.notices == []


@pytest.mark.usefixtures("let_go")
def test_a_log_that_cannot_be_read_anywhere_says_why(at: Desk) -> None:
    at.account.query(f"ALTER COMPUTE POOL {POOL} RESUME")
    run = at.start("print('x')")
    at.follow(run)
    at.account.query(f"ALTER COMPUTE POOL {POOL} SUSPEND")
    with at.bad_line() as (line, account):
        line.on(RECORDS, refused("002143", "Unknown user-defined table function"))
        line.on("event_table", answer(("key", "value")))
        seen = read(account, run)
    assert seen.texts == []
    (notice,) = seen.notices
    assert "has let its nodes go" in notice
    assert "no event table" in notice


def test_what_a_container_said_before_it_was_restarted_is_read_first(at: Desk) -> None:
    run = at.start("print('x')")
    at.follow(run)
    columns = ("instance_id", "container_name", "status", "message", "restart_count", "last_exit_code")
    before, after = (("0", "main", "READY", "Running", count, None) for count in ("0", "1"))
    stamp = "2026-11-27T12:00:0{0}.{0}00000000Z {1}".format
    with at.bad_line() as (line, account):
        line.on("DESCRIBE SERVICE", *[answer(("name", "status"), (run.name, "RUNNING"))] * 2, Fault())
        line.on(
            "SHOW SERVICE CONTAINERS",
            answer(columns, before),
            then=lambda: iter([answer(columns, before), *[answer(columns, after)] * 20]),
        )
        line.on(
            r"FALSE, '', TRUE|FALSE, '2",
            answer(("x",), (stamp(1, "one"),)),
            answer(("x",), (stamp(4, "four"),)),
            *[answer(("x",), (stamp(4, "four"),))] * 20,
        )
        line.on(r"LOGS\(.*TRUE, '", answer(("x",), ("\n".join([stamp(1, "one"), stamp(2, "two"), stamp(3, "three")]),)))
        seen, _ = at.follow(run, account=account)
    assert seen.texts == ["one", "two", "three", "four"]


def test_replicas_and_containers_with_bursts_of_their_own_are_merged_by_time(at: Desk) -> None:
    code = (
        "import os, time\nme = os.environ['SNOWFLAKE_JOB_INDEX'] + '{0}'\n"
        "for i in range(3000): print(me, i, 'x' * 50) or (i % 500 or time.sleep(0.05))"
    )
    codes = {name: code.replace("{0}", name) for name in ("one", "two")}
    run = submit(at.account, at.containers(codes, replicas=2), at.root)
    seen, ended = at.follow(run)
    assert ended.state is State.DONE
    for me in ("0one", "0two", "1one", "1two"):
        own = [int(text.split()[1]) for text in seen.texts if text.startswith(me)]
        assert own == list(range(3000)), me
    times = [line.time for line in seen.lines]
    assert times == sorted(times)


def test_a_poll_that_breaks_off_between_two_containers_loses_nothing(at: Desk) -> None:
    codes = {name: TWELVE.replace("print(i", f"print('{name}', i") for name in ("one", "two")}
    with at.bad_line() as (line, account):
        line.on("'two'", GARBLED, Fault(), GARBLED)
        seen, ended = at.follow(submit(at.account, at.containers(codes), at.root), account=account)
    assert ended.state is State.DONE
    assert seen.notices == ["the account does not answer; trying again"] * 2
    for name in codes:
        assert [text for text in seen.texts if text.startswith(name)] == [f"{name} {i}" for i in range(12)]


def test_a_replica_that_begins_later_is_waited_for(at: Desk) -> None:
    """Its first line may be older than one of a neighbour that was read before it was seen to have begun."""
    run = Run("late", "DB", "S", "")
    stamp = "2026-11-27T12:00:0{0}.000000000Z {1}".format
    with at.bad_line() as (line, account):
        line.on(", '0', 'main'", answer(("x",), (stamp(3, "three"),)), *[answer(("x",), (stamp(3, "three"),))] * 2)
        line.on(", '1', 'main'", answer(("x",), (stamp(2, "two"),)), answer(("x",), (stamp(2, "two"),)))
        reader = LogReader(account, run)
        first, second = ContainerStatus(0, "main", "READY"), ContainerStatus(1, "main", "PENDING")
        assert reader.poll([first, second]) == []
        found = reader.poll([first, replace(second, status="READY")]) + reader.flush()
    assert [each.text for each in found] == ["two", "three"]


@pytest.fixture(scope="module")
def wide(at: Desk) -> tuple[Run, list[LogLine]]:
    """A run of two replicas with two containers each, and its lines."""
    code = "import time\nfor i in range(3): print('step', i); time.sleep(0.02)"
    run = submit(at.account, at.containers({"main": code, "side": code}, replicas=2), at.root)
    seen, _ = at.follow(run)
    return run, [line for line in seen.lines if "[local account]" not in line.text]


def test_lines_can_be_chosen_by_replica_container_text_and_time(at: Desk, wide: tuple[Run, list[LogLine]]) -> None:
    run, everything = wide
    seen = read(at.account, run, Wanted(instance=1, container="side", pattern=re.compile("step [12]")))
    assert [(line.instance, line.container, line.text) for line in seen.lines] == [
        (1, "side", "step 1"),
        (1, "side", "step 2"),
    ]
    middle = everything[len(everything) // 2].time
    late = read(at.account, run, Wanted(since=middle))
    assert late.lines == [line for line in everything if line.time // 1000 >= middle // 1000]
    followed, _ = at.follow(run, Manner(Wanted(instance=0, pattern=re.compile("step 2"))))
    assert [(line.instance, line.text) for line in followed.lines] == [(0, "step 2")] * 2


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (Wanted(container="nope"), "has no container 'nope'"),
        (Wanted(instance=7), "has no replica 7"),
        (Wanted(instance=7, container="main"), "has no container 'main' of replica 7"),
    ],
)
def test_a_container_that_is_not_there_is_a_wrong_word(
    at: Desk, wide: tuple[Run, list[LogLine]], wanted: Wanted, said: str
) -> None:
    with pytest.raises(SettingsProblem, match=said) as caught:
        read(at.account, wide[0], wanted)
    assert caught.value.code == 2
    assert "0/main, 0/side, 1/main, 1/side" in caught.value.fix


def test_a_last_line_larger_than_an_answer_arrives_whole(at: Desk) -> None:
    run = at.start("import sys; print('small'); sys.stdout.write('y' * 900_000)")
    seen, ended = at.follow(run)
    assert ended.state is State.DONE
    assert seen.texts == ["small", "y" * 900_000]
    assert seen.notices == []
    assert read(at.account, run).texts == seen.texts


def test_who_only_waits_reads_the_end_of_the_log_for_the_verdict(at: Desk) -> None:
    run = at.start(BURST + "\nraise SystemExit(3)")
    with at.bad_line() as (line, account):
        seen, ended = at.follow(run, Manner(shows=False), account)
        assert line.times(RECORDS) == 0
    assert (seen.lines, seen.notices) == ([], [])
    assert ended.last_lines[-1].startswith("004999")


def test_the_iterator_gives_time_replica_container_and_line(at: Desk) -> None:
    began = time.time_ns()
    run = at.start("print('hello')")
    seen = Seen()
    follow(at.account, run, seen)
    (line,) = [line for line in seen.lines if line.text == "hello"]
    assert (line.instance, line.container) == (0, "main")
    assert began <= line.time <= time.time_ns()
    assert line.stamp == rfc3339(line.time)


def test_a_statement_for_the_event_table_is_one_the_account_knows(at: Desk, wide: tuple[Run, list[LogLine]]) -> None:
    run, everything = wide
    (parameter,) = at.account.query(sql.show_event_table())
    side = [line for line in everything if (line.instance, line.container) == (1, "side")]
    since = rfc3339(side[1].time // 1000 * 1000)
    statement = sql.logged_events(parameter["value"], "db", "s", run.name, 1, "side", since=since)
    assert [row["value"] for row in at.account.query(statement)] == [f'"{line.text}"' for line in side[1:]]


def test_a_reader_never_gives_a_line_twice(at: Desk, wide: tuple[Run, list[LogLine]]) -> None:
    run, everything = wide
    from spcs.run import watch

    reader = LogReader(at.account, run)
    containers = watch.observe(at.account, run).containers
    found = [line for _ in range(4) for line in reader.poll(containers)] + reader.flush()
    assert [line for line in found if "[local account]" not in line.text] == everything
