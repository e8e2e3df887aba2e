"""`python -m app`: settings, processes, exit code.

0 done, 1 failed, 2 wrong settings or data, 3 diverged, 75 stopped with a checkpoint to go on from, 128 and a signal's
number: ended by it with nothing saved.
"""

from __future__ import annotations

import signal
import sys

# Before torch is imported, which takes a second: a container's first process ignores a SIGTERM without a handler.
for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT):
    signal.signal(number, lambda number, _: sys.exit(128 + number))

if __name__ == "__main__":
    from app import entry, report

    sys.exit(report.guarded(entry.main))
