"""A double of a stage mount: with this folder on PYTHONPATH every Python refuses, below the folder STAGE_MOUNT, what
object storage cannot do. A file is made new, from start to end, and read from start to end; all else is an OSError.

The names of the files made so are added to the file STAGE_LOG: one that is not in there was written by a library that
Python does not see.
"""

from __future__ import annotations

import builtins
import io
import os
import sys
from typing import Any

MOUNT, LOG = os.environ["STAGE_MOUNT"] + os.sep, os.environ["STAGE_LOG"]
MOVES = ("os.rename", "os.link", "os.symlink", "os.truncate")


def on_mount(path: object) -> bool:
    return isinstance(path, (str, os.PathLike)) and str(path).startswith(MOUNT)


def refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if event in MOVES and any(map(on_mount, arguments[:2])):
        raise OSError(95, f"not on a stage: {event}", str(arguments[0]))
    if event == "open" and on_mount(arguments[0]):
        path, flags = str(arguments[0]), arguments[2]
        if flags & (os.O_APPEND | os.O_RDWR) or (flags & os.O_WRONLY and os.path.exists(path)):  # noqa: PTH110
            raise OSError(95, "not on a stage: to change a file", path)
        if flags & os.O_WRONLY:
            log = os.open(LOG, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            os.write(log, path.encode() + b"\n")
            os.close(log)


class Reader(io.BufferedReader):
    def seek(self, *_: int) -> int:
        raise OSError(29, "not on a stage: seek", str(self.name))


class Writer(io.BufferedWriter):
    def seek(self, *_: int) -> int:
        raise OSError(29, "not on a stage: seek", str(self.name))


plain_open = io.open


def stage_open(file: Any, mode: str = "r", *more: Any, **options: Any) -> Any:
    if not on_mount(file):
        return plain_open(file, mode, *more, **options)
    raw = io.FileIO(file, mode.replace("b", "").replace("t", ""))
    buffer = Reader(raw) if "r" in mode else Writer(raw)
    return buffer if "b" in mode else io.TextIOWrapper(buffer, "utf-8")


sys.addaudithook(refuse)
io.open = builtins.open = stage_open
