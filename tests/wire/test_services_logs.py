"""SYSTEM$GET_SERVICE_LOGS: what is returned, in which form, and when."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.accounts import LocalAccount, local_account, spec
from tests.wire import images

STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z ")


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAccount]:
    with local_account(tmp_path_factory.mktemp("logs"), "process") as made:
        images.push(f"{made.host}/db/s/images", made.registry_password())
        yield made


def done(account: LocalAccount, code: str) -> str:
    job = account.start(spec(code))
    assert account.wait(job) == "DONE", account.containers(job)
    return job


def test_lines_keep_their_text(account: LocalAccount) -> None:
    job = done(
        account, "import sys; print('  a\\tü'); print(); print('10%', end='\\r'); print('20%'); print('end', end='')"
    )
    assert account.logs(job) == ["  a\tü", "", "10%\r20%", "end"]


def test_both_streams_come_in_order_of_time(account: LocalAccount) -> None:
    code = "import sys, time\nfor i in range(4): print(i, file=sys.stderr if i % 2 else sys.stdout); time.sleep(0.1)"
    assert account.logs(done(account, code)) == ["0", "1", "2", "3"]


def test_bytes_that_are_not_text_do_no_harm(account: LocalAccount) -> None:
    job = done(account, "import os; os.write(1, b'a\\xff\\x00b\\nnext\\n')")
    assert account.logs(job) == ["a\ufffd\x00b", "next"]


def test_a_number_of_lines_gives_the_newest(account: LocalAccount) -> None:
    job = done(account, "[print(i) for i in range(100)]")
    assert account.logs(job, "main", 0, 3) == ["97", "98", "99"]
    assert account.logs(job, "main", 0, "2", "False") == ["98", "99"]


def test_times_have_nine_digits_and_since_is_inclusive(account: LocalAccount) -> None:
    job = done(account, "[print(i) for i in range(5)]")
    lines = account.logs(job, "main", 0, 100, False, "", True)
    assert all(STAMP.match(line) for line in lines)
    assert sorted(lines) == lines
    since = lines[2].split(" ")[0]
    assert account.logs(job, "main", 0, 100, False, since, True) == lines[2:]


def test_a_burst_is_cut_to_the_newest_100_kilobytes(account: LocalAccount) -> None:
    job = done(account, "[print(f'{i:06d}' + 'x' * 60) for i in range(5000)]")
    lines = account.logs(job)
    assert lines[-1].startswith("004999")
    assert {len(line) for line in lines[1:]} == {66}
    assert sum(len(line) + 1 for line in lines) == 102_400
    assert len(account.logs(job, "main", 0, 100000)) == len(lines)


def test_a_waiting_container_has_no_logs_yet(account: LocalAccount) -> None:
    account.query(
        "CREATE COMPUTE POOL ASLEEP MIN_NODES=1 MAX_NODES=1 INSTANCE_FAMILY=CPU_X64_XS"
        " AUTO_RESUME=FALSE INITIALLY_SUSPENDED=TRUE"
    )
    account.query(
        "EXECUTE JOB SERVICE IN COMPUTE POOL ASLEEP NAME = WAITING ASYNC = TRUE"
        f" FROM SPECIFICATION $${spec('print(1)')}$$"
    )
    error = account.refused("SELECT SYSTEM$GET_SERVICE_LOGS('WAITING', 0, 'main')")
    assert "Waiting to start, Container Status: PENDING" in str(error.msg)
    account.query("ALTER COMPUTE POOL ASLEEP RESUME")
    assert account.wait("WAITING") == "DONE"


def test_wrong_places_are_answered_with_the_right_ones(account: LocalAccount) -> None:
    job = done(account, "print(1)")
    assert "Available instances: 0" in str(account.refused(f"SELECT SYSTEM$GET_SERVICE_LOGS('{job}', 7, 'main')").msg)
    assert "Available containers: main" in str(account.refused(f"SELECT SYSTEM$GET_SERVICE_LOGS('{job}', 0, 'x')").msg)
    assert account.refused(f"SELECT SYSTEM$GET_SERVICE_LOGS('{job}', 0)").errno == 939
    assert account.refused(f"SELECT SYSTEM$GET_SERVICE_LOGS('{job}', 0, 'main', 'many')").errno == 100038


def test_the_log_begins_with_what_is_different_here(account: LocalAccount) -> None:
    job = done(account, "print(1)")
    text = account.one(f"CALL SYSTEM$GET_SERVICE_LOGS('DB.S.{job}', '0', 'main', 500, False, '', False)")
    assert text.split("\n")[0].startswith("[local account] no container engine here")
    assert "not enforced" in text


def test_the_recorded_log_holds_a_burst_whole(account: LocalAccount) -> None:
    job = done(account, "[print(f'{i:06d}' + 'x' * 60) for i in range(5000)]")
    rows = account.query(
        f"SELECT TIMESTAMP, LOG FROM TABLE(DB.S.{job}!SPCS_GET_LOGS(START_TIME => '2026-01-01'::TIMESTAMP_NTZ))"
        "\n  WHERE INSTANCE_ID = 0 AND CONTAINER_NAME = 'main'\n  ORDER BY TIMESTAMP"
    )
    lines = [row["LOG"] for row in rows if "[local account]" not in row["LOG"]]
    assert [int(line[:6]) for line in lines] == list(range(5000))
    assert rows[0]["TIMESTAMP"] <= rows[-1]["TIMESTAMP"]


def test_the_recorded_log_is_bounded_by_times_and_filters(account: LocalAccount) -> None:
    job = account.start(spec("import sys; print('out'); print('err', file=sys.stderr)", "print('side')"))
    account.wait(job)
    everything = account.query(f"SELECT * FROM TABLE({job}!SPCS_GET_LOGS()) ORDER BY TIMESTAMP DESC")
    side = [row for row in everything if row["CONTAINER_NAME"] == "side1" and row["LOG"] == "side"]
    assert [row["INSTANCE_ID"] for row in side] == [0]
    assert '"stderr"' in next(row["RECORD_ATTRIBUTES"] for row in everything if row["LOG"] == "err")
    assert account.query(f"SELECT LOG FROM TABLE({job}!SPCS_GET_LOGS(END_TIME => '2020-01-01'::TIMESTAMP_NTZ))") == []
    assert account.refused(f"SELECT LOG FROM TABLE({job}!SPCS_GET_LOGS(END_TIME => 'soon'))").errno == 100035
