"""Stay with a run until its verdict: state, reasons and log, in one loop that survives silence and bursts.

The loop ends on a final *state*, never on the end of a log.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from spcs.account.errors import Unreachable
from spcs.errors import Left, NotReady
from spcs.run import files, remedies, verdict, watch
from spcs.run.account import Account
from spcs.run.logs import LogReader, Wanted
from spcs.run.model import LogLine, Run, Snapshot, State, Verdict, View

SHORTEST = 0.3
# How many more looks a finished run gets for its last log lines and exit codes, SHORTEST apart.
LAST_LOOKS = 10
# How long the account may fail to answer before following is given up: a laptop that wakes has no network at first.
SILENCE = 300.0


def pause(age: float, quiet: float, busy: bool = False) -> float:
    """Return how many seconds to wait before asking again: a tenth of the silence, at least 0.3 s for a young run and
    2 s for one of an hour, at most 5 to 15 s; not at all while answers are cut."""
    if busy:
        return 0.0
    shortest, longest = min(2.0, max(SHORTEST, age / 1800)), min(15.0, max(5.0, age / 240))
    return min(longest, max(shortest, quiet / 10))


@dataclass(frozen=True)
class Budget:
    """How many credits a run may cost, and the seconds that they last."""

    credits: float
    seconds: float


@dataclass(frozen=True)
class Manner:
    """How to stay with a run. `shows`: with its log lines, those that are `wanted`. `limit`: for at most so many
    seconds. `budget`: cancel it once it has cost that. `stop_doomed`: cancel it if it can never start, so that it does
    not hold its pool (for who started it). `stops` is asked on Ctrl-C: True stops the run, False leaves it."""

    wanted: Wanted = field(default_factory=Wanted)
    shows: bool = True
    limit: float | None = None
    budget: Budget | None = None
    stop_doomed: bool = False
    stops: Callable[[], bool] = lambda: False


def follow(account: Account, run: Run, view: View, manner: Manner | None = None) -> Verdict:
    """Show the run's state and log until it has ended, and return the verdict (see `verdict.check` for its exit code).

    Ctrl-C raises Left, and the job goes on, unless the user has it stopped. A time limit raises NotReady, and the job
    goes on. A run that can never start ends the following at once.
    """
    return _Follower(account, run, view, manner or Manner()).to_the_end()


def await_start(account: Account, run: Run, view: View, manner: Manner) -> Verdict | None:
    """Show the run's state until it runs; returns the verdict if it has ended by then, or can never start."""
    return _Follower(account, run, view, manner).to_the_start()


def left(run: Run) -> Left:
    """Say that the user left, and how to come back."""
    return Left(f"left the run {run.name}; the job goes on", way_back(run))


def way_back(run: Run) -> str:
    return f"come back with: inv logs --run {run.name} --follow\nstop it with: inv cancel --run {run.name}"


