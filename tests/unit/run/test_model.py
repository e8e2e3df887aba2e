from __future__ import annotations

import pytest

from spcs.run.model import (
    FINAL,
    ContainerStatus,
    LogLine,
    Output,
    Snapshot,
    State,
    readable_amount,
    readable_size,
    rfc3339,
)


def test_the_final_states_are_a_closed_set() -> None:
    assert {state.value for state in FINAL} == {"DONE", "FAILED", "CANCELLED", "INTERNAL_ERROR", "DELETED"}


@pytest.mark.parametrize("word", ["HIBERNATING", "", "finalizing"])
def test_a_state_never_heard_of_counts_as_running(word: str) -> None:
    assert State.of(word) is State.RUNNING
    assert not State.of(word).final


def test_a_state_is_read_in_any_case() -> None:
    assert State.of("internal_error") is State.INTERNAL_ERROR


@pytest.mark.parametrize(
    ("code", "name"), [(137, "SIGKILL"), (143, "SIGTERM"), (-11, "SIGSEGV"), (3, ""), (0, ""), (255, "")]
)
def test_an_exit_code_names_its_signal(code: int, name: str) -> None:
    assert ContainerStatus(0, "main", "FAILED", exit_code=code).signal == name


def test_a_container_that_has_not_ended_names_no_signal() -> None:
    assert ContainerStatus(0, "main", "READY").signal == ""


def test_containers_speak_once_and_only_of_the_unusual() -> None:
    nodes = "Compute pool node(s) are being provisioned"
    said = ["Running", "Waiting to start", nodes, nodes, "Pulling image"]
    snapshot = Snapshot(State.PENDING, tuple(ContainerStatus(i, "main", "PENDING", m) for i, m in enumerate(said)))
    assert snapshot.message == f"{nodes}; Pulling image"


def test_what_a_run_waits_for_is_no_container_that_failed() -> None:
    failed = ContainerStatus(0, "main", "FAILED", "User application error", 1)
    waiting = ContainerStatus(1, "main", "PENDING", "Pulling image")
    assert Snapshot(State.PENDING, (failed, waiting)).message == "Pulling image"
    assert Snapshot(State.RUNNING, (failed, waiting)).message == "User application error; Pulling image"


@pytest.mark.parametrize(
    ("message", "note"),
    [("Running (no GPU on this machine)", "no GPU on this machine"), ("Running", ""), ("Pulling (1 of 2)", "")],
)
def test_what_is_special_about_a_running_container_is_its_note(message: str, note: str) -> None:
    assert ContainerStatus(0, "main", "READY", message).note == note


def test_times_have_nine_digits_so_that_text_sorts_as_time() -> None:
    moments = [1_729_559_549_500_000_000, 1_729_559_549_510_000_000, 1_729_559_549_512_000_001]
    stamps = [LogLine(moment, 0, "main", "x").stamp for moment in moments]
    assert stamps == sorted(stamps)
    assert rfc3339(moments[2]) == "2024-10-22T01:12:29.512000001Z"


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"), (2_340_000, "2.3 MB"), (5 * 10**15, "5000.0 TB")],
)
def test_sizes_read_well(count: int, text: str) -> None:
    assert readable_size(count) == text


@pytest.mark.parametrize(
    ("sizes", "text"), [((80,), "1 file, 80 bytes"), ((1_200_000, 80), "2 files, 1.2 MB"), ((), "0 files, 0 bytes")]
)
def test_files_are_counted_as_one_says_it(sizes: tuple[int, ...], text: str) -> None:
    assert readable_amount([Output(f"{i}", size) for i, size in enumerate(sizes)]) == text


def test_a_state_in_a_sentence_is_in_plain_words() -> None:
    assert (State.DONE.word, State.INTERNAL_ERROR.word) == ("done", "internal error")
