"""The main job without a container engine: `invoke setup data build push run`, and everything around it."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser import Browser
from tests.support import Project

RUN = re.compile(r"train_\d{8}_\d{6}_[a-z0-9]{4}")
SHORT = {"TRAIN_STEPS": "40"}


@pytest.fixture(scope="module")
def trained(desk: Project) -> tuple[str, str]:
    """The name of a finished run of the default job, and what was said of it."""
    done = desk.inv("run")
    assert done.code == 0, done
    found = RUN.search(done.stderr)
    assert found, done
    return found.group(), done.stderr + done.stdout


def test_the_run_ends_with_its_verdict_its_metrics_and_the_way_to_its_outputs(trained: tuple[str, str]) -> None:
    name, said = trained
    assert f"done: {name}" in said
    accuracy = re.search(r"accuracy\s+(0\.\d+)", said)
    assert accuracy
    assert float(accuracy.group(1)) >= 0.95
    assert f"in @TRAINING_DB.TRAINING.RUNS/runs/{name}/output/" in said
    assert f"inv fetch --run {name}" in said


def test_it_says_which_runtime_it_used_and_why(desk: Project) -> None:
    done = desk.inv("local.status")
    assert done.code == 0, done
    assert re.fullmatch(r"local account: http://127\.0\.0\.1:\d+, process: no container engine.*\n", done.stdout), done
    assert json.loads(desk.inv("local.status", "--json").stdout)["runtime"] == "process"


def test_status_logs_and_fetch_know_the_run(desk: Project, trained: tuple[str, str]) -> None:
    name, _ = trained
    status = json.loads(desk.inv("status", "--run", name, "--json").stdout)
    assert status["state"] == "DONE"
    assert [c["exit_code"] for c in status["containers"]] == [0]
    logs = desk.inv("logs", "--run", name)
    assert logs.code == 0, logs
    assert re.search(r"^step=\d+ .*loss=", logs.stdout, re.MULTILINE), logs
    fetched = desk.inv("fetch", "--run", name)
    assert fetched.code == 0, fetched
    metrics = json.loads((desk.root / "runs" / name / "metrics.json").read_text())
    assert metrics["accuracy"] >= 0.95


def test_report_writes_one_page_and_says_where(desk: Project, trained: tuple[str, str]) -> None:
    name, _ = trained
    done = desk.inv("report", name)
    assert done.code == 0, done
    assert done.stdout == f"runs/{name}/report.html\n"
    text = (desk.root / "runs" / name / "report.html").read_text()
    for said in ("Done</span> in", "held out", "rows per s", "predictions.png", "torchdata", "spec.yaml", "best_loss="):
        assert said in text, said
    nobody = desk.inv("report", "--run", "train_20200101_000000_bbbb")
    assert nobody.code == 3, nobody
    assert "is not in TRAINING_DB.TRAINING" in nobody.stderr


def test_images_lists_what_was_pushed(desk: Project) -> None:
    rows = [json.loads(line) for line in desk.inv("images", "--json").stdout.splitlines()]
    pushed = [row for row in rows if row["where"] == "repository"]
    assert len(pushed) == 1
    assert re.fullmatch(r"[0-9a-f]{12}", pushed[0]["tag"])
    assert pushed[0]["digest"].startswith("sha256:")


def test_what_is_unchanged_is_not_done_again(desk: Project) -> None:
    done = desk.inv("setup", "data", "build", "push")
    assert done.code == 0, done
    assert "TRAINING_DB.TRAINING.DIGITS holds data/digits.parquet already" in done.stderr
    assert re.search(r"found training:[0-9a-f]{12} \(unchanged\)", done.stderr), done
    assert "already there: " in done.stderr


def test_dry_prints_the_plan_and_does_nothing(desk: Project) -> None:
    before = desk.inv("images", "--json").stdout
    done = desk.inv("--dry", "setup", "data", "build", "push", "run")
    assert done.code == 0, done
    for text in ("CREATE ROLE IF NOT EXISTS", "PUT file://", "COPY INTO", "EXECUTE JOB SERVICE", "ASYNC = TRUE"):
        assert text in done.stdout
    assert desk.inv("images", "--json").stdout == before


def test_each_step_works_by_itself(desk: Project) -> None:
    for step in ("build", "push"):
        assert desk.inv(step).code == 0
    done = desk.inv("run", "--no-follow", env={"INVOKE_JOBS_TRAIN_ENV": "{TRAIN_STEPS: 40}"})
    assert done.code == 0, done
    name = RUN.search(done.stderr)
    assert name
    followed = desk.inv("logs", "--follow")
    assert followed.code == 0, followed
    assert f"done: {name.group()}" in followed.stderr


def test_a_hook_is_told_how_a_run_ended(desk: Project, trained: tuple[str, str]) -> None:
    hook = desk.write("hooks/run-done", "#!/bin/sh\nenv | grep ^SPCS_ | sort\necho said\nexit 7\n")
    try:
        told = desk.inv("wait", trained[0])
        assert (told.code, "is not executable; fix: chmod +x hooks/run-done" in told.stderr) == (0, True), told
        hook.chmod(0o755)
        told = desk.inv("wait", "--json", trained[0])
    finally:
        shutil.rmtree(hook.parent)  # other tests share this project
    assert told.code == 0, told
    assert json.loads(told.stdout)["run"] == trained[0]
    for said in (f"SPCS_RUN={trained[0]}\n", "SPCS_STATE=DONE\n", "SPCS_EXIT_CODE=0\n", '"accuracy": 0.98'):
        assert said in told.stderr, told
    assert "hooks/run-done ended with exit code 7" in told.stderr


def test_a_schedule_is_made_listed_run_and_dropped(desk: Project) -> None:
    for words in (
        ("--cron", "0 3 * *"),
        ("--cron", "0 3 * * *", "--drop"),
        ("--cron", "0 3 * * *", "--timeout", "soon"),
    ):
        wrong = desk.inv("schedule", *words)
        assert (wrong.code, "fix: " in wrong.stderr) == (2, True), wrong
    for verb in ("--now", "--suspend", "--resume", "--drop"):
        none = desk.inv("schedule", verb)
        assert none.code == 3, none
        assert "error: job 'train' has no schedule\n" in none.stderr
        assert "fix: inv schedule --cron '0 3 * * *' --job train" in none.stderr
    plan = desk.inv("--dry", "schedule", "--cron", "0 3 * * *")
    assert "CREATE OR REPLACE TASK TRAINING_DB.TRAINING.TRAIN_SCHEDULE" in plan.stdout
    assert "no schedules" in desk.inv("schedule").stderr
    made = desk.inv("schedule", "--cron", "0 3 * * *", env={"INVOKE_JOBS_TRAIN_ENV": "{TRAIN_STEPS: 40}"})
    assert made.code == 0, made
    assert desk.inv("schedule", "--now").code == 0

    def listed() -> Any:
        return json.loads(desk.inv("schedule", "--json").stdout)

    while listed()["last"] in ("", "executing"):  # every look is a whole command
        pass
    found = listed()
    assert (found["job"], found["schedule"], found["state"], found["last"]) == (
        "train",
        "0 3 * * * UTC",
        "started",
        "succeeded",
    )
    newest = json.loads(desk.inv("jobs", "--last", "1", "--json").stdout)
    assert (newest["state"], newest["job"], newest["metrics"]["steps"]) == ("DONE", "train", 40)
    assert desk.inv("schedule", "--suspend").code == 0
    assert listed()["state"] == "suspended"
    assert desk.inv("schedule", "--drop").code == 0
    assert "no schedules" in desk.inv("schedule").stderr


def test_the_receipts_may_be_deleted(desk: Project) -> None:
    kept = {receipt: receipt.read_bytes() for receipt in (desk.root / ".spcs" / "images").glob("*.json")}
    for receipt in kept:
        receipt.unlink()
    done = desk.inv("run", "--no-follow", env={"INVOKE_JOBS_TRAIN_ENV": "{TRAIN_STEPS: 40}"})
    assert done.code == 0, done
    assert desk.inv("logs", "--follow").code == 0
    for receipt, content in kept.items():  # other tests share this project
        receipt.write_bytes(content)


def test_ctrl_c_leaves_the_job_and_says_the_way_back(desk: Project) -> None:
    settings = "{TRAIN_STEPS: 1000000, TRAIN_LOG_EVERY: 50}"
    following = desk.start("run", env={"INVOKE_JOBS_TRAIN_ENV": settings})
    assert following.stdout
    for line in following.stdout:  # until the training itself is heard of
        if line.startswith("step="):
            break
    following.send_signal(signal.SIGINT)
    _, said = following.communicate(timeout=240)
    assert following.returncode == 130, said
    name = RUN.search(said)
    assert name
    assert f"inv logs --run {name.group()} --follow" in said
    assert json.loads(desk.inv("status", "--json").stdout)["state"] == "RUNNING"
    assert desk.inv("cancel").code == 0
    ended = desk.inv("logs", "--follow")
    assert ended.code == 1, ended
    assert f"cancelled: {name.group()}" in ended.stderr


@pytest.fixture
def board(desk: Project) -> Iterator[Callable[..., tuple[subprocess.Popen[str], str]]]:
    """Starts `inv board WORDS…` and returns it with its address; ended with Ctrl-C, as a user does."""
    made: list[subprocess.Popen[str]] = []

    def start(*words: str) -> tuple[subprocess.Popen[str], str]:
        made.append(desk.start("board", *words))
        assert made[-1].stdout
        return made[-1], made[-1].stdout.readline().strip()

    yield start
    for each in made:
        if each.poll() is None:
            each.send_signal(signal.SIGINT)
        each.communicate(timeout=60)


@pytest.mark.browser
def test_the_board_shows_a_run_as_it_goes_on(
    desk: Project, trained: tuple[str, str], board: Callable[..., Any], chromium: Browser
) -> None:
    server, address = board("--port", "0")
    chromium.look()
    chromium.open(address)
    assert chromium.wait(
        f"document.querySelector('#{trained[0]} .spark') && document.querySelector('#{trained[0]}').innerText"
    )
    settings = "{TRAIN_STEPS: 1000000, TRAIN_LOG_EVERY: 50}"
    started = desk.inv("run", "--no-follow", env={"INVOKE_JOBS_TRAIN_ENV": settings})
    name = RUN.search(started.stderr)
    assert name, started
    chromium.wait(f"document.querySelector('#{name.group()} .state')?.textContent === 'running'")  # without a reload
    chromium.open(f"{address}runs/{name.group()}")
    chromium.run("document.getElementById('project-settings').open = true")
    drawn = chromium.wait("document.querySelector('#learning .line')?.getAttribute('d')")
    chromium.wait(f"document.querySelector('#learning .line').getAttribute('d') !== '{drawn}'")
    assert chromium.run("return document.getElementById('project-settings').open") is True
    assert desk.inv("cancel", name.group()).code == 0
    chromium.wait("document.querySelector('h1').textContent.startsWith('Cancelled')")
    chromium.reload()
    assert chromium.run("return document.querySelector('h1').innerText").startswith("Cancelled after")
    assert chromium.log() == []
    chromium.wait("document.getElementById('live').textContent === 'live'")
    server.send_signal(signal.SIGINT)
    _, said = server.communicate(timeout=60)
    assert (server.returncode, "Traceback" in said) == (0, False), said
    chromium.wait("document.getElementById('live').className === 'bad'")
    board("--port", address.rpartition(":")[2].strip("/"))
    chromium.wait("document.getElementById('live').className === 'good'")


def test_a_board_whose_port_is_taken_says_so(desk: Project, board: Callable[..., Any]) -> None:
    _, address = board("--port", "0")
    port = address.rpartition(":")[2].strip("/")
    done = desk.inv("board", "--port", port)
    assert done.code == 3, done
    assert f"port {port} cannot be had" in done.stderr


def test_local_connection_prints_an_entry_that_works(desk: Project) -> None:
    entry = desk.inv("local.connection")
    assert entry.code == 0, entry
    file = Path(desk.env["SNOWFLAKE_HOME"]) / "connections.toml"
    file.write_text(entry.stdout.replace("[local]", "[mine]"))
    file.chmod(0o600)
    done = desk.inv("images", env={"INVOKE_CONNECTION": "mine", "INVOKE_IMAGE_ENGINE": "none"})
    assert done.code == 0, done
    assert "training" in done.stdout


def test_the_account_goes_down_and_comes_back_with_all_it_held(desk: Project) -> None:
    assert desk.inv("local.down").code == 0
    assert desk.inv("local.status").code == 3
    done = desk.inv("data")
    assert done.code == 0, done
    assert "holds data/digits.parquet already" in done.stderr
    assert desk.inv("local.status").code == 0


def test_reset_asks_first(desk: Project) -> None:
    done = desk.inv("local.reset")
    assert done.code == 2, done
    assert "fix: inv local.reset --yes" in done.stderr
