from __future__ import annotations

import dataclasses

import pytest

from spcs.errors import JobFailed
from spcs.run import verdict
from spcs.run.model import ContainerStatus, LogLine, Output, Run, Snapshot, State, Verdict

RUN = Run("train_20260827_120005_bcdf", "DB", "S", "DB.S.RUNS", runs_app=True)
OWN = dataclasses.replace(RUN, runs_app=False)
CHECKPOINT = (Output("checkpoints/step-000100/manifest.json", 1),)
USER_ERROR = "User application error, check container logs"


def ended(code: int | None, message: str = USER_ERROR, name: str = "main", instance: int = 0) -> ContainerStatus:
    return ContainerStatus(instance, name, "DONE" if code == 0 else "FAILED", message, code)


def lines(count: int, container: str = "main") -> list[LogLine]:
    return [LogLine(i, 0, container, f"{container} {i}") for i in range(count)]


def test_the_exit_code_is_in_the_reason() -> None:
    said = verdict.reason(RUN, State.FAILED, ended(5))
    assert said == f"container main of instance 0 ended with exit code 5: {USER_ERROR}"


@pytest.mark.parametrize(
    ("code", "meaning", "fix"),
    [
        (75, "it was told to stop and had saved a checkpoint", f"inv run --resume {RUN.name}"),
        (2, "in app/: wrong settings or data", "correct what the log says"),
        (3, "in app/: the training diverged", "correct what the log says"),
    ],
)
def test_the_exit_codes_of_the_training_are_explained(code: int, meaning: str, fix: str) -> None:
    assert f"exit code {code} ({meaning})" in verdict.reason(RUN, State.FAILED, ended(code), CHECKPOINT)
    assert fix in verdict.remedy(RUN, State.FAILED, ended(code), CHECKPOINT)


@pytest.mark.parametrize("code", [2, 3])
def test_the_exit_codes_of_a_program_of_ones_own_mean_what_it_says(code: int) -> None:
    assert "app/" not in verdict.reason(OWN, State.FAILED, ended(code))


@pytest.mark.parametrize(
    ("run", "outputs", "resumed"),
    [
        (RUN, CHECKPOINT, True),
        (RUN, (), False),
        (RUN, (Output("checkpoints/step-000100/state.pt", 1),), False),
        (OWN, (Output("step-100.pt", 1),), True),  # what it goes on from only it knows
        (OWN, (), False),
    ],
)
def test_a_stopped_run_is_gone_on_from_only_if_it_left_something(
    run: Run, outputs: tuple[Output, ...], resumed: bool
) -> None:
    fix = f"inv run --resume {run.name}" if resumed else "inv run --job train"
    for state in (State.FAILED, State.CANCELLED):
        assert verdict.remedy(run, state, ended(75, "Terminated"), outputs) == fix
    assert ("checkpoint" in verdict.reason(run, State.FAILED, ended(75), outputs)) == resumed


def test_a_signal_is_named() -> None:
    assert "exit code 139 (SIGSEGV)" in verdict.reason(RUN, State.FAILED, ended(139))


def test_out_of_memory_is_said_with_its_remedy() -> None:
    killed = ended(137, "Container was OOMKilled due to resource usage")
    assert "ran out of memory" in verdict.reason(RUN, State.FAILED, killed)
    assert verdict.remedy(RUN, State.FAILED, killed).startswith("raise jobs.train.resources.limits.memory")


def test_a_kill_that_nobody_explains_may_have_been_for_memory() -> None:
    fix = verdict.remedy(RUN, State.FAILED, ended(137))
    assert fix.startswith("if it ran out of memory, raise jobs.train.resources.limits.memory")


def test_a_container_that_never_started_has_no_log_to_correct() -> None:
    blamed = ended(None, "exec: 'pyhton': not found")
    remedy, reason = verdict.remedy(RUN, State.FAILED, blamed), verdict.reason(RUN, State.FAILED, blamed)
    with pytest.raises(JobFailed) as caught:
        verdict.check(Verdict(RUN, State.FAILED, reason, blamed, (), remedy))
    text = str(caught.value)
    assert "never started: exec: 'pyhton': not found" in text
    assert "jobs.train.command" in text
    assert "log" not in text