class _Follower:
    def __init__(self, account: Account, run: Run, view: View, manner: Manner) -> None:
        self._account = account
        self._run = run
        self._view = view
        self._manner = manner
        notice = view.notice if manner.shows else lambda text: None
        # Who only waits needs the end of the log for the verdict, and not what ran away from it.
        self._reader = LogReader(account, run, notice, manner.wanted, whole=manner.shows)
        self._due: deque[LogLine] = deque()
        self._tail: deque[LogLine] = deque(maxlen=1000)
        self._snapshot: Snapshot | None = None
        self._shown: tuple[object, ...] = ()
        self._notes: dict[str, None] = {}
        self._advice: set[str] = set()
        self._began = self._news = time.monotonic()
        self._silent_since: float | None = None
        self._last_looks = 0
        self._over = False
        self._is_stopped = False

    def to_the_end(self) -> Verdict:
        try:
            return self._followed()
        except KeyboardInterrupt:
            if not self._wants_to_stop():
                raise left(self._run) from None
        try:
            self._view.notice("stopping the run")
            files.cancel(self._account, self._run)
            return self._followed()
        except KeyboardInterrupt:
            raise left(self._run) from None

    def to_the_start(self) -> Verdict | None:
        try:
            self._round()
            while not self._over and self._snapshot and self._snapshot.state is State.PENDING:
                self._rest()
                self._round()
        except KeyboardInterrupt:
            raise left(self._run) from None
        return self.to_the_end() if self._over or (self._snapshot and self._snapshot.state.final) else None

    def lines(self) -> Iterator[LogLine]:
        """Every line of the run, once and in order, until it has ended. What was not taken comes first next time."""
        while True:
            while self._due:
                yield self._due.popleft()
            if self._over:
                return
            if self._snapshot is not None:
                self._rest()
            self._round()

    def _followed(self) -> Verdict:
        for line in self.lines():
            self._view.line(line)
        snapshot = self._snapshot
        assert snapshot is not None, "a run is over once it has been looked at"
        ended = verdict.conclude(self._account, self._run, snapshot, self._tail, snapshot.doom, tuple(self._notes))
        if not self._is_stopped or ended.succeeded:
            return ended
        remedy = f"raise jobs.{self._run.job}.max_credits in invoke.yaml, then {ended.remedy}"
        return replace(ended, reason=self._stopped(), remedy=remedy)

    def _wants_to_stop(self) -> bool:
        try:
            return self._manner.stops()
        except KeyboardInterrupt:
            return False

    def _round(self) -> None:
        try:
            snapshot = self._look()
            self._hold_to_budget(snapshot)
            if snapshot.doom:
                self._give_up()
            elif self._manner.shows or snapshot.state.final:
                more = self._read(snapshot)
                if snapshot.state.final:
                    self._end(snapshot, more)
            self._silent_since = None
        except Unreachable as silence:
            self._bear(silence)

    def _bear(self, silence: Unreachable) -> None:
        """Take an account that does not answer for a network that comes back, unless it never answered."""
        now = time.monotonic()
        if self._snapshot is None or (self._silent_since and now - self._silent_since > SILENCE):
            raise silence
        if self._silent_since is None:
            self._silent_since = now
            self._view.notice("the account does not answer; trying again")

    def _look(self) -> Snapshot:
        try:
            snapshot = watch.observe(self._account, self._run)
        except watch.RunMissing:
            if self._snapshot is None:
                raise
            snapshot = Snapshot(State.DELETED)
        self._snapshot = snapshot
        self._manner.wanted.check(self._run, snapshot.containers)
        self._notes |= {c.note: None for c in snapshot.containers if c.note}
        self._say(snapshot)
        return snapshot

    def _say(self, snapshot: Snapshot) -> None:
        """Show what has changed, and now and then that a run still waits."""
        news = (snapshot.state, "" if snapshot.state.final else snapshot.waits_for or snapshot.message)
        minutes = int(snapshot.waited or 0) // 60
        shown = (*news, minutes if minutes < 10 else minutes // 10 * 10)
        if news != self._shown[:2]:
            self._news = time.monotonic()
        if shown != self._shown:
            self._shown = shown
            self._view.state(snapshot)
        self._advise(snapshot)

    def _advise(self, snapshot: Snapshot) -> None:
        """Say once what mends what it waits for, where that is known."""
        names = {"job": self._run.job, "run": self._run.name, "pool": snapshot.pool}
        known = None if snapshot.doom else remedies.of_wait(snapshot.waits_for, **names)
        if known and known.fix not in self._advice:
            self._advice.add(known.fix)
            self._view.notice(known.fix)

    def _read(self, snapshot: Snapshot) -> bool:
        if snapshot.state is State.DELETED:
            return False
        return self._take(self._reader.poll(snapshot.containers))

    def _take(self, lines: list[LogLine]) -> bool:
        self._tail.extend(lines)
        if self._manner.shows:
            self._due.extend(filter(self._manner.wanted.shows, lines))
        if lines:
            self._news = time.monotonic()
        return bool(lines)

    def _end(self, snapshot: Snapshot, more: bool) -> None:
        """Read on until the log has nothing more and the exit codes are in."""
        self._last_looks += 1
        read = snapshot.state is State.DELETED or (self._last_looks > 1 and not more and watch.settled(snapshot))
        if not self._reader.waits and (read or self._last_looks > LAST_LOOKS):
            self._take(self._reader.flush())
            self._over = True

    def _give_up(self) -> None:
        if self._manner.stop_doomed:
            self._view.notice("stopping the run: it cannot start")
            files.cancel(self._account, self._run)
        self._over = True

    def _hold_to_budget(self, snapshot: Snapshot) -> None:
        budget, began = self._manner.budget, min((c.started for c in snapshot.containers if c.started), default=None)
        if budget is None or began is None or self._is_stopped or snapshot.state is not State.RUNNING:
            return
        if (datetime.now(UTC) - began).total_seconds() >= budget.seconds:
            self._is_stopped = True
            self._view.notice(f"stopping the run: {self._stopped()}")
            files.cancel(self._account, self._run)

    def _stopped(self) -> str:
        assert self._manner.budget is not None
        return f"it has cost its max_credits, {self._manner.budget.credits:g}"

    def _rest(self) -> None:
        now = time.monotonic()
        limit = self._manner.limit
        if limit is not None and now - self._began >= limit:
            what = f"the run {self._run.name} has not ended within {limit:g} s; it goes on"
            raise NotReady(what, fix=way_back(self._run))
        wait = pause(now - self._began, now - self._news, self._reader.busy)
        if self._last_looks and not self._reader.waits:
            wait = SHORTEST
        time.sleep(wait if limit is None else min(wait, max(0.0, self._began + limit - now)))
