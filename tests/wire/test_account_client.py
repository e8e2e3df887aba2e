"""`spcs.account` against a local account over the wire, with each version of the connector.

The same tests run here with the connector of this environment, and once more, in a process of their own, with the
version 4 that Snowpark and snowflake-ml-python put into an image.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from spcs.account import Account, Missing, client, resolve, sql
from spcs.errors import NotReady, Refused
from tests import support
from tests.wire.desk import end_of_sessions

# Says when it waits for a statement that lasts for hours.
WAITS = """
import sys
from pathlib import Path
from spcs.account import Account, client, resolve
sleep = client.time.sleep
def saying(seconds):
    print("waiting", flush=True)
    sleep(seconds)
client.time.sleep = saying
try:
    Account(resolve("local", Path()), name="local").statement(
        "SELECT COUNT(*) FROM TABLE(GENERATOR(ROWCOUNT => 1000000000000))", abort_on_interrupt=sys.argv[1] == "abort"
    )
except KeyboardInterrupt:
    sys.exit(130)
"""


TOKEN = """
from pathlib import Path
from spcs.account import Account, resolve
print(Account(resolve("local", Path()), name="local").registry_token().reveal())
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a running local account below it, in which a database, a schema and a stage are made."""
    folder = tmp_path_factory.mktemp("account")
    nowhere = f"unix://{folder / 'no-engine.sock'}"
    env = {"SPCS_LOCAL_ROOT": str(folder / ".local"), "DOCKER_HOST": nowhere, "CONTAINER_HOST": nowhere}
    command = [sys.executable, "-m", "local_account"]
    started = support.run([*command, "up"], support.REPO, env, 180)
    assert started.code == 0, started
    before = os.environ.get("SPCS_LOCAL_ROOT")
    os.environ["SPCS_LOCAL_ROOT"] = env["SPCS_LOCAL_ROOT"]
    try:
        with_context(folder, {}).query("CREATE DATABASE IF NOT EXISTS DB")
        for statement in ("CREATE SCHEMA DB.S", "CREATE STAGE DB.S.RUNS", "CREATE WAREHOUSE WH"):
            with_context(folder, {}).query(statement)
        yield folder
    finally:
        os.environ.pop("SPCS_LOCAL_ROOT") if before is None else os.environ.update(SPCS_LOCAL_ROOT=before)
        support.run([*command, "reset"], support.REPO, env, 180)


def with_context(root: Path, context: dict[str, str | int]) -> Account:
    return Account(resolve("local", root) | context, name="local")


@pytest.fixture
def account(root: Path) -> Iterator[Account]:
    made = with_context(root, {"database": "DB", "schema": "S", "warehouse": "WH"})
    yield made
    made.close()


def test_query_gives_rows_with_lower_case_keys(account: Account) -> None:
    assert account.query("SELECT 1 AS ONE, 'x' AS TEXT, NULL AS NOTHING") == [{"one": 1, "text": "x", "nothing": None}]


def test_statement_gives_the_same_rows(account: Account) -> None:
    assert account.statement("SELECT 1 AS ONE, 'x' AS TEXT") == [{"one": 1, "text": "x"}]
    assert account.statement("CREATE STAGE IF NOT EXISTS DB.S.OTHER")[0]["status"]


def test_session_stands_where_it_was_told_to(account: Account) -> None:
    (session,) = account.query(sql.current_session())
    assert session["database_name"] == "DB"
    assert session["schema_name"] == "S"
    assert session["warehouse_name"] == "WH"
    assert account.current_user() == session["user_name"]


def test_session_begins_although_its_database_is_not_there_yet(root: Path) -> None:
    account = with_context(root, {"database": "NOT_YET", "schema": "NOT_YET", "warehouse": "NOT_YET"})
    assert account.query("SELECT 1 AS ONE") == [{"one": 1}]
    account.close()


def test_role_that_is_not_there_asks_for_setup(root: Path) -> None:
    with pytest.raises(Missing) as raised:
        with_context(root, {"role": "NOBODY"}).query("SELECT 1")
    assert (raised.value.kind, raised.value.name, raised.value.fix) == ("role", "NOBODY", "inv setup")


def test_wrong_password_is_refused(root: Path) -> None:
    with pytest.raises(Refused) as raised:
        with_context(root, {"password": "wrong"}).query("SELECT 1")
    assert raised.value.code == 4
    assert "refused the login" in raised.value.what


@pytest.mark.parametrize(
    ("statement", "kind", "fix"),
    [
        (sql.describe_service("DB.S.NOWHERE"), "service", "inv status"),
        (sql.describe_compute_pool("NOWHERE"), "compute pool", "inv setup"),
        (sql.list_files("@DB.S.NOWHERE"), "stage", "inv setup"),
        (sql.show_images("DB.S.NOWHERE"), "image repository", "inv setup"),
        (sql.use_schema("DB.NOWHERE"), "", "inv setup"),
        (sql.use_database("NOWHERE"), "", "inv setup"),
    ],
)
@pytest.mark.parametrize("way", ["query", "statement"])
def test_missing_object_is_not_ready(account: Account, statement: str, kind: str, fix: str, way: str) -> None:
    with pytest.raises(Missing) as raised:
        getattr(account, way)(statement)
    assert raised.value.errno in (2003, 2043)
    assert raised.value.fix.startswith(fix)
    assert not kind or raised.value.kind == kind
    assert "NOWHERE" in raised.value.why


def test_missing_table_asks_for_the_data(account: Account) -> None:
    with pytest.raises(Missing):
        account.query(sql.count_rows("DB.S.NOWHERE"))


@pytest.mark.parametrize("way", ["query", "statement"])
def test_statement_that_is_wrong_is_refused_with_number_and_text(account: Account, way: str) -> None:
    with pytest.raises(Refused) as raised:
        getattr(account, way)("CREATE COMPUTE PUDDLE x")
    assert raised.value.errno == 1003
    assert "PUDDLE" in raised.value.why
    assert "in: CREATE COMPUTE PUDDLE x" in raised.value.why


@pytest.mark.parametrize("name", ["spec.yaml", "two words.yaml", "it's.yaml", "größe.yaml", "[1]*?.yaml", "a--b.yaml"])
def test_file_comes_back_from_the_stage_as_it_was(account: Account, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "my folder"
    folder.mkdir()
    (folder / "decoy1.yaml").write_text("not this one")
    file = folder / name
    file.write_bytes(b"one\n" * 100)
    place = f"@DB.S.RUNS/{tmp_path.name}/"
    account.put(file, place)
    (listed,) = account.list_stage(place)
    assert listed.name == f"runs/{tmp_path.name}/{name}"
    assert listed.size == 400
    assert account.get(place, tmp_path / "back here") == [tmp_path / "back here" / name]
    assert (tmp_path / "back here" / name).read_bytes() == file.read_bytes()


def test_put_goes_over_what_is_there(account: Account, tmp_path: Path) -> None:
    file = tmp_path / "spec.yaml"
    for text in ("one", "two"):
        file.write_text(text)
        account.put(file, "@DB.S.RUNS/over/")
    account.get("@DB.S.RUNS/over/spec.yaml", tmp_path / "back")
    assert (tmp_path / "back" / "spec.yaml").read_text() == "two"


def test_stage_folder_may_have_any_name(account: Account, tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.touch()
    account.put(file, "@DB.S.RUNS/it's two words/")
    (listed,) = account.list_stage("@DB.S.RUNS/it's two words/")
    assert listed.size == 0


def test_get_of_nothing_says_that_the_file_is_missing(account: Account, tmp_path: Path) -> None:
    with pytest.raises(Missing) as raised:
        account.get("@DB.S.RUNS/nothing/", tmp_path)
    assert (raised.value.kind, raised.value.name) == ("file", "@DB.S.RUNS/nothing/")


def test_put_to_a_missing_stage_is_not_ready(account: Account, tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.touch()
    with pytest.raises(Missing):
        account.put(file, "@DB.S.NOWHERE/")


def test_registry_token_is_the_text_that_docker_login_takes(account: Account) -> None:
    token = json.loads(account.registry_token().reveal())
    assert set(token) == {"token", "expires_in"}
    assert token["token"]
    assert token["expires_in"] > 0
    assert account.query("SELECT 1 AS ONE") == [{"one": 1}]


def test_registry_token_outlives_the_process_that_asked_for_it(root: Path) -> None:
    done = support.run([sys.executable, "-c", TOKEN], support.REPO, {"SPCS_LOCAL_ROOT": str(root / ".local")}, 120)
    assert (done.code, done.stderr) == (0, "")
    entry = resolve("local", root)
    registry = f"http://{entry['host']}:{entry['port']}/v2/"
    assert httpx.get(registry, auth=("0sessiontoken", done.stdout.strip())).status_code == 200
    assert httpx.get(registry, auth=("0sessiontoken", "{}")).status_code == 401


def test_table_is_made_filled_and_counted(account: Account, tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    pytest.importorskip("pyarrow.parquet").write_table(
        pyarrow.table({"label": [1, 2, 3], "x": [0.5, 1.5, None]}), tmp_path / "t.parquet"
    )
    account.put(tmp_path / "t.parquet", "@DB.S.RUNS/data")
    for _ in range(2):
        account.statement(sql.create_table("DB.S.T", {"label": "NUMBER", "x": "FLOAT"}, replace=True, comment="it's"))
        account.statement(sql.copy_from_parquet("DB.S.T", "@DB.S.RUNS/data/t.parquet"))
    assert account.query(sql.count_rows("DB.S.T")) == [{"row_count": 3}]
    (table,) = account.query(sql.show_tables("T", "DB.S"))
    assert table["comment"] == "it's"
    account.query(sql.comment_on_table("DB.S.T", "done"))
    assert account.query(sql.show_tables("T", "DB.S"))[0]["comment"] == "done"


def test_a_session_that_is_over_is_followed_by_one_that_stands_where_it_stood(root: Path) -> None:
    account = with_context(root, {})
    for use in ("USE ROLE SYSADMIN", "USE DATABASE DB", "USE SCHEMA S", "USE WAREHOUSE WH"):
        account.query(use)
    before = account.query(sql.current_session())
    for ask in (account.query, account.statement):
        end_of_sessions(root)
        assert ask(sql.current_session()) == before
    end_of_sessions(root)
    assert account.registry_token(outlives=False).reveal()
    assert account.query(sql.current_session()) == before
    account.close()


def test_a_statement_that_outlives_its_session_is_still_fetched(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    account = with_context(root, {"database": "DB", "schema": "S"})
    submit = client._submit

    def then_over(connection: Any, statement: str) -> str:
        query_id = submit(connection, statement)
        end_of_sessions(root)
        return query_id

    monkeypatch.setattr(client, "_submit", then_over)
    assert account.statement("SELECT 7 AS seven") == [{"seven": 7}]
    account.close()


def test_a_role_may_be_entered_before_and_after_the_login(root: Path) -> None:
    where = {"role": "SYSADMIN", "database": "DB", "schema": "S", "warehouse": "NONE_SUCH"}
    for statements in ((), ("SELECT 1",)):
        account = with_context(root, {})
        for statement in statements:
            account.query(statement)
        account.enter(**where)
        (session,) = account.query(sql.current_session())
        assert [session[f"{key}_name"] for key in where] == ["SYSADMIN", "DB", "S", None]
        account.close()
    account = with_context(root, {})
    assert account.current_user()
    with pytest.raises(Missing):
        account.enter(**where | {"role": "NOBODY"})
    account.close()


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
@pytest.mark.parametrize("told", ["abort", "leave"])
def test_ctrl_c_is_answered_while_a_statement_runs(root: Path, told: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", WAITS, told], cwd=support.REPO, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"waiting\n"
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=240)
    assert (process.returncode, stderr) == (130, b"")


def test_account_that_goes_away_is_not_ready(root: Path) -> None:
    account = with_context(root, {"port": 1})
    with pytest.raises(NotReady) as raised:
        account.query("SELECT 1")
    assert raised.value.fix == "inv local.up"


def test_all_of_this_with_version_4_of_the_connector(old_connector: str | Path) -> None:
    env = {"PYTHONPATH": str(old_connector)}
    version = "import snowflake.connector; print(snowflake.connector.__version__)"
    assert support.run([sys.executable, "-c", version], support.REPO, env, 180).stdout.startswith("4.")
    words = ["-m", "pytest", "-q", "-p", "no:cacheprovider", __file__, "-k", "not version_4"]
    done = support.run([sys.executable, *words], support.REPO, env, 240)
    assert done.code == 0, done
