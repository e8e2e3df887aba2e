"""`python -m app`: settings, signals, exit code. 0 done, 1 failed, 2 wrong settings or data, 75 stopped and saved."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Sequence
from types import FrameType

from app.config import Problem, resolve


def main(argv: Sequence[str]) -> int:
    stop = threading.Event()

    def on_signal(number: int, frame: FrameType | None) -> None:
        stop.set()
        if number == signal.SIGINT:
            signal.signal(signal.SIGINT, signal.default_int_handler)  # the second Ctrl-C leaves at once

    # Before torch is imported, which takes a second: a container's first process ignores a SIGTERM without a handler.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    try:
        config = resolve(argv, os.environ)
        from app.train import run

        return run(config, stop)
    except Problem as problem:
        failure = problem
    except OSError as error:
        failure = Problem(str(error), "make space, or choose another --output", code=1)
    sys.stderr.write(f"{failure}\n")
    return failure.code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
