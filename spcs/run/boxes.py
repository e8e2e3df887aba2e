"""The boxes in which Python 3.11 and later draw a group of exceptions, taken apart. Pure.

+ Exception Group Traceback (most recent call last):
|   File "/home/app/train.py", line 15, in main
| ExceptionGroup: unhandled errors in a TaskGroup (2 sub-exceptions)
+-+---------------- 1 ----------------
  | Traceback (most recent call last):
  …
  +------------------------------------
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

STARTS = re.compile(r"  \+ Exception Group Traceback \(most recent call last\):\s*$")

_OUTERMOST = 2  # columns before the line of the first box
_TITLE = re.compile(r"(?P<indent> +)\+(?P<deeper>-\+)?-{16} (?P<number>\d+|\.\.\.) -{16}\s*$")
_BOTTOM = re.compile(r"(?P<indent> +)\+-{36}\s*$")
_INSIDE = re.compile(r"(?P<indent> +)\| ?(?P<text>.*)")
_ANOTHER = re.compile(r"(?:Original )?Traceback \(most recent call last\):\s*$")


@dataclass
class Box:
    """`texts` are the lines in it as they would stand without it, `inner` the boxes of the exceptions of a group, each
    with the number of those lines that were there before it."""

    texts: list[str] = field(default_factory=list)
    inner: list[tuple[int, Box]] = field(default_factory=list)


def read(texts: Sequence[str], first: int) -> tuple[Box, int]:
    """Return the outermost box, whose first line is at `first`, and where it ends, which may be before its bottom.

    Lines that are not in it, of somebody else or of a message of several lines, are passed over.
    """
    outermost = Box([texts[first].replace("+", " ", 1).lstrip()])
    open_, end = {_OUTERMOST: outermost}, first + 1
    for place in range(first + 1, len(texts)):
        text = texts[place]
        if _ANOTHER.match(text) or STARTS.match(text):
            break
        if title := _TITLE.match(text):
            indent = len(title["indent"]) + 2 * bool(title["deeper"])
            _open(open_, indent, counts=title["number"] != "...")
        elif (inside := _INSIDE.match(text)) and (box := open_.get(len(inside["indent"]))):
            box.texts.append(inside["text"])
        elif not (bottom := _BOTTOM.match(text)):
            continue
        elif len(bottom["indent"]) <= _OUTERMOST + 2:
            return outermost, place + 1
        end = place + 1
    return outermost, end


def _open(open_: dict[int, Box], indent: int, *, counts: bool) -> None:
    """Begin a box at that column, in the one that is open before it; those to the right of it are over. The last one
    does not count where it says only how many more there are."""
    around = open_.get(indent - 2)
    for column in [column for column in open_ if column >= indent]:
        del open_[column]
    if around and counts:
        open_[indent] = Box()
        around.inner.append((len(around.texts), open_[indent]))
