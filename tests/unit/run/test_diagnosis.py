from __future__ import annotations

import dataclasses

import pytest

from spcs.run import diagnosis
from spcs.run.model import ContainerStatus, LogLine, Output, Run, Snapshot, State
from tests.runs import RUN, USER_ERROR, ended

OWN = dataclasses.replace(RUN, runs_app=False)
CHECKPOINT = (Output("checkpoints/step-000100/manifest.json", 1),)


def lines(count: int, container: str = "main") -> list[LogLine]:
    return [LogLine(i, 0, container, f"{container} {i}") for i in range(count)]


def test_the_exit_code_is_in_the_reason() -> None:
    said = diagnosis.reason(RUN, State.FAILED, ended(5))
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
    assert f"exit code {code} ({meaning})" in diagnosis.reason(RUN, State.FAILED, ended(code), CHECKPOINT)
    assert fix in diagnosis.remedy(RUN, State.FAILED, ended(code), CHECKPOINT)


@pytest.mark.parametrize("code", [2, 3])
def test_the_exit_codes_of_a_program_of_ones_own_mean_what_it_says(code: int) -> None:
    assert "app/" not in diagnosis.reason(OWN, State.FAILED, ended(code))


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
        assert diagnosis.remedy(run, state, ended(75, "Terminated"), outputs) == fix
    assert ("checkpoint" in diagnosis.reason(run, State.FAILED, ended(75), outputs)) == resumed


def test_a_signal_is_named() -> None:
    assert "exit code 139 (SIGSEGV)" in diagnosis.reason(RUN, State.FAILED, ended(139))


def test_out_of_memory_is_said_with_its_remedy() -> None:
    killed = ended(137, "Container was OOMKilled due to resource usage")
    assert "ran out of memory" in diagnosis.reason(RUN, State.FAILED, killed)
    found = diagnosis.diagnose(RUN, Snapshot(State.FAILED, (killed,)), lines(2))
    assert found.remedy.startswith("raise jobs.train.resources.limits.memory")


def test_a_kill_that_nobody_explains_may_have_been_for_memory() -> None:
    fix = diagnosis.remedy(RUN, State.FAILED, ended(137))
    assert fix.startswith("if it ran out of memory, raise jobs.train.resources.limits.memory")


def test_a_missing_program_points_at_the_command() -> None:
    assert "jobs.train.command" in diagnosis.remedy(RUN, State.FAILED, ended(127))


def test_a_cancelled_run_is_not_to_be_corrected() -> None:
    assert diagnosis.remedy(RUN, State.CANCELLED, ended(143)).startswith("inv run --job train")
    assert diagnosis.remedy(RUN, State.DONE, None) == ""


def test_the_blame_is_not_on_a_container_that_was_told_to_stop() -> None:
    told, cause = ended(143, name="side"), ended(1, name="main", instance=1)
    assert diagnosis.culprit(Snapshot(State.FAILED, (told, cause))) == cause
    assert diagnosis.culprit(Snapshot(State.FAILED, (told,))) == told


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
    assert diagnosis.culprit(Snapshot(State.FAILED, (first, cause))) == cause


def test_nobody_is_to_blame_for_a_run_that_is_done() -> None:
    assert diagnosis.culprit(Snapshot(State.DONE, (ended(0, "Completed successfully"),))) is None
    assert diagnosis.reason(RUN, State.DONE, None) == ""


def test_the_last_twenty_lines_are_those_of_the_failed_container() -> None:
    shown = diagnosis.last_lines([*lines(30), *lines(30, "side")], ended(1))
    assert shown == tuple(f"main {i}" for i in range(10, 30))


def test_a_container_that_said_nothing_leaves_the_others_lines() -> None:
    assert diagnosis.last_lines(lines(2, "side"), ended(1)) == ("side 0", "side 1")


def failed(*containers: ContainerStatus) -> Snapshot:
    return Snapshot(State.FAILED, containers, pool="MACHINES")


def said(text: str, instance: int = 0, start: int = 0) -> list[LogLine]:
    return [LogLine(start + at, instance, "main", line) for at, line in enumerate(text.splitlines())]


