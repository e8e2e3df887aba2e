"""The traceback picked out of a log."""

from __future__ import annotations

import random

import pytest

from spcs.run.tracebacks import MOST_FRAMES, WIDEST, Part, besides, pick
from tests.logs import log, picked, stored

PLAIN = """\
step=1 loss=2.3
Traceback (most recent call last):
  File "/home/app/train.py", line 3, in <module>
    import einops
ModuleNotFoundError: No module named 'einops'
"""


def test_a_plain_traceback_is_shown_as_it_is() -> None:
    found = picked(log(PLAIN))
    assert list(found.lines) == PLAIN.splitlines()[1:]
    assert found.errors == ("ModuleNotFoundError: No module named 'einops'",)
    assert (found.part, found.speaker, found.time) == (Part.CAUSE, "", 1)


def test_of_torchrun_s_processes_the_one_that_failed_first_is_told() -> None:
    found = picked(stored("torchrun"))
    assert (found.part, found.speaker) == (Part.CAUSE, "rank1")
    assert found.errors == ("ValueError: the data has no label", "KeyError: 'label'")
    assert "\n".join(found.lines) == (
        "KeyError: 'label'\n"
        "\n"
        "The above exception was the direct cause of the following exception:\n"
        "[rank1]: Traceback (most recent call last):\n"
        '  File "/home/app/two.py", line 13, in <module>\n'
        "    main()\n"
        '  File "/home/app/two.py", line 10, in main\n'
        '    except KeyError as e: raise ValueError("the data has no label") from e\n'
        "                          ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^\n"
        "ValueError: the data has no label"
    )


def test_what_torchrun_says_of_it_is_left_out_of_the_rest() -> None:
    rest = [line.text for line in besides(stored("torchrun"))]
    assert rest[-2:] == ["step=1 loss=0.5 rank=1", "step=1 loss=0.5 rank=0"]


def test_torchrun_alone_tells_no_cause() -> None:
    whole = stored("torchrun")
    own = [line for line in whole if not line.text.startswith("[rank")]
    assert pick(own) is None


def test_of_a_loader_s_worker_it_is_the_worker_s_own() -> None:
    found = picked(stored("loader"))
    assert found.errors == ("FileNotFoundError: [Errno 2] No such file or directory: '/data/0.png'",)
    assert '  File "/home/app/loader.py", line 5, in __getitem__' in found.lines
    assert "  … 3 calls left out" in found.lines


def test_of_a_spawned_process_it_is_the_process_s_own() -> None:
    assert picked(stored("spawn")).errors == ("ModuleNotFoundError: No module named 'einops'",)


def test_one_that_was_logged_and_survived_is_not_the_cause() -> None:
    found = picked(stored("survived"))
    assert found.errors == ("ValueError: invalid literal for int() with base 10: 'three'",)
    assert [line.text for line in besides(stored("survived"))] == [
        "ERROR:root:no weights from the hub; the ones of the image are taken",
        "step=1 loss=2.3",
    ]


def test_a_program_that_cannot_be_read_has_no_heading() -> None:
    text = "  File \"/home/app/train.py\", line 2\n    x = (1,\n        ^\nSyntaxError: '(' was never closed"
    assert list(picked(log(text)).lines) == text.splitlines()


def test_replicas_that_write_at_once_are_told_apart() -> None:
    first, second = log(PLAIN, instance=1, start=50), log(PLAIN.replace("einops", "peft"), instance=0, start=10)
    mixed = sorted([*first, *second], key=lambda line: (line.time % 40, line.instance))
    assert picked(mixed).errors == ("ModuleNotFoundError: No module named 'peft'",)


