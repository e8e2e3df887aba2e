"""Groups of exceptions, as Python 3.11 draws them, among the tracebacks of a log."""

from __future__ import annotations

import traceback

import pytest

from spcs.run.tracebacks import Part, besides, pick
from tests.logs import LOGS, log, picked, stored

HEADING = "  + Exception Group Traceback (most recent call last):"


def test_of_a_group_of_exceptions_the_first_is_shown_with_its_frames_and_what_the_others_say() -> None:
    found = picked(stored("group"))
    assert "\n".join(found.lines) == (
        "  + Exception Group Traceback (most recent call last):\n"
        "  |   … 4 calls left out\n"
        '  |   File "/home/app/shards.py", line 15, in main\n'
        "  |     async with asyncio.TaskGroup() as group:\n"
        '  |   File "/usr/local/lib/python3.11/asyncio/taskgroups.py", line 145, in __aexit__\n'
        "  |     raise me from None\n"
        "  | ExceptionGroup: unhandled errors in a TaskGroup (3 sub-exceptions)\n"
        "  +-+---------------- 1 ----------------\n"
        "    | Traceback (most recent call last):\n"
        '    |   File "/home/app/shards.py", line 11, in shard\n'
        '    |     read(f"/data/{number}")\n'
        '    |   File "/home/app/shards.py", line 6, in read\n'
        "    |     return open(path)\n"
        "    |            ^^^^^^^^^^\n"
        "    | FileNotFoundError: [Errno 2] No such file or directory: '/data/1'\n"
        "    +---------------- 2 ----------------\n"
        "    | ValueError: /data/2 has no rows\n"
        "    +---------------- 3 ----------------\n"
        "    | ValueError: /data/3 has no rows\n"
        "    +------------------------------------"
    )
    assert found.errors == (
        "FileNotFoundError: [Errno 2] No such file or directory: '/data/1'",
        "ValueError: /data/2 has no rows",
        "ValueError: /data/3 has no rows",
        "ExceptionGroup: unhandled errors in a TaskGroup (3 sub-exceptions)",
    )
    assert (found.part, found.time) == (Part.CAUSE, 1)
    assert [line.text for line in besides(stored("group"))] == ["step=1 loss=2.3"]


def test_of_a_group_in_a_group_its_exceptions_are_told_and_what_they_came_from() -> None:
    found = picked(stored("nested_groups"))
    assert found.lines[0] == "ExceptionGroup: shards (2 sub-exceptions)"
    assert found.lines[-5:] == (
        "    +---------------- 2 ----------------",
        "    | ValueError: shard 2 is lost",
        "    +---------------- 3 ----------------",
        "    | KeyError: 'label'",
        "    +------------------------------------",
    )
    assert '    |   File "/home/app/nested.py", line 9, in shard' in found.lines
    assert found.errors[:4] == (
        "ValueError: shard 1 is lost",
        "ValueError: shard 2 is lost",
        "KeyError: 'label'",
        "ExceptionGroup: the data (2 sub-exceptions)",
    )
    assert "OSError: [Errno 28] No space left on device: '/data/1'" in found.errors
    assert [line.text for line in besides(stored("nested_groups"))] == ["step=1 loss=2.3"]


def test_a_group_of_one_of_torchrun_s_processes_has_its_mark() -> None:
    found = picked(stored("torchrun_group"))
    assert (found.speaker, found.lines[0]) == ("rank1", f"[rank1]: {HEADING}")
    assert found.errors[:2] == ("KeyError: 'label'", "KeyError: 'weight'")
    assert not [line for line in besides(stored("torchrun_group")) if "rank1]" in line.text]


def said_by_python(*errors: Exception) -> str:
    try:
        raise ExceptionGroup("all", errors)
    except ExceptionGroup:
        return traceback.format_exc()


LOST = RuntimeError("[../third_party/gloo/gloo/transport/tcp/pair.cc:534] Connection closed by peer [127.0.0.1]:108")


def test_a_group_is_the_cause_if_one_of_its_exceptions_is() -> None:
    assert picked(log(said_by_python(LOST, LOST))).part is Part.FOLLOWED
    found = picked(log(said_by_python(LOST, KeyError("label"))))
    assert (found.part, found.errors[0]) == (Part.CAUSE, "KeyError: 'label'")


def test_a_group_that_was_made_of_another_one_shows_both() -> None:
    def program() -> None:
        try:
            raise ExceptionGroup("all", [ValueError("a"), KeyError("b")])
        except* ValueError as error:
            raise RuntimeError("no data") from error

    try:
        program()
    except ExceptionGroup:
        found = picked(log(traceback.format_exc()))
    assert found.errors[:3] == ("RuntimeError: no data", "ValueError: a", "ExceptionGroup: all (1 sub-exception)")
    assert "    | RuntimeError: no data" in found.lines
    assert "    | KeyError: 'b'" in found.lines


def test_a_large_group_is_cut_to_a_screen() -> None:
    found = picked(log(said_by_python(*[ValueError(number) for number in range(20)])))
    assert found.lines[-5:] == (
        "    +---------------- 5 ----------------",
        "    | ValueError: 4",
        "    +---------------- ... ----------------",
        "    | and more exceptions",
        "    +------------------------------------",
    )


def test_a_message_of_several_lines_in_a_group_does_not_end_it() -> None:
    # as Python itself writes it at a program's end; its module traceback draws the box around each of them
    text = """\
  + Exception Group Traceback (most recent call last):
  |   File "/home/app/lines.py", line 1, in <module>
  |     raise ExceptionGroup("all", [ValueError("first\\n second\\nthird"), KeyError("b")])
  | ExceptionGroup: all (2 sub-exceptions)
  +-+---------------- 1 ----------------
    | ValueError: first
 second
third
    +---------------- 2 ----------------
    | KeyError: 'b'
    +------------------------------------"""
    found = picked(log(text))
    assert found.errors[:2] == ("ValueError: first", "KeyError: 'b'")
    assert besides(log(text)) == []
    drawn = picked(log(said_by_python(ValueError("first\n second\nthird"), KeyError("b"))))
    assert drawn.errors[:2] == ("ValueError: first  second third", "KeyError: 'b'")


def test_lines_of_others_in_a_group_are_left_out() -> None:
    mixed = "\nstep=2 loss=2.2\n".join((LOGS / "group.txt").read_text().splitlines())
    assert picked(log(mixed)).lines == picked(stored("group")).lines


@pytest.mark.parametrize("name", ["group", "nested_groups"])
def test_a_group_that_is_cut_off_anywhere_tells_what_is_there(name: str) -> None:
    whole = stored(name)
    told = [pick(whole[:end]) for end in range(len(whole))]
    first = next(at for at, line in enumerate(whole) if "| ExceptionGroup" in line.text)
    assert all(each is None for each in told[: first + 1])
    assert all(each is not None for each in told[first + 1 :])
