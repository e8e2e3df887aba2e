"""The account's event table, SNOWFLAKE.TELEMETRY.EVENTS: one record a line of a job's log, and nothing else."""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from local_account.account import NAME, Account
from local_account.errors import SqlError
from local_account.parse.events import SelectEvents
from local_account.parse.tokens import Value
from local_account.runtime import logtext
from local_account.runtime.model import ContainerKey, LogLine, RuntimeProblem
from local_account.services.model import Service
from local_account.sessions import Session
from local_account.statements.result import SELECT, Column, Result, text
from local_account.statements.services import compute

_COMPARED: dict[str, Callable[[int, int], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}
_TYPES = {
    "TIMESTAMP": Column("TIMESTAMP", "TIMESTAMP_NTZ", True, 0, 9),
    "START_TIMESTAMP": Column("START_TIMESTAMP", "TIMESTAMP_NTZ", True, 0, 9),
    "OBSERVED_TIMESTAMP": Column("OBSERVED_TIMESTAMP", "TIMESTAMP_NTZ", True, 0, 9),
    "RECORD_TYPE": text("RECORD_TYPE"),
    "VALUE": Column("VALUE", "VARIANT"),
    "EXEMPLARS": Column("EXEMPLARS", "ARRAY"),
}


def select_events(account: Account, session: Session, wanted: SelectEvents) -> Result:
    session.need_warehouse()
    found: list[tuple[LogLine, dict[str, str]]] = []
    if wanted.record_type in (None, "LOG"):
        for service in compute(account).records.all():
            for state in compute(account).records.containers(service.id):
                attributes = _attributes(service, state.key)
                if _has(attributes, wanted):
                    found += [(line, attributes) for line in _lines(account, state.key, wanted)]
    found.sort(key=lambda pair: pair[0].time_ns, reverse=wanted.descending)
    columns = [_TYPES.get(name, Column(name, "OBJECT")) for name in wanted.columns]
    records = (_record(line, attributes) for line, attributes in found[: wanted.limit])
    rows = [tuple(record.get(name) for name in wanted.columns) for record in records]
    return Result(columns, rows, statement_type=SELECT)


def _attributes(service: Service, key: ContainerKey) -> dict[str, str]:
    return {
        "snow.account.name": NAME.upper(),
        "snow.compute_pool.name": service.pool,
        "snow.database.name": service.path.database,
        "snow.schema.name": service.path.schema,
        "snow.service.name": service.path.name,
        "snow.service.instance": str(key.instance),
        "snow.service.container.name": key.container,
    }


def _has(attributes: Mapping[str, str], wanted: SelectEvents) -> bool:
    return all(
        next((attributes[name] for name in names if name in attributes), None) == value
        for names, value in wanted.attributes
    )


def _lines(account: Account, key: ContainerKey, wanted: SelectEvents) -> list[LogLine]:
    bounds = [(_COMPARED[sign], _moment(value)) for sign, value in wanted.times]
    try:
        lines = compute(account).logs(key)
    except RuntimeProblem:
        return []
    return [line for line in lines if all(holds(line.time_ns, bound) for holds, bound in bounds)]


def _record(line: LogLine, attributes: Mapping[str, str]) -> dict[str, Any]:
    moment = datetime.fromtimestamp(line.time_ns // 10**9, UTC).replace(
        tzinfo=None, microsecond=line.time_ns // 1000 % 10**6
    )
    return {
        "TIMESTAMP": moment,
        "OBSERVED_TIMESTAMP": moment,
        "RESOURCE_ATTRIBUTES": json.dumps(attributes),
        "RECORD_TYPE": "LOG",
        "RECORD": json.dumps({"severity_text": "INFO"}),
        "RECORD_ATTRIBUTES": json.dumps({"log.iostream": line.stream}),
        "VALUE": json.dumps(line.text, ensure_ascii=False),
    }


def _moment(value: Value) -> int:
    found = logtext.parse_stamp(str(value))
    if found is None:
        raise SqlError(100035, "22007", f"Timestamp '{value}' is not recognized")
    return found


HANDLERS: dict[type, Callable[[Account, Session, Any], Result]] = {SelectEvents: select_events}
