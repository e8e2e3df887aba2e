"""Calls of native code that Ctrl-C must be able to leave."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def interruptible(call: Callable[[], T]) -> T:
    """Run `call` on a thread of its own and wait for it.

    Version 5 is native code that holds Ctrl-C back until it returns, and loses it when it strikes inside its log
    callback. A waiting main thread gets it at once; the abandoned thread ends with the process.
    """
    outcome: list[T] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            outcome.append(call())
        except BaseException as error:  # noqa: BLE001 - raised again below
            failed.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(0.2)  # a join without end can't be interrupted on Windows
    if failed:
        raise failed[0]
    return outcome[0]
