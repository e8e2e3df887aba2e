"""Several runs that differ in what `--set` says: started as the pool has room, watched together, until all have ended.

One statement a look asks how all of them are; logs are for `inv logs`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from spcs.account.errors import Unreachable
from spcs.errors import Left, Problem
from spcs.run import files, history, listing, watch
from spcs.run.account import Account
from spcs.run.follow import LAST_LOOKS, SILENCE, Budget, pause
from spcs.run.listed import Member
from spcs.run.model import Run, Snapshot, State, Verdict
from spcs.run.record import Record
from spcs.run.submit import Submission, submit


class SweepView(Protocol):
    """Where a sweep is shown. Implemented by show/."""

    def changed(self, member: Member, number: int, of: int) -> None:
        """The `number`th run (from 1) was started, or its state has changed."""

    def notice(self, text: str) -> None:
        """Something the reader should know, one short sentence."""


class Sweep:
    """`prepare` makes the submission of a run by its place in `said`; no more than `at_once` go on at a time. One that
    has cost `budget` is cancelled; `done` is told of the end of each."""

    def __init__(
        self,
        account: Account,
        root: Path,
        said: Sequence[Mapping[str, str]],
        prepare: Callable[[int], Submission],
        at_once: int,
        view: SweepView,
        budget: Budget | None = None,
        done: Callable[[Verdict, Record], None] = lambda ended, record: None,
    ) -> None:
        self._account, self._root, self._prepare, self._view = account, root, prepare, view
        self._at_once, self._budget, self._done = at_once, budget, done
        self._running: dict[int, float] = {}
        self._looks: dict[int, int] = {}
        self._silent_since: float | None = None
        self._began = self._news = time.monotonic()
        self.members = [Member(each) for each in said]

    def start_all(self) -> None:
        """Start all of them at once; what the pool has no room for waits in Snowflake."""
        self._start(len(self.members))

    def to_the_end(self, limit: float | None = None) -> bool:
        """Start them as there is room, and stay until all have ended, or for `limit` seconds: return whether they have.
        Ctrl-C raises KeyboardInterrupt, or Left. What goes on then goes on."""
        while not self._over:
            late = limit is not None and time.monotonic() - self._began >= limit
            try:
                if not late:
                    self._start(self._at_once)
                self._look()
                self._silent_since = None
            except Unreachable as silence:
                self._bear(silence)
            if late:
                break
            if self._going:
                self._rest(limit)
        return self._over

    @property
    def _over(self) -> bool:
        return all(member.is_over for member in self.members)

    @property
    def _going(self) -> list[int]:
        return [index for index, each in enumerate(self.members) if each.run and not each.is_over]

    def _start(self, most: int) -> None:
        waiting = [index for index, each in enumerate(self.members) if not each.run and not each.is_over]
        for index in waiting[: max(0, most - len(self._going))]:
            self._change(index, self._started(index))

    def _started(self, index: int) -> Member:
        member = self.members[index]
        try:
            run = submit(self._account, self._prepare(index), self._root)
        except Left:
            raise
        except Problem as problem:
            if index == 0:  # nothing has been started, and the others would not fare better
                raise
            return replace(member, reason=problem.what)
        return replace(member, run=run, state=State.PENDING)

    def _look(self) -> None:
        states = listing.states(self._account, [run for index in self._going if (run := self.members[index].run)])
        for index in self._going:
            member = self.members[index]
            assert member.run is not None
            state = states.get(member.run.name, State.DELETED)
            if state is State.RUNNING and self._budget:
                self._hold_to(self._budget, index, member.run)
            if state is State.PENDING or state.final:
                self._look_closely(index, member, member.run)
            elif state is not member.state:
                self._change(index, replace(member, state=state))

    def _hold_to(self, budget: Budget, index: int, run: Run) -> None:
        now = time.monotonic()
        if now - self._running.setdefault(index, now) >= budget.seconds:
            self._running[index] = math.inf  # once
            self._view.notice(f"stopping {run.name}: it has cost its max_credits, {budget.credits:g}")
            files.cancel(self._account, run)

    def _look_closely(self, index: int, member: Member, run: Run) -> None:
        try:
            snapshot = watch.observe(self._account, run)
        except watch.RunMissing:
            snapshot = Snapshot(State.DELETED)
        if snapshot.doom:
            files.cancel(self._account, run)
            return self._end(index, member, replace(snapshot, state=State.CANCELLED), snapshot.doom)
        self._looks[index] = self._looks.get(index, 0) + snapshot.state.final
        if snapshot.state.final and (watch.settled(snapshot) or self._looks[index] > LAST_LOOKS):
            self._end(index, member, snapshot)

    def _end(self, index: int, member: Member, snapshot: Snapshot, doom: str = "") -> None:
        assert member.run is not None
        ended = history.conclude(self._account, member.run, snapshot, doom)
        record = history.complete(self._account, self._root, ended)
        self._change(index, replace(member, state=ended.state, record=record))
        self._done(ended, record)

    def _change(self, index: int, member: Member) -> None:
        self.members[index] = member
        self._news = time.monotonic()
        self._view.changed(member, index + 1, len(self.members))

    def _rest(self, limit: float | None) -> None:
        now = time.monotonic()
        wait = pause(now - self._began, now - self._news)
        left = math.inf if limit is None else self._began + limit - time.monotonic()
        time.sleep(max(0.0, min(wait, left)))

    def _bear(self, silence: Unreachable) -> None:
        """Take an account that does not answer for a network that comes back, unless it never answered."""
        now = time.monotonic()
        started = any(member.run for member in self.members)
        if not started or (self._silent_since and now - self._silent_since > SILENCE):
            raise silence
        if self._silent_since is None:
            self._silent_since = now
            self._view.notice("the account does not answer; trying again")
