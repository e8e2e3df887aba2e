"""Logins, sessions, tokens, and what the server answers to what it does not know."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from snowflake.connector.errors import DatabaseError, ProgrammingError

from tests.accounts import LocalAccount, local_account


@pytest.fixture(scope="module")
def brief(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAccount]:
    """An account whose session tokens live for a second."""
    folder = tmp_path_factory.mktemp("brief")
    with local_account(folder, "process") as account:
        account.connection.close()
        account.command("down")
        account.command("up", "--runtime", "process", "--session-s", "1")
        account.connection = account.connect()
        yield account


def login(account: LocalAccount, **data: Any) -> dict[str, Any]:
    own = json.loads((account.root / "credentials").read_text())
    body = {"data": {"LOGIN_NAME": own["user"], "PASSWORD": own["password"], **data}}
    reply: dict[str, Any] = httpx.post(f"http://{account.host}/session/v1/login-request", json=body, timeout=120).json()
    return reply


def post(account: LocalAccount, path: str, token: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    headers = {"Authorization": f'Snowflake Token="{token}"'}
    answer = httpx.post(f"http://{account.host}{path}", headers=headers, json=body or {}, timeout=120)
    assert answer.status_code == 200
    reply: dict[str, Any] = answer.json()
    return reply


@pytest.mark.parametrize("wrong", [{"password": "x"}, {"user": "NOBODY"}])
def test_wrong_user_or_password_is_refused(wire: LocalAccount, wrong: dict[str, str]) -> None:
    with pytest.raises(DatabaseError, match="Incorrect username or password was specified") as caught:
        wire.connect(**wrong)
    assert caught.value.errno in (250001, 390100)


def test_credentials_and_state_are_for_their_owner_only(wire: LocalAccount) -> None:
    assert (wire.root / "credentials").stat().st_mode & 0o777 == 0o600
    assert wire.root.stat().st_mode & 0o777 == 0o700


def test_password_and_tokens_are_not_in_the_log(wire: LocalAccount) -> None:
    wire.query("SELECT 1")
    log = (wire.root / "server.log").read_text()
    assert json.loads((wire.root / "credentials").read_text())["password"] not in log
    assert "Token=" not in log


def test_session_begins_with_what_the_login_names(wire: LocalAccount) -> None:
    with wire.connect(database="db", schema="s", warehouse="w", role="sysadmin") as connection:
        found = connection.cursor().execute(
            "SELECT CURRENT_DATABASE(), CURRENT_SCHEMA(), CURRENT_WAREHOUSE(), CURRENT_ROLE(), CURRENT_USER()"
        )
        assert found.fetchone() == ("DB", "S", "W", "SYSADMIN", "LOCAL")


def test_names_in_a_login_that_do_not_exist_are_passed_over(wire: LocalAccount) -> None:
    with wire.connect(database="nowhere", warehouse="none") as connection:
        assert connection.cursor().execute("SELECT CURRENT_DATABASE(), CURRENT_WAREHOUSE()").fetchone() == (None, None)


@pytest.mark.parametrize("name", ["a-b", "my db", '"', "d.", "'", "$$"])
def test_names_in_a_login_that_are_no_names_are_those_of_nothing(wire: LocalAccount, name: str) -> None:
    with wire.connect(database=name, schema=name, warehouse=name) as connection:
        assert connection.cursor().execute("SELECT CURRENT_DATABASE(), CURRENT_WAREHOUSE()").fetchone() == (None, None)
    with pytest.raises(DatabaseError, match="is not granted to this user"):
        wire.connect(role=name)


def test_role_that_is_not_granted_is_refused_at_login(wire: LocalAccount) -> None:
    assert login(wire)["success"]
    with pytest.raises(DatabaseError, match="is not granted to this user"):
        wire.connect(role="STRANGER")


def test_other_authenticators_are_refused(wire: LocalAccount) -> None:
    reply = login(wire, AUTHENTICATOR="EXTERNALBROWSER")
    assert (reply["success"], reply["code"]) == (False, "390400")
    assert login(wire, AUTHENTICATOR="SNOWFLAKE_JWT", TOKEN="x")["code"] == "390144"
    assert login(wire, AUTHENTICATOR="PROGRAMMATIC_ACCESS_TOKEN", TOKEN="x")["code"] == "394400"
    assert login(wire, AUTHENTICATOR="OAUTH", TOKEN="guess")["code"] == "390303"


def test_expired_session_is_renewed_without_being_noticed(brief: LocalAccount) -> None:
    brief.query("USE SCHEMA DB.S")
    token = login(brief)["data"]["token"]
    while post(brief, "/session/heartbeat", token)["success"]:
        pass
    assert post(brief, "/session/heartbeat", token)["code"] == "390112"
    assert brief.one("SELECT CURRENT_SCHEMA()") == "S"


def test_renewed_and_issued_tokens_belong_to_the_same_session(wire: LocalAccount) -> None:
    data = login(wire)["data"]
    for kind in ("RENEW", "ISSUE"):
        body = {"requestType": kind, "oldSessionToken": data["token"]}
        reply = post(wire, "/session/token-request", data["masterToken"], body)["data"]
        assert reply["sessionId"] == data["sessionId"]
        assert reply["validityInSecondsST"] == 3600
        assert post(wire, "/session/heartbeat", reply["sessionToken"])["success"]
    assert post(wire, "/session/token-request", data["token"], {"requestType": "RENEW"})["code"] == "390111"


def test_closed_session_exists_no_more(wire: LocalAccount) -> None:
    token = login(wire)["data"]["token"]
    assert post(wire, "/session?delete=true", token)["success"]
    reply = post(wire, "/queries/v1/query-request?requestId=1", token, {"sqlText": "SELECT 1"})
    assert (reply["success"], reply["code"]) == (False, "390111")


def test_registry_login_gives_a_bearer_token(wire: LocalAccount) -> None:
    password = wire.registry_password()
    basic = base64.b64encode(f"0sessiontoken:{password}".encode()).decode()
    answer = httpx.get(f"http://{wire.host}/login", headers={"Authorization": f"Basic {basic}"})
    assert answer.json()["token"] == json.loads(password)["token"]
    assert httpx.get(f"http://{wire.host}/login").status_code == 401


def test_unknown_routes_are_404_in_json_and_telemetry_is_taken(wire: LocalAccount) -> None:
    answer = httpx.get(f"http://{wire.host}/api/v2/remote-build/jobs")
    assert answer.status_code == 404
    assert not answer.json()["success"]
    assert post(wire, "/telemetry/send", "", {"logs": []})["success"]


def test_bodies_that_make_no_sense_are_refused_without_5xx(wire: LocalAccount) -> None:
    url = f"http://{wire.host}/session/v1/login-request"
    for body in (b"", b"[]", b"\xff", b'{"data": 1}'):
        answer = httpx.post(url, content=body)
        assert answer.status_code == 200
        assert not answer.json()["success"]
    answer = httpx.post(url, content=b"no gzip", headers={"Content-Encoding": "gzip"})
    assert (answer.status_code, answer.json()["success"]) == (200, False)


def test_two_starts_at_once_make_one_server(tmp_path: Path) -> None:
    account = LocalAccount(tmp_path / ".local", {"SPCS_LOCAL_ROOT": str(tmp_path / ".local")}, "process")
    try:
        with ThreadPoolExecutor(3) as pool:
            lines = list(pool.map(lambda _: account.command("up", "--runtime", "process").stdout, range(3)))
        assert len({json.loads(line)["pid"] for line in lines}) == 1
    finally:
        account.command("reset")
    assert not (tmp_path / ".local").exists()


def test_session_that_has_no_role_for_it_may_not_use_it(wire: LocalAccount) -> None:
    wire.query("CREATE ROLE IF NOT EXISTS LONELY")
    with pytest.raises(ProgrammingError, match="not assigned to the executing user") as caught:
        wire.query("USE ROLE LONELY")
    assert caught.value.errno == 3013
