"""The log of a run: every line of every container exactly once, in order of time.

`read` shows what there is; `LogReader` is for following. Neither decides when a run is over: that is the state's
business, never the log's.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from spcs.account import sql
from spcs.account.errors import Missing, Unreachable
from spcs.errors import Problem, Refused, SettingsProblem
from spcs.run.account import Account
from spcs.run.model import ContainerStatus, LogLine, Run, View, rfc3339
from spcs.run.overlap import Gap, Merger, Source, is_full, parse
from spcs.run.recorded import Records
from spcs.run.watch import observe

# More than fit into one answer: the size of the answer is the limit, not their number.
LINES = 10_000
# How long, in seconds, a log is held back for records of lines that ran away.
PATIENCE = 120.0

_TOO_FAST = "the log grew faster than Snowflake hands it out"
_NOT_STARTED = re.compile(r"PENDING|waiting to start|pending scheduling|unable to get container status", re.IGNORECASE)


@dataclass(frozen=True)
class Wanted:
    """Which lines are wanted: from a time on (nanoseconds), of one instance, of one container, with a pattern."""

    since: int | None = None
    instance: int | None = None
    container: str = ""
    pattern: re.Pattern[str] | None = None

    def reads(self, container: ContainerStatus) -> bool:
        """Tell whether this container's log is wanted."""
        return self.instance in (None, container.instance) and self.container in ("", container.name)

    def shows(self, line: LogLine) -> bool:
        return self.pattern is None or self.pattern.search(line.text) is not None

    def check(self, run: Run, containers: Sequence[ContainerStatus]) -> None:
        """Raise SettingsProblem if no container is wanted of those that the run has."""
        if not containers or any(self.reads(container) for container in containers):
            return
        what = " ".join([f"container '{self.container}'"] * bool(self.container))
        if self.instance is not None:
            what = f"{what} of replica {self.instance}".strip() if what else f"replica {self.instance}"
        there = ", ".join(f"{c.instance}/{c.name}" for c in containers)
        raise SettingsProblem(f"the run {run.name} has no {what}", fix=f"choose from (replica/container): {there}")


