"""What the account refuses, or what a job does wrong: exit code, reason, and the command that mends it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.support import Outcome, Project, run

SCRIPT = """
import sys
for i in range(30):
    print("line", i)
print("the reason", file=sys.stderr)
sys.exit(3)
"""


def refused(done: Outcome, code: int, *said: str) -> None:
    assert done.code == code, done
    assert "Traceback" not in done.stderr, done
    for text in said:
        assert text in done.stderr, done


@pytest.mark.parametrize(
    ("setting", "task", "said"),
    [
        ("SNOWFLAKE_COMPUTE_POOL_NAME", "run", "OTHER"),
        ("SNOWFLAKE_IMAGE_REPOSITORY", "push", "OTHER"),
        ("SNOWFLAKE_STAGE", "run", "OTHER"),
        ("SNOWFLAKE_ROLE", "run", "OTHER"),
    ],
)
def test_an_object_that_is_missing(desk: Project, setting: str, task: str, said: str) -> None:
    refused(desk.inv(task, env={f"INVOKE_{setting}": "OTHER"}), 3, said, "fix: inv setup")


def test_an_account_where_nothing_is_set_up(fresh: Project) -> None:
    refused(fresh.inv("build", env={"INVOKE_IMAGE_ENGINE": "none"}), 3, "fix: inv setup")


def test_a_wrong_password(desk: Project, tmp_path: Path) -> None:
    server = json.loads((Path(desk.env["SPCS_LOCAL_ROOT"]) / "server.json").read_text())
    file = tmp_path / "config.toml"
    file.write_text(
        f'[connections.guess]\naccount = "local"\nhost = "127.0.0.1"\nport = {server["port"]}\nprotocol = "http"\n'
        'user = "local"\npassword = "guess"\n'
    )
    file.chmod(0o600)
    done = desk.inv("setup", env={"INVOKE_CONNECTION": "guess", "SNOWFLAKE_HOME": str(tmp_path)})
    refused(done, 4, "Incorrect username or password was specified", "fix: ", "guess")


def test_an_account_that_does_not_answer(desk: Project, tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(
        '[connections.gone]\naccount = "local"\nhost = "127.0.0.1"\nport = 9\nprotocol = "http"\n'
        'user = "local"\npassword = "x"\n'
    )
    file.chmod(0o600)
    done = desk.inv("setup", env={"INVOKE_CONNECTION": "gone", "SNOWFLAKE_HOME": str(tmp_path)})
    refused(done, 3, "gone", "fix: ")


def test_an_image_that_was_not_pushed(desk: Project) -> None:
    done = desk.inv("run", env={"INVOKE_JOBS_TRAIN_CODE": "[app, data]"})
    refused(done, 3, "the image of job 'train' is not in the repository", "fix: inv build push run")


def test_an_image_of_no_engine_is_refused_by_a_real_account(desk: Project) -> None:
    receipt = desk.root / ".spcs" / "repository.json"
    before = receipt.read_text()
    url = "org-acct.registry.snowflakecomputing.com/training_db/training/images"
    receipt.write_text(json.dumps({**json.loads(before), "connection": "work", "url": url}))
    try:
        done = desk.inv("push", env={"INVOKE_CONNECTION": "work", "INVOKE_IMAGE_ENGINE": "none"})
        refused(done, 3, "cannot run on a real account", "without a container engine", "fix: install Docker")
    finally:
        receipt.write_text(before)


def test_a_container_that_exits_3(fresh: Project) -> None:
    fresh.write("x.py", SCRIPT)
    fresh.write("mine.yaml", "job: mine\njobs:\n  mine: {command: [python, x.py]}\n")
    done = fresh.inv("-f", "mine.yaml", "setup", "build", "push", "run")
    refused(
        done,
        1,
        "exit code 3",
        "the last 20 log lines:",
        "line 29",
        "the reason",
        "fix: correct what the log says, then inv build push run --job mine",
    )
    assert "in app/" not in done.stderr
    assert "line 5\n" in done.stdout
    assert "    line 5\n" not in done.stderr, "more than the last 20 lines"


def test_a_program_whose_image_lacks_a_module(desk: Project) -> None:
    desk.write("lacks.py", "import sys\nprint('begun')\ndef main():\n    import no_such_module\nmain()\n")
    desk.write("lacks.yaml", "job: lacks\njobs:\n  lacks: {command: [python, lacks.py]}\n")
    done = desk.inv("-f", "lacks.yaml", "build", "push", "run")
    assert done.code == 1, done
    assert "exit code 1: the image has no Python module no_such_module\n" in done.stderr, done
    shown = done.stderr.partition("its traceback:\n")[2]
    assert ", in main\n" in shown
    assert "    ModuleNotFoundError: No module named 'no_such_module'\n  the last " in shown
    assert "fix: add its package with a version to pins in invoke.yaml, " in shown


def test_a_table_of_somebody_else_is_not_replaced(fresh: Project) -> None:
    done = fresh.inv("setup", "data")
    assert done.code == 0, done
    script = (
        "from pathlib import Path; from spcs.account import Account, resolve;"
        "a = Account(resolve('local', Path('.')), name='local');"
        "a.query('CREATE OR REPLACE TABLE TRAINING_DB.TRAINING.DIGITS (MINE FLOAT)')"
    )
    assert run([sys.executable, "-c", script], fresh.root, fresh.env, 60).code == 0
    refused(fresh.inv("data"), 3, "was not made by inv data", "DROP TABLE")


def test_a_reset_while_the_engine_that_ran_its_containers_is_off(fresh: Project) -> None:
    assert fresh.inv("local.up").code == 0
    root = Path(fresh.env["SPCS_LOCAL_ROOT"])
    (root / "engine").mkdir(exist_ok=True)
    (root / "engine" / "docker.used").touch()
    (root / "id").write_text("0123456789")
    done = fresh.inv("local.reset", "--yes")
    refused(done, 3, "could not be emptied\n  docker does not answer, so containers", "then inv local.reset")
    assert "server.log" not in done.stderr, done
    (root / "engine" / "docker.used").unlink()
    assert fresh.inv("local.reset", "--yes").code == 0
