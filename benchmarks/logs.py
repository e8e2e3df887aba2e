"""`python -m benchmarks.logs`: how fast a run's log arrives, and how late its last line. Exit 1 if a bar is missed.

The bare reader of lines asks for the whole recorded log in one statement once the job has ended; ours follows the job
from its start. The bare follower asks for the newest 500 lines every two seconds, as the Snowflake CLI's does.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable

from benchmarks.account import Bench, bench
from benchmarks.pairs import at_least, at_most
from spcs.account import sql
from spcs.run.follow import follow
from spcs.run.model import LogLine, Run, Snapshot

LINES = 100_000
BURST = f"import os\nfor k in range({LINES // 100}): os.write(1, b'loss=0.1234 step=000100 of a burst\\n' * 100)"
# Five lines, half a second apart: the last one is late by chance, so it is taken several times.
SLOW = "import time\nfor i in range(5): time.sleep(0.5); print('line', i, time.time(), flush=True)\ntime.sleep(2.5)"
CLI_SECONDS, CLI_LINES = 2.0, 500
ROUNDS = 3


class Counting:
    """A View that counts the job's lines, and notes when the last of each text came."""

    def __init__(self) -> None:
        self.count = 0
        self.lags: list[float] = []

    def state(self, snapshot: Snapshot) -> None:
        """Nothing is shown."""

    def line(self, line: LogLine) -> None:
        self.count += line.text.startswith(("loss", "line"))
        if line.text.startswith("line"):
            self.lags.append(time.time() - float(line.text.split()[2]))

    def notice(self, text: str) -> None:
        print(f"# {text}")


def main() -> int:
    with bench() as made:
        kept = [*lines(made), lag(made)]
    return 0 if all(kept) else 1


def lines(made: Bench) -> list[bool]:
    """Follow a burst, then read it bare."""
    ours, bare, seen = [], [], []
    for _ in range(ROUNDS):
        run = made.start(BURST)
        view = Counting()
        ours.append(timed(follow, made.account, run, view))
        bare.append(timed(made.account.query, _whole(run)))
        seen.append(view.count / LINES)
    rates = [LINES / statistics.median(times) for times in (ours, bare)]
    print(f"# lines/s: {rates[0]:.0f} followed, {rates[1]:.0f} read bare")
    return [
        at_least("logs/share@100000", min(seen), 1.0),
        at_least("logs/lines", statistics.median(b / o for o, b in zip(ours, bare, strict=True)), 0.3),
    ]


def lag(made: Bench) -> bool:
    """How late a line is shown: ours against the bare follower's."""
    view = Counting()
    follow(made.account, made.start(SLOW), view)
    bare = _as_the_cli(made, made.start(SLOW))
    print(f"# a line is late by {statistics.median(view.lags):.2f} s, bare by {statistics.median(bare):.2f} s")
    return at_most("logs/lag", statistics.median(view.lags) / statistics.median(bare), 0.25)


def timed(do: Callable[..., object], *given: object) -> float:
    started = time.perf_counter()
    do(*given)
    return time.perf_counter() - started


def _whole(run: Run) -> str:
    return sql.recorded_logs(run.service, 0, "main", since="2000-01-01T00:00:00Z")


def _as_the_cli(made: Bench, run: Run) -> list[float]:
    lags: dict[str, float] = {}
    while len(lags) < 5:
        time.sleep(CLI_SECONDS)
        (row,) = made.account.query(sql.service_logs(run.service, 0, "main", CLI_LINES))
        now = time.time()
        for text in str(next(iter(row.values()))).splitlines():
            if "line" in (words := text.split(" ")[1:]):
                lags.setdefault(words[1], now - float(words[2]))
    return list(lags.values())


if __name__ == "__main__":
    sys.exit(main())
