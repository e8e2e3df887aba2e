"""The log of a run: every line of every container exactly once, in order of time.

`read` shows what there is; `LogReader` is for following. Neither decides when a run is over: that is the state's
business, never the log's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

from spcs.account import sql
from spcs.account.errors import Missing
from spcs.errors import Problem, Refused
from spcs.run.account import Account
from spcs.run.model import ContainerStatus, LogLine, Run, View, rfc3339
from spcs.run.overlap import Merger, Source, is_full, nanoseconds, parse
from spcs.run.watch import moment, observe

# More than fit into one answer: the size of the answer is the limit, not their number.
LINES = 10_000
# Records keep microseconds only, so their last line may lie a moment before the line it is the same as.
_A_MOMENT = 1_000_000

_NOT_STARTED = re.compile(r"PENDING|waiting to start|pending scheduling|unable to get container status", re.IGNORECASE)


class LogReader:
    """Reads on where the last `poll` stopped.

    Contract: each line once; per container in the container's own order, across containers by time; a line may come one
    poll late where several containers write. Where lines ran away faster than Snowflake hands them out, `notice` says
    so once.
    """

    def __init__(self, account: Account, run: Run, notice: Callable[[str], None] = lambda text: None) -> None:
        self._account = account
        self._run = run
        self._notice = notice
        self._noticed = False
        self._sources: dict[tuple[int, str], Source] = {}
        self._merger = Merger()

    def poll(self, containers: Iterable[ContainerStatus]) -> list[LogLine]:
        """Return the lines that are new and due, of those containers and the ones met before."""
        for container in containers:
            key = (container.instance, container.name)
            if container.status != "PENDING" or container.restarts:
                self._sources.setdefault(key, Source(*key))
        return self._merger.feed({key: self._fresh(source) for key, source in self._sources.items()})

    def flush(self) -> list[LogLine]:
        """Return the lines that still waited for other containers."""
        return self._merger.flush()

    def _fresh(self, source: Source) -> list[LogLine]:
        try:
            text = self._ask(source)
        except Missing:  # dropped meanwhile; the state will say so
            return []
        except Refused as refusal:
            if _NOT_STARTED.search(str(refusal)):
                return []
            return source.fresh(self._recorded(source, None))  # the node is gone; the records stay
        lines = parse(text, source.instance, source.container)
        if not source.has_gap(lines, is_full(text)):
            return source.fresh(lines)
        return self._filled(source, lines)

    def _ask(self, source: Source) -> str:
        statement = sql.service_logs(
            self._run.service,
            source.instance,
            source.container,
            LINES,
            since=_stamp(source.since),
        )
        rows = self._account.query(statement)
        return str(next(iter(rows[0].values())) or "") if rows else ""

    def _filled(self, source: Source, lines: list[LogLine]) -> list[LogLine]:
        # Records that lagged once will lag again; the run is not kept waiting for them.
        recorded = [] if self._noticed else self._recorded(source, lines[0].time if lines else None)
        bridged = bool(lines) and any(r.time // 1000 == lines[0].time // 1000 for r in recorded)
        if not bridged and not self._noticed:
            self._noticed = True
            self._notice(
                "the log grew faster than Snowflake hands it out: some lines are missing here; "
                f"all of them in a few minutes: inv logs --run {self._run.name}"
            )
        return source.fresh(recorded) + source.fresh(lines)

    def _recorded(self, source: Source, until: int | None) -> list[LogLine]:
        """Return lines from the account's records, which hold everything but arrive there later."""
        statement = sql.recorded_logs(
            self._run.service,
            source.instance,
            source.container,
            since=_stamp(source.since or 0),
            until=None if until is None else _stamp(until + _A_MOMENT),
        )
        try:
            rows = self._account.query(statement)
        except Problem:  # no event table in this account, or no right to read it
            return []
        return [
            LogLine(_time(row.get("timestamp")), source.instance, source.container, str(row.get("log") or ""))
            for row in rows
        ]


def read(account: Account, run: Run, view: View) -> None:
    """Show the run's state, and its log as far as it goes."""
    snapshot = observe(account, run)
    view.state(snapshot)
    reader = LogReader(account, run, view.notice)
    for line in [*reader.poll(snapshot.containers), *reader.flush()]:
        view.line(line)


def _stamp(time: int | None) -> str | None:
    return None if time is None else rfc3339(time)


def _time(value: object) -> int:
    """Read the TIMESTAMP of a record, which carries no zone and is in UTC, as nanoseconds."""
    exact = nanoseconds(f"{value}Z".replace(" ", "T")) if isinstance(value, str) else None
    when = moment(value)
    if exact is not None or when is None:
        return exact or 0
    return (when - datetime.fromtimestamp(0, UTC)) // timedelta(microseconds=1) * 1000
