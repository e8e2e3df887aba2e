"""Stay with a run until its verdict: state, reasons and log, in one loop that survives silence and bursts.

The loop ends on a final *state*, never on the end of a log.
"""

from __future__ import annotations

import time
from collections import deque

from spcs.errors import Left, NotReady
from spcs.run import files, verdict, watch
from spcs.run.account import Account
from spcs.run.logs import LogReader
from spcs.run.model import LogLine, Run, Snapshot, State, Verdict, View

SHORTEST = 0.3
LONGEST = 5.0
# How many more looks a finished run gets for its last log lines and exit codes, SHORTEST apart.
LAST_LOOKS = 10
# How often in a row the account may fail to answer before following is given up.
MOST_SILENCES = 20


def pause(quiet: float) -> float:
    """Return how long to wait before asking again after `quiet` seconds without news: a tenth of the silence."""
    return min(LONGEST, max(SHORTEST, quiet / 10))


def follow(account: Account, run: Run, view: View, *, stop_doomed: bool = False) -> Verdict:
    """Show the run's state and log until it has ended, and return the verdict (see `verdict.check` for its exit code).

    Ctrl-C raises Left; the job goes on. A run that can never start ends the following at once, and with `stop_doomed`
    (for who started it) it is cancelled, so that it does not hold its pool.
    """
    try:
        return _Follower(account, run, view, stop_doomed).to_the_end()
    except KeyboardInterrupt:
        raise left(run) from None


def left(run: Run) -> Left:
    """Say that the user left, and how to come back."""
    return Left(
        f"left the run {run.name}; the job goes on",
        f"come back with: inv logs --run {run.name} --follow\nstop it with: inv cancel --run {run.name}",
    )


class _Follower:
    def __init__(self, account: Account, run: Run, view: View, stop_doomed: bool) -> None:
        self._account = account
        self._run = run
        self._view = view
        self._stop_doomed = stop_doomed
        self._reader = LogReader(account, run, view.notice)
        self._tail: deque[LogLine] = deque(maxlen=1000)
        self._shown: tuple[State, str] | None = None
        self._notes: dict[str, None] = {}
        self._news = time.monotonic()
        self._silences = 0

    def to_the_end(self) -> Verdict:
        while True:
            try:
                if ended := self._step():
                    return ended
                self._silences = 0
            except NotReady as silence:
                self._bear(silence)
            time.sleep(pause(time.monotonic() - self._news))

    def _step(self) -> Verdict | None:
        snapshot = self._look()
        if doom := watch.hopeless(snapshot):
            return self._give_up(snapshot, doom)
        self._read(snapshot)
        return self._conclude(self._last_looks(snapshot)) if snapshot.state.final else None

    def _bear(self, silence: NotReady) -> None:
        """Take an account that does not answer for a network that comes back, unless it never answered."""
        self._silences += 1
        if self._shown is None or isinstance(silence, watch.RunMissing) or self._silences > MOST_SILENCES:
            raise silence
        if self._silences == 1:
            self._view.notice("the account does not answer; trying again")

    def _look(self) -> Snapshot:
        try:
            snapshot = watch.observe(self._account, self._run)
        except watch.RunMissing:
            if self._shown is None:
                raise
            snapshot = Snapshot(State.DELETED)
        self._notes |= {c.note: None for c in snapshot.containers if c.note}
        said = (snapshot.state, "" if snapshot.state.final else snapshot.message)
        if said != self._shown:
            self._shown, self._news = said, time.monotonic()
            self._view.state(snapshot)
        return snapshot

    def _read(self, snapshot: Snapshot) -> bool:
        if snapshot.state is State.DELETED:
            return False
        return self._show(self._reader.poll(snapshot.containers))

    def _show(self, lines: list[LogLine]) -> bool:
        for line in lines:
            self._view.line(line)
        self._tail.extend(lines)
        if lines:
            self._news = time.monotonic()
        return bool(lines)

    def _last_looks(self, snapshot: Snapshot) -> Snapshot:
        """Read on until the log has nothing more and the exit codes are in."""
        for _ in range(LAST_LOOKS):
            if snapshot.state is State.DELETED:
                break
            time.sleep(SHORTEST)
            more = self._read(snapshot)
            if not more and watch.settled(snapshot):
                break
            snapshot = self._look()
        self._show(self._reader.flush())
        return snapshot

    def _give_up(self, snapshot: Snapshot, doom: str) -> Verdict:
        if self._stop_doomed:
            self._view.notice("stopping the run: it cannot start")
            files.cancel(self._account, self._run)
        return self._conclude(snapshot, doom)

    def _conclude(self, snapshot: Snapshot, doom: str = "") -> Verdict:
        return verdict.conclude(self._account, self._run, snapshot, self._tail, doom, tuple(self._notes))
