"""Compute pools. A pool here is a promise about size: every job runs on this one machine, whatever the pool's nodes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from typing import Any

from local_account.account import Account
from local_account.catalog import Object, Path
from local_account.errors import SqlError, invalid_value
from local_account.parse.names import Name
from local_account.parse.pools import AlterPool, CreatePool, DescribePool, DropPool, ShowFamilies, ShowPools
from local_account.parse.tokens import Tokens, Value
from local_account.services.model import ServiceStatus
from local_account.sessions import Session
from local_account.statements.result import Column, Result, fixed, rows, status, timestamp
from local_account.statements.services import compute
from local_account.statements.show import moment, narrowed
from spcs.spec import FAMILIES, Family, family

KIND = "COMPUTE POOL"
_DEFAULTS: dict[str, Value] = {"min_nodes": 1, "max_nodes": 1, "auto_resume": True, "auto_suspend_secs": 3600}
_INVALID = "22023"


def create(account: Account, session: Session, wanted: CreatePool) -> Result:
    properties = _checked({**_DEFAULTS, **_lowered(wanted.properties)})
    name = str(properties.get("instance_family") or "").upper()
    if family(name) is None:
        known = ", ".join(sorted(FAMILIES))
        raise SqlError(
            1008,
            _INVALID,
            f"SQL compilation error:\ninvalid value [{name}] for parameter 'INSTANCE_FAMILY': one of {known}",
        )
    properties["instance_family"] = name
    properties["suspended"] = bool(properties.pop("initially_suspended", False))
    comment = str(properties.pop("comment", None) or "")
    path = _path(wanted.name)
    made = account.catalog.create(
        KIND, path, session.role, properties, if_not_exists=wanted.if_not_exists, comment=comment
    )
    if not made:
        return status(f"{path.name} already exists, statement succeeded.")
    account.grants.add("OWNERSHIP", KIND, path.name, "ROLE", session.role, session.role, option=True)
    return status(f"Compute pool {path.name} successfully created.")


def alter(account: Account, session: Session, wanted: AlterPool) -> Result:
    pool = account.catalog.find(KIND, _path(wanted.name))
    if pool is None and wanted.if_exists:
        return status("Statement executed successfully.")
    pool = pool or account.catalog.get(KIND, _path(wanted.name))
    if wanted.action == "SUSPEND":
        account.catalog.update(pool, properties={"suspended": True})
    elif wanted.action == "RESUME":
        account.catalog.update(pool, properties={"suspended": None, "resumed_on": time.time()})
        compute(account).resume(pool.name)
    elif wanted.action == "STOP ALL":
        for service in compute(account).active(pool.name):
            compute(account).cancel(service)
    else:
        _set(account, pool, wanted)
    return status("Statement executed successfully.")


def _set(account: Account, pool: Object, wanted: AlterPool) -> None:
    given = _lowered(wanted.properties)
    if wanted.action == "UNSET":
        given = {key: _DEFAULTS.get(key) for key in given}
    comment = str(given.pop("comment") or "") if "comment" in given else None
    _checked({**pool.properties, **given})
    account.catalog.update(pool, properties=given, comment=comment)


def drop(account: Account, session: Session, wanted: DropPool) -> Result:
    path = _path(wanted.name)
    active = compute(account).active(path.name)
    if active:
        names = ", ".join(str(service.path) for service in active)
        raise SqlError(
            392001, "55000", f"Compute pool {path.name} cannot be dropped: jobs are running in it ({names})."
        )
    if not account.catalog.drop(KIND, path, if_exists=wanted.if_exists):
        return status("Drop statement executed successfully (object already dropped).")
    account.grants.forget(KIND, path.name)
    return status(f"{path.name} successfully dropped.")


_COLUMNS: list[Column | str] = [
    *("name", "state"),
    *map(fixed, ("min_nodes", "max_nodes")),
    "instance_family",
    *map(fixed, ("num_services", "num_jobs", "auto_suspend_secs")),
    "auto_resume",
    *map(fixed, ("active_nodes", "idle_nodes", "target_nodes")),
    *map(timestamp, ("created_on", "resumed_on", "updated_on")),
    *("owner", "comment", "is_exclusive", "application"),
]


def show(account: Account, session: Session, wanted: ShowPools) -> Result:
    pools: list[tuple[str, Sequence[Any]]] = [(pool.name, _shown(account, pool)) for pool in account.catalog.list(KIND)]
    return rows(_COLUMNS, narrowed(pools, wanted.scope))


def describe(account: Account, session: Session, wanted: DescribePool) -> Result:
    pool = account.catalog.get(KIND, _path(wanted.name))
    return rows([*_COLUMNS, "error_code", "status_message"], [(*_shown(account, pool), "", _message(account, pool))])


def _shown(account: Account, pool: Object) -> tuple[Any, ...]:
    kept, jobs = pool.properties, len(compute(account).active(pool.name))
    state = _state(account, pool)
    nodes = 0 if state == "SUSPENDED" else int(kept["min_nodes"])
    active = min(jobs, int(kept["max_nodes"]))
    resumed = kept.get("resumed_on")
    return (
        *(pool.name, state, kept["min_nodes"], kept["max_nodes"], kept["instance_family"], 0, jobs),
        *(kept["auto_suspend_secs"], str(bool(kept["auto_resume"])).lower()),
        *(active, max(nodes - active, 0), max(nodes, active)),
        *(moment(pool.created_on), moment(resumed) if resumed else None, moment(resumed or pool.created_on)),
        *(pool.owner, pool.comment or None, "false", None),
    )


def _state(account: Account, pool: Object) -> str:
    running = [s for s in compute(account).active(pool.name) if compute(account).status(s) is not ServiceStatus.PENDING]
    if running:
        return "ACTIVE"
    return "SUSPENDED" if pool.properties.get("suspended") else "IDLE"


def _message(account: Account, pool: Object) -> str:
    return "Compute pool is suspended" if _state(account, pool) == "SUSPENDED" else "Compute pool is ready"


_FAMILY_COLUMNS: list[Column | str] = [
    *("name", "description"),
    *map(fixed, ("vcpu", "memory_gib", "storage_gib")),
    "gpu",
    *map(fixed, ("gpu_count", "gpu_memory_gib", "current_node_usage")),
    "message",
]


def show_families(account: Account, session: Session, wanted: ShowFamilies) -> Result:
    usage: dict[str, int] = {}
    for pool in account.catalog.list(KIND):
        if not pool.properties.get("suspended"):
            name = str(pool.properties["instance_family"])
            usage[name] = usage.get(name, 0) + int(pool.properties["min_nodes"])
    listed: list[tuple[str, Sequence[Any]]] = [
        (found.name, _family(found, usage.get(found.name, 0))) for found in FAMILIES.values()
    ]
    return rows(_FAMILY_COLUMNS, narrowed(listed, wanted.scope))


def _family(found: Family, nodes: int) -> tuple[Any, ...]:
    gpus = f", {found.gpu_count} x {found.gpu_name}" if found.gpu_count else ""
    return (
        *(found.name, f"{found.vcpu} vCPU, {found.memory_gib} GiB{gpus}", found.vcpu, found.memory_gib),
        *(found.storage_gb, found.gpu_name or None, found.gpu_count, found.gpu_memory_gib, nodes, None),
    )


def get_status(account: Account, session: Session, arguments: list[Value]) -> str:
    """SYSTEM$GET_COMPUTE_POOL_STATUS('pool'): JSON."""
    name = Tokens.of(str(arguments[0] if arguments else "")).name()
    pool = account.catalog.get(KIND, _path(name))
    return json.dumps({"status": _state(account, pool), "message": _message(account, pool), "errorCode": ""})


def _path(name: Name) -> Path:
    if name.quoted or len(name.parts) > 1:
        raise SqlError(395018, _INVALID, f"Invalid compute pool name '{name}': it must be one unquoted identifier.")
    return Path("", "", name.last)


def _lowered(properties: dict[str, Value]) -> dict[str, Value]:
    return {key.lower(): value for key, value in properties.items()}


def _checked(properties: dict[str, Value]) -> dict[str, Value]:
    least, most = (_count(properties, key, 1) for key in ("min_nodes", "max_nodes"))
    _count(properties, "auto_suspend_secs", 0)
    if most < least:
        raise invalid_value(most, "MAX_NODES")
    for key in ("auto_resume", "initially_suspended"):
        if not isinstance(properties.get(key, False), bool):
            raise invalid_value(properties[key], key.upper())
    return properties


def _count(properties: dict[str, Value], key: str, least: int) -> int:
    value = properties[key]
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise invalid_value(value, key.upper())
    return value


HANDLERS: dict[type, Callable[[Account, Session, Any], Result]] = {
    CreatePool: create,
    AlterPool: alter,
    DropPool: drop,
    DescribePool: describe,
    ShowPools: show,
    ShowFamilies: show_families,
}
FUNCTIONS: dict[str, Callable[[Account, Session, list[Value]], Any]] = {"SYSTEM$GET_COMPUTE_POOL_STATUS": get_status}
