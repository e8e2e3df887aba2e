"""Work that no statement waits for: what the engine takes its time over."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from local_account.runtime.model import RuntimeProblem

log = logging.getLogger("local_account")


def in_background(work: Callable[..., None], *arguments: str) -> None:
    """Do `work` on a thread of its own, named after it and the job; what the engine refuses goes to the log."""

    def run() -> None:
        try:
            work(*arguments)
        except RuntimeProblem as problem:
            log.warning("%s", problem)

    threading.Thread(target=run, name=f"{work.__name__}-{arguments[0]}", daemon=True).start()
