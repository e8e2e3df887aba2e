from __future__ import annotations

import pytest

from spcs.errors import JobFailed
from spcs.run import diagnosis, verdict
from spcs.run.model import Output, State, Verdict
from tests.runs import RUN, ended


def test_a_container_that_never_started_has_no_log_to_correct() -> None:
    blamed = ended(None, "exec: 'pyhton': not found")
    remedy, reason = diagnosis.remedy(RUN, State.FAILED, blamed), diagnosis.reason(RUN, State.FAILED, blamed)
    with pytest.raises(JobFailed) as caught:
        verdict.check(Verdict(RUN, State.FAILED, reason, blamed, (), remedy))
    text = str(caught.value)
    assert "never started: exec: 'pyhton': not found" in text
    assert "jobs.train.command" in text
    assert "log" not in text


def test_a_failed_run_raises_with_code_one_reason_and_lines() -> None:
    blamed = ended(3)
    remedy = diagnosis.remedy(RUN, State.FAILED, blamed)
    failed = Verdict(RUN, State.FAILED, diagnosis.reason(RUN, State.FAILED, blamed), blamed, ("first", "last"), remedy)
    with pytest.raises(JobFailed) as caught:
        verdict.check(failed)
    assert caught.value.code == 1
    text = str(caught.value.message)
    assert text.splitlines()[0] == f"error: the run {RUN.name} failed"
    assert "exit code 3" in text
    assert "the last 2 log lines:" in text
    assert "inv build push run --job train" in text


def test_a_traceback_stands_before_the_other_last_lines() -> None:
    failed = Verdict(RUN, State.FAILED, "why", ended(1), ("step=1",), "do", ("Traceback …", "KeyError: 3"))
    with pytest.raises(JobFailed) as caught:
        verdict.check(failed)
    assert str(caught.value).splitlines()[1:] == [
        "  why",
        "  its traceback:",
        "    Traceback …",
        "    KeyError: 3",
        "  the last line besides:",
        "    step=1",
        "  fix: do",
    ]


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
