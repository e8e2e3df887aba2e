from __future__ import annotations

import pytest

from spcs.errors import JobFailed
from spcs.run import verdict
from spcs.run.model import ContainerStatus, LogLine, Run, Snapshot, State, Verdict

RUN = Run("train_20260827_120005_bcdf", "DB", "S", "DB.S.RUNS")
USER_ERROR = "User application error, check container logs"


def ended(code: int | None, message: str = USER_ERROR, name: str = "main", instance: int = 0) -> ContainerStatus:
    return ContainerStatus(instance, name, "DONE" if code == 0 else "FAILED", message, code)


def lines(count: int, container: str = "main") -> list[LogLine]:
    return [LogLine(i, 0, container, f"{container} {i}") for i in range(count)]


def test_the_exit_code_is_in_the_reason() -> None:
    said = verdict.reason(State.FAILED, ended(3))
    assert said == f"container main of instance 0 ended with exit code 3: {USER_ERROR}"


def test_a_signal_is_named() -> None:
    assert "exit code 139 (SIGSEGV)" in verdict.reason(State.FAILED, ended(139))


def test_out_of_memory_is_said_with_its_remedy() -> None:
    killed = ended(137, "Container was OOMKilled due to resource usage")
    assert "ran out of memory" in verdict.reason(State.FAILED, killed)
    assert "jobs.train" in verdict.remedy(RUN, State.FAILED, killed)
    assert "memory" in verdict.remedy(RUN, State.FAILED, killed)


def test_a_missing_program_points_at_the_command() -> None:
    assert "jobs.train.command" in verdict.remedy(RUN, State.FAILED, ended(127))


def test_a_cancelled_run_is_not_to_be_corrected() -> None:
    assert verdict.remedy(RUN, State.CANCELLED, ended(143)).startswith("inv run --job train")
    assert verdict.remedy(RUN, State.DONE, None) == ""


def test_the_blame_is_not_on_a_container_that_was_told_to_stop() -> None:
    told, cause = ended(143, name="side"), ended(1, name="main", instance=1)
    assert verdict.culprit(Snapshot(State.FAILED, (told, cause))) == cause
    assert verdict.culprit(Snapshot(State.FAILED, (told,))) == told


def test_nobody_is_to_blame_for_a_run_that_is_done() -> None:
    assert verdict.culprit(Snapshot(State.DONE, (ended(0, "Completed successfully"),))) is None
    assert verdict.reason(State.DONE, None) == ""


def test_the_last_twenty_lines_are_those_of_the_failed_container() -> None:
    shown = verdict.last_lines([*lines(30), *lines(30, "side")], ended(1))
    assert shown == tuple(f"main {i}" for i in range(10, 30))


def test_a_container_that_said_nothing_leaves_the_others_lines() -> None:
    assert verdict.last_lines(lines(2, "side"), ended(1)) == ("side 0", "side 1")


def test_a_failed_run_raises_with_code_one_reason_and_lines() -> None:
    blamed = ended(3)
    remedy = verdict.remedy(RUN, State.FAILED, blamed)
    failed = Verdict(RUN, State.FAILED, verdict.reason(State.FAILED, blamed), blamed, ("first", "last"), remedy)
    with pytest.raises(JobFailed) as caught:
        verdict.check(failed)
    assert caught.value.code == 1
    text = str(caught.value.message)
    assert text.splitlines()[0] == f"error: the run {RUN.name} failed"
    assert "exit code 3" in text
    assert "the last 2 log lines:" in text
    assert "inv build push run --job train" in text


def test_a_failed_run_without_output_says_so() -> None:
    with pytest.raises(JobFailed, match="it wrote no log lines"):
        verdict.check(Verdict(RUN, State.FAILED, "", ended(1)))


@pytest.mark.parametrize("state", [State.CANCELLED, State.INTERNAL_ERROR, State.DELETED])
def test_every_other_end_than_done_is_exit_code_one(state: State) -> None:
    with pytest.raises(JobFailed):
        verdict.check(Verdict(RUN, state, ""))


def test_a_run_that_is_done_raises_nothing() -> None:
    verdict.check(Verdict(RUN, State.DONE, ""))


def test_a_run_that_cannot_start_offers_to_stop_it() -> None:
    commands = dict(verdict.next_commands(RUN, State.PENDING, has_outputs=False))
    assert commands["stop it"] == f"inv cancel --run {RUN.name}"
    assert "fetch the outputs" not in commands
