"""kill -9, and what is there afterwards."""

from __future__ import annotations

import json
import socket
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.accounts import LocalAccount, local_account


@pytest.fixture
def account(tmp_path: Path) -> Iterator[LocalAccount]:
    with local_account(tmp_path, "process") as made:
        made.query("CREATE WAREHOUSE W")
        yield made


def crash(account: LocalAccount) -> None:
    """Kill the server and start it again; the old connection stays open."""
    account.kill()
    account.command("up", "--runtime", account.runtime)


def test_everything_is_there_after_a_crash_and_the_session_goes_on(account: LocalAccount, tmp_path: Path) -> None:
    (tmp_path / "f.txt").write_text("kept")
    account.query(f"PUT file://{tmp_path}/f.txt @RUNS/a AUTO_COMPRESS = FALSE")
    account.query("CREATE TABLE t (a INT, b VARCHAR(9))")
    account.query("INSERT INTO t VALUES (1, 'kept')")
    account.query("CREATE ROLE kept")
    port = account.port
    crash(account)
    assert account.port == port
    assert account.query("SELECT * FROM t") == [{"A": 1, "B": "kept"}]
    assert [row["type"] for row in account.query("DESCRIBE TABLE t")] == ["NUMBER(38,0)", "VARCHAR(9)"]
    assert [row["name"] for row in account.query("LIST @RUNS")] == ["runs/a/f.txt"]
    assert len(account.query("SHOW ROLES LIKE 'kept'")) == 1
    assert account.one("SELECT CURRENT_SCHEMA()") == "S"


def test_open_transaction_is_rolled_back_by_a_crash(account: LocalAccount) -> None:
    account.query("CREATE TABLE t (a INT)")
    account.query("BEGIN")
    account.query("INSERT INTO t VALUES (1)")
    crash(account)
    assert account.one("SELECT COUNT(*) FROM t") == 0


def test_statement_that_was_sent_before_a_crash_is_not_run_again(account: LocalAccount) -> None:
    own = json.loads((account.root / "credentials").read_text())
    body = {"data": {"LOGIN_NAME": own["user"], "PASSWORD": own["password"]}}
    login = httpx.post(f"http://{account.host}/session/v1/login-request", json=body, timeout=120).json()["data"]
    url = f"http://{account.host}/queries/v1/query-request?requestId={uuid.uuid4()}"
    headers = {"Authorization": f'Snowflake Token="{login["token"]}"'}
    statement = {"sqlText": "CREATE ROLE first"}
    assert httpx.post(url, headers=headers, json=statement, timeout=120).json()["success"]
    crash(account)
    again = httpx.post(url, headers=headers, json=statement, timeout=120).json()
    assert (again["success"], again["code"]) == (False, "300005")


def test_files_left_by_a_dead_server_are_no_server(account: LocalAccount) -> None:
    left = (account.root / "server.json").read_text()
    account.command("down")
    assert not (account.root / "server.json").exists()
    (account.root / "server.json").write_text(left)
    assert json.loads(account.command("up", "--runtime", "process").stdout)["pid"] != json.loads(left)["pid"]


def test_port_taken_by_another_program_is_said(account: LocalAccount) -> None:
    account.command("down")
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", account.port))
        other.listen()
        with pytest.raises(AssertionError, match=r"exit 3(.|\n)*is taken by another program"):
            account.command("up", "--runtime", "process")