class LogReader:
    """Reads on where the last `poll` stopped.

    Contract: each line once; per container in the container's own order, across containers by time; a line may come one
    poll late where several containers write. Lines that ran away faster than Snowflake hands them out are taken from
    its records, for which the log is held back up to `patience` seconds; where that is in vain, `notice` says so once.
    """

    def __init__(
        self,
        account: Account,
        run: Run,
        notice: Callable[[str], None] = lambda text: None,
        wanted: Wanted | None = None,
        patience: float = PATIENCE,
        whole: bool = True,
    ) -> None:
        """Without `whole`, only what an answer holds is read, the newest 100 KB of a container."""
        self._account = account
        self._run = run
        self._notice = notice
        self._wanted = wanted or Wanted()
        self._patience = patience
        self._whole = whole
        self._unreadable = ""
        self._noticed: set[str] = set()
        self._records = Records(account, run)
        self._sources: dict[tuple[int, str], Source] = {}
        self._gaps: dict[tuple[int, str], Gap] = {}
        self._merger = Merger()
        self.busy = False
        """Was an answer of the last poll cut? Then there may be more to read at once."""

    @property
    def waits(self) -> bool:
        """Is the log held back for records?"""
        return bool(self._gaps)

    def poll(self, containers: Iterable[ContainerStatus]) -> list[LogLine]:
        """Return the lines that are new and due, of those containers and the ones met before."""
        self.busy = False
        found: dict[tuple[int, str], list[LogLine]] = {}
        try:
            self._gather(containers, found)
        except BaseException:  # of an account that is silent, or Ctrl-C: what was read by then is not read again
            self._merger.take(found)
            raise
        self.busy &= not self.waits
        return self._merger.feed(found, until=self._limit())

    def _gather(self, containers: Iterable[ContainerStatus], found: dict[tuple[int, str], list[LogLine]]) -> None:
        for container in filter(self._wanted.reads, containers):
            key = (container.instance, container.name)
            found[key] = []  # one that has not begun is waited for, too: its lines may be older than its neighbours'
            if container.status != "PENDING" or container.restarts:
                source = self._sources.setdefault(key, Source(*key, since=self._wanted.since))
                found[key] += self._before_restart(source, container.restarts)
        for key, source in self._sources.items():
            found.setdefault(key, []).extend(self._fresh(source))

    def flush(self) -> list[LogLine]:
        """Return the lines that still waited, for other containers or for records."""
        self._patience = 0
        return self._merger.feed({key: self._closed(self._sources[key]) for key in list(self._gaps)}) + (
            self._merger.flush()
        )

    def _limit(self) -> int | None:
        """Nothing newer may come out while an older line is still to come."""
        return min((self._sources[key].last or 0 for key in self._gaps), default=None)

    def _fresh(self, source: Source) -> list[LogLine]:
        gap = self._gaps.get(source.key)
        try:
            text = self._ask(source, since=(gap.front if gap else source).since)
        except Missing:  # dropped meanwhile; the state will say so
            return []
        except Refused as refusal:
            if _NOT_STARTED.search(str(refusal)):
                return []
            return self._without_node(source, refusal)
        lines, full = parse(text, source.instance, source.container), is_full(text)
        self.busy |= full
        if gap:
            gap.grow(lines, text, full)
        elif self._whole and source.has_gap(lines, full):
            self._gaps[source.key] = Gap(source, lines, text, full)
        else:
            return source.fresh(lines)
        return self._closed(source)

    def _ask(self, source: Source, *, since: int | None, previous: bool = False) -> str:
        place = (source.instance, source.container)
        stamp = None if since is None else rfc3339(since)
        rows = self._account.query(sql.service_logs(self._run.service, *place, LINES, since=stamp, previous=previous))
        return str(next(iter(rows[0].values())) or "") if rows else ""

    def _before_restart(self, source: Source, restarts: int) -> list[LogLine]:
        """Return what a container had still to say before it was restarted."""
        if restarts <= source.restarts:
            return []
        try:
            text = self._ask(source, since=source.since, previous=True)
            lines = parse(text, source.instance, source.container)
        except Refused:
            lines = self._recorded(source)
        source.restart(restarts)
        return source.fresh(lines)

    def _closed(self, source: Source) -> list[LogLine]:
        """Return the lines of a gap and after it, once its records are there, or waiting for them is given up."""
        gap = self._gaps[source.key]
        recorded = [] if "lag" in self._noticed else self._recorded(source, gap.until)
        bridged = gap.is_bridged(recorded)
        if not bridged and gap.certain and "lag" not in self._noticed:
            if time.monotonic() - gap.began < self._patience:
                self._say_once("hold", f"{_TOO_FAST}; waiting for its records")
                return []
            after = (
                f", and cannot be read from its records: {self._unreadable}"
                if self._unreadable
                else (f"; all of them in a few minutes: inv logs --run {self._run.name}")
            )
            self._say_once("lag", f"{_TOO_FAST}: some lines are missing here{after}")
        del self._gaps[source.key]
        return source.fresh(recorded) + source.fresh(gap.held)

    def _without_node(self, source: Source, refusal: Refused) -> list[LogLine]:
        """Return lines from the records: the node that kept the log is gone."""
        try:
            recorded = self._records.lines(source)
        except Unreachable:
            raise
        except Problem as problem:
            why = refusal.why.partition("\n")[0]
            self._say_once("gone", f"the log cannot be read: {why}; its records: {problem.why or problem.what}")
            recorded = []
        gap = self._gaps.pop(source.key, None)
        return source.fresh(recorded) + (source.fresh(gap.held) if gap else [])

    def _recorded(self, source: Source, until: int | None = None) -> list[LogLine]:
        try:
            return self._records.lines(source, until)
        except Unreachable:
            raise
        except Problem as problem:  # no event table in this account, or no right to read it
            self._patience, self._unreadable = 0, problem.what
            return []

    def _say_once(self, kind: str, text: str) -> None:
        if kind not in self._noticed:
            self._noticed.add(kind)
            self._notice(text)


def read(account: Account, run: Run, view: View, wanted: Wanted | None = None) -> None:
    """Show the run's state, and its log as far as it goes."""
    chosen = wanted or Wanted()
    snapshot = observe(account, run)
    chosen.check(run, snapshot.containers)
    view.state(snapshot)
    reader = LogReader(account, run, view.notice, chosen, patience=0)
    for line in [*reader.poll(snapshot.containers), *reader.flush()]:
        if chosen.shows(line):
            view.line(line)
