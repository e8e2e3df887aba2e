"""Runs followed to their verdict: the real connector, a real local account, jobs that are processes."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from spcs.errors import JobFailed
from spcs.run import files, verdict, watch
from spcs.run.follow import follow
from spcs.run.model import LogLine, Run, State
from spcs.run.submit import submit
from tests.support import REPO
from tests.wire.desk import Desk, Seen, desk

FOLLOWER = """
import json, sys
from pathlib import Path
from spcs.account import Account, resolve
from spcs.errors import Problem
from spcs.run.follow import follow
from spcs.run.model import Run
from spcs.show.runs import RunView
root, run = sys.argv[1:]
try:
    follow(Account(resolve("local", Path(root)), name="local"), Run(**json.loads(run)), RunView())
except Problem as problem:
    print(problem.message, file=sys.stderr)
    sys.exit(problem.code)
"""


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with desk(tmp_path_factory.mktemp("follow")) as made:
        yield made


def refusal(at: Desk, code: str) -> tuple[Seen, JobFailed]:
    seen, ended = at.follow(at.start(code))
    with pytest.raises(JobFailed) as caught:
        verdict.check(ended)
    assert caught.value.code == 1
    return seen, caught.value


def test_a_run_that_is_done_shows_its_lines_metrics_and_outputs(at: Desk) -> None:
    code = """
import json, os, pathlib
print("step=1 loss=0.5")
out = pathlib.Path(os.environ["MOUNT_PATH"])
(out / "metrics.json").write_text(json.dumps({"accuracy": 0.97, "steps": 3}))
(out / "model.pt").write_bytes(b"weights")
print("step=2 loss=0.25")
"""
    seen, ended = at.follow(at.start(code))
    assert seen.texts == ["step=1 loss=0.5", "step=2 loss=0.25"]
    assert ended.state is State.DONE
    assert ended.metrics == {"accuracy": 0.97, "steps": 3}
    assert [(output.path, output.size) for output in ended.outputs] == [("metrics.json", 30), ("model.pt", 7)]
    assert ended.seconds is not None
    assert ended.seconds < 60
    verdict.check(ended)


def test_exit_code_three_and_the_last_twenty_lines_are_in_the_message(at: Desk) -> None:
    seen, failed = refusal(at, "import sys\nfor i in range(50): print('line', i)\nsys.exit(3)")
    assert seen.texts == [f"line {i}" for i in range(50)]
    assert "exit code 3" in failed.why
    assert "line 30\n" in failed.why
    assert "line 29\n" not in failed.why
    assert failed.why.endswith("line 49")


def test_a_job_that_dies_in_its_first_second_fails(at: Desk) -> None:
    seen, failed = refusal(at, "raise SystemExit('no such data')")
    assert seen.texts == ["no such data"]
    assert "exit code 1" in failed.why


def test_a_job_that_is_killed_names_the_signal(at: Desk) -> None:
    _, failed = refusal(at, "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    assert "SIGKILL" in failed.why
    assert "memory" in failed.fix


def test_a_traceback_arrives_whole(at: Desk) -> None:
    seen, failed = refusal(at, "def f(): raise ValueError('bad')\nf()")
    assert seen.texts[0].startswith("Traceback")
    assert seen.texts[-1] == "ValueError: bad"
    assert "ValueError: bad" in failed.why


def test_a_job_without_output_is_done_all_the_same(at: Desk) -> None:
    seen, ended = at.follow(at.start("pass"))
    assert seen.texts == []
    assert ended.state is State.DONE
    assert ended.outputs == ()
    assert ended.metrics is None


def test_metrics_that_are_no_json_leave_the_verdict_standing(at: Desk) -> None:
    _, ended = at.follow(at.start("import os; open(os.environ['MOUNT_PATH'] + '/metrics.json', 'w').write('{')"))
    assert ended.state is State.DONE
    assert ended.metrics is None


def test_five_thousand_lines_within_a_second_arrive_complete_and_in_order(at: Desk) -> None:
    seen, _ = at.follow(at.start("for i in range(5000): print(f'{i:06d} ' + 'x' * 40)"))
    assert [int(text[:6]) for text in seen.texts] == list(range(5000))
    assert seen.notices == []


def test_lines_that_repeat_each_other_are_all_there(at: Desk) -> None:
    seen, _ = at.follow(at.start("for i in range(500): print('same')"))
    assert seen.texts == ["same"] * 500


def test_binary_and_very_long_lines_do_no_harm(at: Desk) -> None:
    code = r"import sys; sys.stdout.buffer.write(b'\xff\xfe\n' + b'y' * 1_000_000 + b'\nend\n')"
    seen, ended = at.follow(at.start(code))
    assert ended.state is State.DONE
    assert len(seen.texts) == 3
    assert seen.texts[1].startswith("yyyy")
    assert seen.texts[-1] == "end"


def test_the_lines_of_two_containers_are_merged_by_time(at: Desk) -> None:
    code = "import time\nfor i in range(8):\n    print('{0}', i); time.sleep(0.1)"
    run = at.containers({"one": code.replace("{0}", "one"), "two": code.replace("{0}", "two")})
    seen, _ = at.follow(submit(at.account, run, at.root))
    times = [line.time for line in seen.lines]
    assert times == sorted(times)
    for name in ("one", "two"):
        assert [text for text in seen.texts if text.startswith(name)] == [f"{name} {i}" for i in range(8)]


def test_a_followed_run_says_each_state_once(at: Desk) -> None:
    seen, _ = at.follow(at.start("print('x')"))
    said = [(snapshot.state, snapshot.message) for snapshot in seen.states]
    assert len(said) == len(set(said))
    assert said[-1][0] is State.DONE


def test_ctrl_c_leaves_with_130_and_the_way_back_while_the_job_goes_on(at: Desk) -> None:
    run = at.start("import time\nprint('going', flush=True)\ntime.sleep(120)")
    fields = {name: getattr(run, name) for name in Run.__dataclass_fields__}
    follower = subprocess.Popen(
        [sys.executable, "-c", FOLLOWER, str(at.root), json.dumps(fields)],
        cwd=REPO,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert follower.stdout is not None
    for line in follower.stdout:
        if line == "going\n":
            break
    follower.send_signal(signal.SIGINT)
    _, talk = follower.communicate(timeout=240)
    assert follower.returncode == 130, talk
    assert f"inv logs --run {run.name} --follow" in talk
    assert "Traceback" not in talk
    assert watch.observe(at.account, run).state is State.RUNNING
    files.cancel(at.account, run)


def test_a_run_dropped_while_followed_ends_as_deleted(at: Desk) -> None:
    run = at.start("import time\nprint('going', flush=True)\ntime.sleep(120)")

    class Dropping(Seen):
        def line(self, line: LogLine) -> None:
            files.drop(at.account, run)

    ended = follow(at.account, run, Dropping())
    assert ended.state is State.DELETED
    with pytest.raises(JobFailed, match="was dropped"):
        verdict.check(ended)


def test_a_server_that_restarts_meanwhile_loses_no_line_and_repeats_none(at: Desk) -> None:
    run = at.start("import time\nfor i in range(30): print(i, flush=True); time.sleep(0.1)")

    class Restarting(Seen):
        def line(self, line: LogLine) -> None:
            super().line(line)
            if line.text == "5":
                at.restart()

    seen = Restarting()
    ended = follow(at.account, run, seen)
    assert ended.state is State.DONE
    assert seen.texts == [str(i) for i in range(30)]
