"""Functions and methods of services: logs, status, cancel, wait."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from local_account.account import Account
from local_account.catalog import Path
from local_account.errors import SqlError
from local_account.parse.names import Name
from local_account.parse.tokens import Tokens, Value
from local_account.queries import current
from local_account.runtime import logtext
from local_account.runtime.model import ContainerKey, LogLine, RuntimeProblem
from local_account.services.model import ENDED, ContainerState, ContainerStatus, Service
from local_account.sessions import Session
from local_account.statements.services import compute, find

LOG_BYTES = 100 * 1024
#: Snowflake's numbers for these are not known; clients go by the texts.
_NO_LOGS, _WAIT_FAILED = 395011, 395013
_FIRST_TAIL, _GROWTH = 1000, 10


def get_logs(account: Account, session: Session, arguments: list[Value]) -> str:
    """(service, instance, container[, lines[, previous[, since[, with timestamps]]]]): newest lines, at most 100 KB."""
    if not 3 <= len(arguments) <= 7:
        raise _wrong_arguments("SYSTEM$GET_SERVICE_LOGS", "3 to 7")
    given: list[Value] = arguments + [None] * (7 - len(arguments))
    service, instance, container, lines, previous, since, stamped = given
    found = find(account, session, _name(service))
    state = _container(account, found, str(instance), str(container))
    if state.status is ContainerStatus.PENDING:
        raise _no_logs(f"{state.message}, Container Status: PENDING")
    if str(previous).upper() == "TRUE":
        raise _no_logs(f"The container {container} of instance {instance} was not restarted: there is no log before it")
    if state.ended and suspended(account, found.pool):
        raise _no_logs(f"The logs of the container are gone: compute pool {found.pool} has let its nodes go")
    wanted = None if lines is None else max(_number(lines), 0)
    start = _time(since)
    with_times = str(stamped).upper() == "TRUE"
    return logtext.newest(_newest(account, state.key, start, wanted), LOG_BYTES, with_times)


def suspended(account: Account, pool: str) -> bool:
    """Has the pool no nodes? What they kept of jobs that have ended is gone with them."""
    found = account.catalog.find("COMPUTE POOL", Path("", "", pool))
    return found is None or bool(found.properties.get("suspended"))


def _newest(account: Account, key: ContainerKey, since_ns: int | None, wanted: int | None) -> list[LogLine]:
    """Return enough of the newest lines to fill the answer, asking for more only where the lines are short."""
    limit = min(wanted if wanted is not None else LOG_BYTES, LOG_BYTES)
    tail = min(limit, _FIRST_TAIL)
    while True:
        lines = _lines(account, key, since_ns, tail)
        if tail >= limit or len(lines) < tail or sum(len(line.text) + 1 for line in lines) >= LOG_BYTES:
            return lines
        tail = min(limit, tail * _GROWTH)


def _lines(account: Account, key: ContainerKey, since_ns: int | None, tail: int) -> list[LogLine]:
    try:
        return compute(account).logs(key, since_ns=since_ns, tail=tail)
    except RuntimeProblem as problem:
        raise _no_logs(f"The logs of the container are gone: {problem}") from problem


def get_status(account: Account, session: Session, arguments: list[Value]) -> str:
    """(service[, timeout]): a JSON array of containers."""
    if not arguments:
        raise _wrong_arguments("SYSTEM$GET_SERVICE_STATUS", "1 to 2")
    service = find(account, session, _name(arguments[0]))
    return json.dumps([_status(account, service, state) for state in compute(account).records.containers(service.id)])


def _status(account: Account, service: Service, state: ContainerState) -> dict[str, Any]:
    started = logtext.stamp(int(state.started_on * 1e9)) if state.started_on is not None else ""
    return {
        "status": state.status.value,
        "message": state.message,
        "containerName": state.key.container,
        "instanceId": str(state.key.instance),
        "serviceName": service.path.name,
        "image": f"{account.registry_host}/{state.image}",
        "restartCount": 0,
        "startTime": started,
    }


def cancel_job(account: Account, session: Session, arguments: list[Value]) -> str:
    if len(arguments) != 1:
        raise _wrong_arguments("SYSTEM$CANCEL_JOB", "1")
    return cancel(account, session, _name(arguments[0]), [])


def cancel(account: Account, session: Session, name: Name, arguments: list[Value]) -> str:
    """`job!SPCS_CANCEL_JOB()`: no error for a job that has ended."""
    service = find(account, session, name)
    if compute(account).cancel(service):
        return f"Job {service.path.name} is being cancelled."
    return f"Job {service.path.name} has already ended with status: {compute(account).status(service)}."


def wait_for(account: Account, session: Session, name: Name, arguments: list[Value]) -> str:
    """`job!SPCS_WAIT_FOR('DONE', seconds)`: an error once the status cannot be reached, or after that time."""
    if len(arguments) != 2:
        raise _wrong_arguments("SPCS_WAIT_FOR", "2")
    service, wanted = find(account, session, name), str(arguments[0]).upper()
    deadline = time.monotonic() + _number(arguments[1])
    ended = compute(account).ended(service)
    while (status := compute(account).status(service).value) != wanted:
        left = deadline - time.monotonic()
        if left <= 0 or status in ENDED:
            raise SqlError(_WAIT_FAILED, "22000", f"Job {service.path.name} did not reach {wanted}: status {status}.")
        # RUNNING has no event of its own; an end has.
        current().wait(ended, min(left, 0.5) if wanted not in ENDED else left)
    return f"Job {service.path.name} reached status: {wanted}."


def _container(account: Account, service: Service, instance: str, container: str) -> ContainerState:
    states = compute(account).records.containers(service.id)
    instances = sorted({state.key.instance for state in states})
    mine = [state for state in states if str(state.key.instance) == instance.strip()]
    if not mine:
        available = ", ".join(map(str, instances))
        raise _no_logs(f"Unable to get container status for instance id: {instance}. Available instances: {available}")
    found = next((state for state in mine if state.key.container == container), None)
    if found is None:
        names = ", ".join(state.key.container for state in mine)
        raise _no_logs(f"Container '{container}' does not exist in instance {instance}. Available containers: {names}")
    return found


def _name(value: Value) -> Name:
    return Tokens.of(str(value)).name()


def _number(value: Value) -> int:
    try:
        return int(float(str(value)))
    except (ValueError, OverflowError) as error:
        raise SqlError(100038, "22018", f"Numeric value '{value}' is not recognized") from error


def _time(value: Value) -> int | None:
    if value is None or not str(value).strip():
        return None
    found = logtext.parse_stamp(str(value))
    if found is None:
        raise SqlError(100035, "22007", f"Timestamp '{value}' is not recognized")
    return found


def _no_logs(message: str) -> SqlError:
    return SqlError(_NO_LOGS, "22000", message)


def _wrong_arguments(name: str, expected: str) -> SqlError:
    message = f"SQL compilation error:\nwrong number of arguments for function {name}, expected {expected}"
    return SqlError(939, "22023", message)


FUNCTIONS: dict[str, Callable[[Account, Session, list[Value]], Any]] = {
    "SYSTEM$GET_SERVICE_LOGS": get_logs,
    "SYSTEM$GET_SERVICE_STATUS": get_status,
    "SYSTEM$CANCEL_JOB": cancel_job,
}
METHODS: dict[str, Callable[[Account, Session, Name, list[Value]], Any]] = {
    "SPCS_CANCEL_JOB": cancel,
    "SPCS_WAIT_FOR": wait_for,
}
