"""What the client does without an account: the dry plan, lazy import, Ctrl-C, an address where nobody listens."""

import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from spcs.account import Account, Secret
from spcs.account.waiting import interruptible
from spcs.errors import NotReady, SettingsProblem

ROOT = Path(__file__).resolve().parents[3]
NOWHERE = {"account": "local", "user": "u", "password": "p", "host": "127.0.0.1", "protocol": "http"}

# Connects to an address that accepts and never answers, and says when that has happened.
WAITS = """
import socket, sys, threading
from spcs.account import Account
listener = socket.create_server(("127.0.0.1", 0))
def accept():
    while True:
        listener.accept()
        print("waiting", flush=True)
parameters = dict(account="a", user="u", password="p", host="127.0.0.1", protocol="http")
threading.Thread(target=accept, daemon=True).start()
try:
    Account(parameters | {"port": listener.getsockname()[1]}, name="dev").query("SELECT 1")
except KeyboardInterrupt:
    sys.exit(130)
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def test_dry_account_says_exact_statements_and_connects_nowhere(tmp_path: Path) -> None:
    said: list[str] = []
    account = Account({}, name="dev", dry=True, say=said.append)
    account.put(tmp_path / "spec.yaml", "@RUNS/x/")
    assert account.statement("CREATE STAGE RUNS") == []
    assert account.query("SHOW STAGES") == []
    assert account.get("@RUNS/x/", tmp_path / "out") == []
    assert account.list_stage("@RUNS/x/") == []
    assert account.current_user() == ""
    assert account.registry_token().reveal() == ""
    account.close()
    assert said[0].startswith("PUT ")
    assert said[0].endswith(" @RUNS/x/ AUTO_COMPRESS=FALSE OVERWRITE=TRUE;")
    assert said[1] == "CREATE STAGE RUNS;"
    assert not (tmp_path / "out").exists()


def test_connector_is_not_imported_before_it_is_needed() -> None:
    program = "import sys, spcs.account; sys.exit('snowflake.connector' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode == 0


def test_secret_does_not_show() -> None:
    secret = Secret("hush")
    assert "hush" not in f"{secret} {secret!r}"
    assert secret.reveal() == "hush"


def test_missing_file_is_said_before_anything_is_sent(tmp_path: Path) -> None:
    account = Account(NOWHERE | {"port": free_port()}, name="local")
    with pytest.raises(SettingsProblem, match="there is no file"):
        account.put(tmp_path / "nothing", "@RUNS")


def test_local_account_that_is_down_is_not_ready() -> None:
    account = Account(NOWHERE | {"port": free_port()}, name="local")
    with pytest.raises(NotReady) as raised:
        account.query("SELECT 1")
    assert raised.value.fix == "inv local.up"


def test_account_elsewhere_that_is_down_is_not_ready() -> None:
    account = Account(NOWHERE | {"port": free_port(), "retry_max_attempts": 1}, name="dev")
    with pytest.raises(NotReady) as raised:
        account.query("SELECT 1")
    assert "refused" in raised.value.why
    assert "[dev] in " in raised.value.fix


def test_result_and_error_of_a_call_come_back() -> None:
    assert interruptible(lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        interruptible(lambda: 1 // 0)


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
def test_ctrl_c_is_answered_while_the_connector_waits() -> None:
    process = subprocess.Popen([sys.executable, "-c", WAITS], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline().strip() == b"waiting"
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=240)
    assert (process.returncode, stderr) == (130, b"")