BROKEN = """\
step=1 loss=2.3
Traceback (most recent call last):
  File "/home/app/train.py", line 3, in <module>
    import einops
ModuleNotFoundError: No module named 'einops'"""
LOST = """\
step=1 loss=2.3
Traceback (most recent call last):
  File "/home/app/train.py", line 9, in <module>
    dist.all_reduce(t)
RuntimeError: [../third_party/gloo/gloo/transport/tcp/pair.cc:534] Connection closed by peer [127.0.0.1]:10895"""


def test_a_known_exception_is_told_with_its_traceback_meaning_and_remedy() -> None:
    found = diagnosis.diagnose(RUN, failed(ended(1)), said(BROKEN))
    assert found.reason == "container main of instance 0 ended with exit code 1: the image has no Python module einops"
    assert found.traceback == tuple(BROKEN.splitlines()[1:])
    assert found.last_lines == ("step=1 loss=2.3",)
    assert found.remedy.endswith("then inv lock build push run --job train")


def test_an_unknown_exception_is_told_with_its_traceback_alone() -> None:
    unknown = BROKEN.replace("ModuleNotFoundError: No module named 'einops'", "KeyError: 'label'")
    found = diagnosis.diagnose(RUN, failed(ended(1)), said(unknown))
    assert found.reason.endswith(USER_ERROR)
    assert found.traceback[-1] == "KeyError: 'label'"
    assert found.remedy == "correct what the log says, then inv build push run --job train"


@pytest.mark.parametrize("broken", [0, 1])
def test_of_replicas_that_end_alike_the_one_whose_log_tells_the_cause_is_to_blame(broken: int) -> None:
    lines = [*said(LOST, instance=1 - broken), *said(BROKEN, instance=broken, start=100)]
    found = diagnosis.diagnose(RUN, failed(ended(1), ended(1, instance=1)), lines)
    assert found.container == ended(1, instance=broken)
    assert "einops" in found.reason


@pytest.mark.parametrize("first", [0, 1])
def test_of_replicas_that_fail_alike_the_first_is_to_blame(first: int) -> None:
    lines = [*said(BROKEN, instance=1 - first, start=100), *said(BROKEN, instance=first)]
    assert diagnosis.diagnose(RUN, failed(ended(1), ended(1, instance=1)), lines).container == ended(1, instance=first)


@pytest.mark.parametrize("told", [ended(75), ended(143, "Terminated"), ended(137, "Terminated")])
def test_what_a_container_says_while_it_is_stopped_is_no_cause(told: ContainerStatus) -> None:
    found = diagnosis.diagnose(RUN, failed(told), said(BROKEN))
    assert found.traceback == ()
    assert "einops" not in found.reason + found.remedy


def test_an_image_for_another_processor_is_told_while_the_run_waits() -> None:
    doom = "Failed to retrieve image: SPCS only supports image for amd64 architecture. Please rebuild your image …"
    snapshot = Snapshot(State.PENDING, (ContainerStatus(0, "main", "PENDING", doom),), pool="MACHINES")
    found = diagnosis.diagnose(RUN, snapshot, [], doom=doom)
    assert found.reason == doom
    assert found.remedy == "inv build push run --job train (inv doctor compares the processors)"


LOST = "RuntimeError: [gloo/transport/tcp/pair.cc:547] Connection closed by peer [10.0.0.2]:4271"


@pytest.mark.parametrize(("error", "blamed"), [(LOST, 1), ("ValueError: no such column", 0)])
def test_whoever_lost_a_replica_is_not_to_blame_though_that_one_was_told_to_stop(error: str, blamed: int) -> None:
    """It ended first, and while the account told the other to stop, that one's own end came."""
    snapshot = failed(ended(1), ended(137, "Terminated", instance=1))
    log = said(f'Traceback (most recent call last):\n  File "train.py", line 3, in <module>\n    step()\n{error}')
    found = diagnosis.diagnose(RUN, snapshot, log)
    assert found.container is not None
    assert found.container.instance == blamed
    assert found.reason.startswith(f"container main of instance {blamed} ended with exit code")