def test_a_missing_program_points_at_the_command() -> None:
    assert "jobs.train.command" in verdict.remedy(RUN, State.FAILED, ended(127))


def test_a_cancelled_run_is_not_to_be_corrected() -> None:
    assert verdict.remedy(RUN, State.CANCELLED, ended(143)).startswith("inv run --job train")
    assert verdict.remedy(RUN, State.DONE, None) == ""


def test_the_blame_is_not_on_a_container_that_was_told_to_stop() -> None:
    told, cause = ended(143, name="side"), ended(1, name="main", instance=1)
    assert verdict.culprit(Snapshot(State.FAILED, (told, cause))) == cause
    assert verdict.culprit(Snapshot(State.FAILED, (told,))) == told


@pytest.mark.parametrize(
    ("first", "cause"),
    [
        (ended(1), ended(137, instance=1)),
        (ended(1), ended(2, instance=1)),
        (ended(134), ended(3, instance=1)),
        (ended(75), ended(1, instance=1)),
        (ended(137, "Terminated"), ended(1, instance=1)),
        (ended(None, "Not started: another container of the job failed"), ended(1, instance=1)),
        (ended(1), ended(137, "Container was OOMKilled due to resource usage", instance=1)),
        (ended(137, "Terminated"), ended(75, instance=1)),
    ],
)
def test_replicas_that_end_because_another_is_gone_are_not_to_blame(
    first: ContainerStatus, cause: ContainerStatus
) -> None:
    assert verdict.culprit(Snapshot(State.FAILED, (first, cause))) == cause


def test_nobody_is_to_blame_for_a_run_that_is_done() -> None:
    assert verdict.culprit(Snapshot(State.DONE, (ended(0, "Completed successfully"),))) is None
    assert verdict.reason(RUN, State.DONE, None) == ""


def test_the_last_twenty_lines_are_those_of_the_failed_container() -> None:
    shown = verdict.last_lines([*lines(30), *lines(30, "side")], ended(1))
    assert shown == tuple(f"main {i}" for i in range(10, 30))


def test_a_container_that_said_nothing_leaves_the_others_lines() -> None:
    assert verdict.last_lines(lines(2, "side"), ended(1)) == ("side 0", "side 1")


def test_a_failed_run_raises_with_code_one_reason_and_lines() -> None:
    blamed = ended(3)
    remedy = verdict.remedy(RUN, State.FAILED, blamed)
    failed = Verdict(RUN, State.FAILED, verdict.reason(RUN, State.FAILED, blamed), blamed, ("first", "last"), remedy)
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


@pytest.mark.parametrize(
    ("state", "path", "offered"),
    [
        (State.FAILED, "checkpoints/step-000100/manifest.json", True),
        (State.FAILED, "checkpoints/step-000100/state.pt", False),  # cut off: its manifest comes last
        (State.DONE, "checkpoints/step-000100/manifest.json", False),
        (State.RUNNING, "checkpoints/step-000100/manifest.json", False),
    ],
)
def test_a_run_that_ended_early_with_a_whole_checkpoint_may_be_gone_on_from(
    state: State, path: str, offered: bool
) -> None:
    commands = dict(verdict.next_commands(RUN, state, [Output(path, 1, "")]))
    assert (commands.get("go on from its checkpoint") == f"inv run --resume {RUN.name}") == offered


@pytest.mark.parametrize("state", [State.CANCELLED, State.INTERNAL_ERROR, State.DELETED])
def test_every_other_end_than_done_is_exit_code_one(state: State) -> None:
    with pytest.raises(JobFailed):
        verdict.check(Verdict(RUN, state, ""))


def test_a_run_that_is_done_raises_nothing() -> None:
    verdict.check(Verdict(RUN, State.DONE, ""))


def test_a_run_that_cannot_start_offers_to_stop_it() -> None:
    commands = dict(verdict.next_commands(RUN, State.PENDING, []))
    assert commands["stop it"] == f"inv cancel --run {RUN.name}"
    assert "fetch the outputs" not in commands
