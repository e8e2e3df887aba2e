"""`TABLE(job!SPCS_GET_LOGS(…))`: a job's log whole, one row a line, where SYSTEM$GET_SERVICE_LOGS stops at 100 KB."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from local_account.account import Account
from local_account.errors import SqlError
from local_account.parse.service_logs import RecordedLogs
from local_account.parse.tokens import Value
from local_account.runtime import logtext
from local_account.runtime.model import ContainerKey, LogLine, RuntimeProblem
from local_account.sessions import Session
from local_account.statements.result import SELECT, Column, Result, fixed, text
from local_account.statements.services import compute, find

_DAY_NS = 86_400 * 10**9
_TYPES = {
    "TIMESTAMP": Column("TIMESTAMP", "TIMESTAMP_NTZ", True, 0, 9),
    "INSTANCE_ID": fixed("INSTANCE_ID"),
    "CONTAINER_NAME": text("CONTAINER_NAME"),
    "LOG": text("LOG"),
    "RECORD_ATTRIBUTES": Column("RECORD_ATTRIBUTES", "OBJECT"),
}


def recorded_logs(account: Account, session: Session, wanted: RecordedLogs) -> Result:
    service = find(account, session, wanted.name)
    since = _bound(wanted.bounds.get("START_TIME"), time.time_ns() - _DAY_NS)
    until = _bound(wanted.bounds.get("END_TIME"), time.time_ns())
    found: list[tuple[LogLine, ContainerKey]] = []
    for state in compute(account).records.containers(service.id):
        if _is_wanted(state.key, wanted.filters):
            found += [(line, state.key) for line in _lines(account, state.key, since, until)]
    found.sort(key=lambda pair: pair[0].time_ns, reverse=wanted.descending)
    rows = [tuple(_values(line, key)[name] for name in wanted.columns) for line, key in found[: wanted.limit]]
    return Result([_TYPES[name] for name in wanted.columns], rows, statement_type=SELECT)


def _is_wanted(key: ContainerKey, filters: dict[str, Value]) -> bool:
    instance, container = filters.get("INSTANCE_ID"), filters.get("CONTAINER_NAME")
    return instance in (None, key.instance, str(key.instance)) and container in (None, key.container)


def _lines(account: Account, key: ContainerKey, since: int, until: int) -> list[LogLine]:
    try:
        return compute(account).logs(key, since_ns=since, until_ns=until)
    except RuntimeProblem:
        return []


def _values(line: LogLine, key: ContainerKey) -> dict[str, Any]:
    moment = datetime.fromtimestamp(line.time_ns // 10**9, UTC).replace(
        tzinfo=None, microsecond=line.time_ns // 1000 % 10**6
    )
    return {
        "TIMESTAMP": moment,
        "INSTANCE_ID": key.instance,
        "CONTAINER_NAME": key.container,
        "LOG": line.text,
        "RECORD_ATTRIBUTES": json.dumps({"log.iostream": line.stream}),
    }


def _bound(value: Value, default: int) -> int:
    if value is None:
        return default
    found = logtext.parse_stamp(str(value))
    if found is None:
        raise SqlError(100035, "22007", f"Timestamp '{value}' is not recognized")
    return found


HANDLERS: dict[type, Callable[[Account, Session, Any], Result]] = {RecordedLogs: recorded_logs}