@pytest.mark.parametrize("seed", range(5))
def test_processes_that_write_into_one_log_are_told_apart_however_they_mix(seed: int) -> None:
    texts = [[f"[rank{rank}]: {line}" for line in PLAIN.replace("einops", f"m{rank}").splitlines()] for rank in (0, 1)]
    dice, mixed = random.Random(seed), list[str]()
    while any(texts):
        mixed.append(dice.choice([own for own in texts if own]).pop(0))
    first = next(line for line in mixed if "Traceback" in line)[5]
    assert picked(log("\n".join(mixed))).errors == (f"ModuleNotFoundError: No module named 'm{first}'",)


def test_a_line_of_somebody_else_among_the_frames_is_left_out() -> None:
    mixed = PLAIN.replace("    import einops", "    import einops\nstep=2 loss=2.2\n[W] slow disk")
    assert list(picked(log(mixed)).lines) == PLAIN.splitlines()[1:]


def test_a_process_that_lost_another_is_told_only_if_nobody_else_is() -> None:
    lost = PLAIN.replace(
        "ModuleNotFoundError: No module named 'einops'",
        "RuntimeError: [../third_party/gloo/gloo/transport/tcp/pair.cc:534] Connection closed by peer [127.0.0.1]:108",
    )
    assert picked(log(lost)).part is Part.FOLLOWED
    assert picked([*log(lost), *log(PLAIN, instance=1, start=100)]).errors[0].startswith("ModuleNotFoundError")


def test_an_exception_of_c_plus_plus_is_one_too() -> None:
    # https://github.com/XPixelGroup/BasicSR/issues/737, shortened
    text = """\
terminate called after throwing an instance of 'c10::DistBackendError'
  what():  [PG ID 0 PG GUID 0(default_pg) Rank 1] Process group watchdog thread terminated with exception: [Rank 1] \
Watchdog caught collective operation timeout: WorkNCCL(SeqNum=808, OpType=ALLREDUCE, NumelIn=9801523, \
NumelOut=9801523, Timeout(ms)=600000) ran for 600020 milliseconds before timing out.
Exception raised from checkTimeout at ../torch/csrc/distributed/c10d/ProcessGroupNCCL.cpp:618 (most recent call first):
frame #0: c10::Error::Error(c10::SourceLocation, std::string) + 0x96"""
    found = picked(log(text))
    assert found.part is Part.FOLLOWED
    assert "Watchdog caught collective operation timeout" in found.errors[0]
    assert len(found.lines) == 2


@pytest.mark.parametrize(
    "text",
    [
        "",
        "step=1 loss=2.3\nstep=2 loss=2.2",
        "Traceback (most recent call last):",  # cut off by the kill
        'Traceback (most recent call last):\n  File "/home/app/train.py", line 3, in <module>\n    main()',
        # What a destructor raises ends nothing.
        """Exception ignored in: <function A.__del__ at 0x7f0026a787c0>
Traceback (most recent call last):
  File "<string>", line 3, in __del__
ValueError: in del""",
    ],
)
def test_there_may_be_none(text: str) -> None:
    assert pick(log(text)) is None


def deep(calls: int, message: str = "boom") -> str:
    own = '  File "/home/app/train.py", line 7, in step\n    loss = model(batch)\n           ^^^^^^^^^^^^\n'
    library = '  File "/opt/venv/lib/python3.11/site-packages/torch/nn/modules/module.py", line 1778, in _call_impl\n'
    return "Traceback (most recent call last):\n" + (own + library) * calls + f"RuntimeError: {message}"


def test_many_calls_are_cut_to_a_screen_in_which_the_users_own_are_left() -> None:
    found = picked(log(deep(100)))
    assert len(found.lines) < 25
    assert sum("train.py" in line for line in found.lines) == MOST_FRAMES
    assert found.lines[1] == "  … 192 calls left out"
    assert found.lines[-2].startswith('  File "/opt/venv'), "where it was raised"


def test_a_message_is_cut_to_a_screen_too() -> None:
    found = picked(log(deep(1, "x" * 1_000_000 + "\n" + "more\n" * 100)))
    assert len(found.lines) < 15
    assert max(map(len, found.lines)) == WIDEST + 2
    assert len(found.errors[0]) == WIDEST + 2
