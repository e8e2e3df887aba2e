from __future__ import annotations

import json

import pytest

from spcs.run.model import ContainerStatus, LogLine, Output, Run, Snapshot, State, Verdict
from spcs.show import runs

RUN = Run("train_20260827_120005_bcdf", "DB", "S", "DB.S.RUNS", pool="POOL")
LINE = LogLine(1_729_559_549_500_000_000, 1, "side", "loss=0.5")


def containers(count: int, message: str = "Running") -> tuple[ContainerStatus, ...]:
    return tuple(ContainerStatus(0, f"c{i}", "READY", message) for i in range(count))


def test_a_waiting_run_says_what_it_waits_for(capsys: pytest.CaptureFixture[str]) -> None:
    runs.RunView().state(Snapshot(State.PENDING, containers(1, "Compute pool node(s) are being provisioned")))
    assert capsys.readouterr() == ("", "waiting: Compute pool node(s) are being provisioned\n")


def test_a_run_that_waits_long_says_for_how_long(capsys: pytest.CaptureFixture[str]) -> None:
    view = runs.RunView()
    for waited in (3.0, 72.0):
        view.state(Snapshot(State.PENDING, waits_for="a node", waited=waited))
    assert capsys.readouterr().err == "waiting: a node\nwaiting for 1 min 12 s: a node\n"


def test_replicas_that_start_late_are_said_of_a_running_run(capsys: pytest.CaptureFixture[str]) -> None:
    runs.RunView().state(Snapshot(State.RUNNING, containers(1), waits_for="replica 1 has not started yet"))
    assert capsys.readouterr().err == "running: replica 1 has not started yet\n"


def test_a_running_run_needs_one_word(capsys: pytest.CaptureFixture[str]) -> None:
    runs.RunView().state(Snapshot(State.RUNNING, containers(2)))
    assert capsys.readouterr().err == "running\n"


def test_what_is_unusual_about_a_running_run_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    message = "Running (no GPU on this machine: 4 requested, runs on CPU)"
    runs.RunView().state(Snapshot(State.RUNNING, containers(1, message)))
    assert capsys.readouterr().err == "running: no GPU on this machine: 4 requested, runs on CPU\n"


def test_a_run_that_waits_says_so_once(capsys: pytest.CaptureFixture[str]) -> None:
    runs.RunView().state(Snapshot(State.PENDING, containers(1, "Waiting to start")))
    assert capsys.readouterr().err == "waiting\n"


def test_what_was_unusual_about_a_run_is_said_again_at_its_end(capsys: pytest.CaptureFixture[str]) -> None:
    runs.verdict(Verdict(RUN, State.DONE, "", notes=("no GPU on this machine: 4 requested, runs on CPU",)))
    assert "  note     no GPU on this machine: 4 requested, runs on CPU\n" in capsys.readouterr().err


def test_a_final_state_is_left_to_the_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    runs.RunView().state(Snapshot(State.DONE, containers(1)))
    assert capsys.readouterr() == ("", "")


def test_the_lines_of_one_container_come_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    view = runs.RunView()
    view.state(Snapshot(State.RUNNING, containers(1)))
    view.line(LINE)
    assert capsys.readouterr().out == "loss=0.5\n"


def test_the_lines_of_several_containers_say_whose_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    view = runs.RunView()
    view.state(Snapshot(State.RUNNING, containers(2)))
    view.line(LINE)
    assert capsys.readouterr().out == "1/side | loss=0.5\n"


def test_a_line_in_json_has_its_time_and_place(capsys: pytest.CaptureFixture[str]) -> None:
    runs.RunView(as_json=True).line(LINE)
    assert json.loads(capsys.readouterr().out) == {
        "time": "2024-10-22T01:12:29.500000000Z",
        "instance": 1,
        "container": "side",
        "text": "loss=0.5",
    }


def done() -> Verdict:
    return Verdict(
        RUN,
        State.DONE,
        "",
        seconds=41.2,
        metrics={"accuracy": 0.971234, "steps": 300, "history": [1]},
        outputs=(Output("model.pt", 1_200_000), Output("metrics.json", 80)),
        commands=(("fetch the outputs", f"inv fetch --run {RUN.name}"),),
    )


def test_a_verdict_says_state_time_metrics_outputs_and_what_next(capsys: pytest.CaptureFixture[str]) -> None:
    runs.verdict(done())
    assert capsys.readouterr().err.splitlines() == [
        f"done: {RUN.name} in 41 s",
        "  accuracy  0.9712",
        "  steps     300",
        f"  outputs   2 files, 1.2 MB, in {RUN.output}",
        "next:",
        f"  inv fetch --run {RUN.name}  fetch the outputs",
    ]


def test_a_verdict_in_json_is_one_object_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    failed = Verdict(RUN, State.FAILED, "why", ContainerStatus(0, "main", "FAILED", "", 137), ("last",))
    runs.verdict(failed, as_json=True)
    entry = json.loads(capsys.readouterr().out)
    assert (entry["state"], entry["exit_code"], entry["signal"]) == ("FAILED", 137, "SIGKILL")
    assert entry["last_lines"] == ["last"]


def test_a_run_without_outputs_says_none(capsys: pytest.CaptureFixture[str]) -> None:
    runs.verdict(Verdict(RUN, State.CANCELLED, ""))
    assert "outputs  none" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "0.2 s"), (9.96, "10 s"), (41, "41 s"), (59.6, "1 min 0 s"), (192, "3 min 12 s"), (7500, "2 h 5 min")],
)
def test_a_duration_reads_as_it_is_said(seconds: float, text: str) -> None:
    assert runs.duration(seconds) == text
