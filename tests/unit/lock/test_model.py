"""The text of a lock: what it says, that it says the same again, and that no other text passes for one."""

from __future__ import annotations

import re

import pytest

from spcs.lock import Inputs, Lock, Requirement, Unreadable, parse, text

A, B = "sha256:" + "a" * 64, "sha256:" + "b" * 64
LOCK = Lock(
    Inputs("cpu", "3.11", "linux/amd64", ("Torch==2.13.0", "torchdata==0.11.0")),
    (
        Requirement("filelock", "4.3.1", (A, B), ("torch",)),
        Requirement("torch", "2.13.0+cpu", (A,), ("torchdata",)),
        Requirement("torchdata", "0.11.0", (B,)),
        Requirement("urllib3", "2.8.0", (A,), ("requests", "torchdata")),
    ),
)
TEXT = f"""\
# Made by `inv lock` for the pins below. Change them in the settings, then run it again.
# kind: cpu
# python: 3.11
# platform: linux/amd64
# pin: Torch==2.13.0
# pin: torchdata==0.11.0

filelock==4.3.1 \\
    --hash={A} \\
    --hash={B}
    # via torch
torch==2.13.0+cpu \\
    --hash={A}
    # via torchdata
torchdata==0.11.0 \\
    --hash={B}
urllib3==2.8.0 \\
    --hash={A}
    # via
    #   requests
    #   torchdata
"""


def test_a_lock_and_its_text_are_the_same() -> None:
    assert text(LOCK) == TEXT
    assert parse(TEXT) == LOCK


def test_torch_is_heavy_and_the_rest_light() -> None:
    assert [each.name for each in LOCK.heavy] == ["torch"]
    assert [each.name for each in LOCK.light] == ["filelock", "torchdata", "urllib3"]


@pytest.mark.parametrize(
    ("was", "now", "why"),
    [
        (f"    --hash={B}\n    # via torch\n", "", "by hand"),  # the line before it goes on
        (f" \\\n    --hash={A}\n    # via torchdata\n", "\n", "torch has no hash"),
        (f"torchdata==0.11.0 \\\n    --hash={B}\n", "", "lacks torchdata"),
        ("torch==2.13.0+cpu", "<<<<<<< HEAD\ntorch==2.13.0+cpu", "'<<<<<<< HEAD'"),
        ("filelock==4.3.1", "--index-url=x\nfilelock==4.3.1", "'--index-url=x'"),
        ("filelock==4.3.1", "filelock @ file:///x.whl", "file:///x.whl"),
        ("# kind: cpu\n", "", "what it was made for"),
        ("# kind: cpu\n", "# kind: tpu\n", "what it was made for"),
    ],
)
def test_what_inv_lock_does_not_write_is_no_lock(was: str, now: str, why: str) -> None:
    assert was in TEXT
    with pytest.raises(Unreadable, match=re.escape(why)):
        parse(TEXT.replace(was, now))


def test_an_empty_text_is_no_lock() -> None:
    with pytest.raises(Unreadable):
        parse("")
