"""A container's log as the account recorded it: whole, and there when the node is gone, but minutes late.

`job!SPCS_GET_LOGS` reads the account's event table with the rights on the job; where it is not to be had, the event
table itself is asked.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from spcs.account import sql
from spcs.account.errors import Unreachable
from spcs.errors import Problem, Refused
from spcs.run.account import Account
from spcs.run.model import LogLine, Run, rfc3339
from spcs.run.overlap import Source, nanoseconds
from spcs.run.watch import moment

# Records keep microseconds only, so their last line may lie a moment before the line it is the same as.
_A_MOMENT = 1_000_000


class Records:
    """Reads records of one run. What works once is used from then on."""

    def __init__(self, account: Account, run: Run) -> None:
        self._account = account
        self._run = run
        self._ways: list[Callable[[Source, str | None, str | None], list[dict[str, Any]]]] = [
            self._by_function,
            self._by_table,
        ]

    def lines(self, source: Source, until: int | None = None) -> list[LogLine]:
        """Return the lines recorded since where the source stands, `until` a time in nanoseconds, in order of time.

        Raises Problem where the account keeps no records, or the role may not read them.
        """
        since = rfc3339(source.since or 0)
        end = None if until is None else rfc3339(until + _A_MOMENT)
        return [
            LogLine(_time(row.get("timestamp")), source.instance, source.container, str(row.get("log") or ""))
            for row in self._rows(source, since, end)
        ]

    def _rows(self, source: Source, since: str, until: str | None) -> list[dict[str, Any]]:
        while True:
            try:
                return self._ways[0](source, since, until)
            except Unreachable:
                raise
            except Problem:
                if len(self._ways) == 1:
                    raise
                del self._ways[0]

    def _by_function(self, source: Source, since: str | None, until: str | None) -> list[dict[str, Any]]:
        statement = sql.recorded_logs(self._run.service, source.instance, source.container, since=since, until=until)
        return self._account.query(statement)

    def _by_table(self, source: Source, since: str | None, until: str | None) -> list[dict[str, Any]]:
        rows = self._account.query(sql.show_event_table())
        table = str(rows[0].get("value") or "") if rows else ""
        if not table:
            raise Refused("this account has no event table", fix="ask an administrator to set one up")
        run, place = self._run, (source.instance, source.container)
        found = self._account.query(
            sql.logged_events(table, run.database, run.schema, run.name, *place, since=since, until=until)
        )
        return [{"timestamp": row.get("timestamp"), "log": _text(row.get("value"))} for row in found]


def _text(value: object) -> str:
    """Read a VALUE, which is JSON: most often a text in quotes."""
    try:
        found = json.loads(str(value))
    except ValueError:
        return str(value or "")
    return found if isinstance(found, str) else str(value)


def _time(value: object) -> int:
    """Read the TIMESTAMP of a record, which carries no zone and is in UTC, as nanoseconds."""
    exact = nanoseconds(f"{value}Z".replace(" ", "T")) if isinstance(value, str) else None
    when = moment(value)
    if exact is not None or when is None:
        return exact or 0
    return (when - datetime.fromtimestamp(0, UTC)) // timedelta(microseconds=1) * 1000
