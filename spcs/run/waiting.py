"""What a run waits for, read from what its containers and its compute pool say. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from spcs.run import remedies
from spcs.run.model import USUAL, ContainerStatus

#: The error of a pool that has as many nodes as it may have (DESCRIBE COMPUTE POOL's error_code).
NODE_LIMIT = "392508"

_NO_ROOM = re.compile(r"unschedulable", re.IGNORECASE)


@dataclass(frozen=True)
class Pool:
    """A compute pool as DESCRIBE shows it. `nodes` are there, at most `most` may be; `others` counts the services and
    jobs in it besides this run. `error` and `problem` are Snowflake's code and sentence, empty where all is well."""

    name: str
    state: str
    nodes: int = 0
    most: int = 0
    others: int = 0
    resumes: bool = True
    error: str = ""
    problem: str = ""

    @property
    def full(self) -> bool:
        """Tell whether it has all the nodes that it may have, and says that it wants more."""
        return self.error == NODE_LIMIT


def read_pool(row: Mapping[str, Any]) -> Pool:
    """Read a row of DESCRIBE COMPUTE POOL; what a column lacks counts as nothing."""
    error = str(row.get("error_code") or "")
    return Pool(
        name=str(row.get("name") or ""),
        state=str(row.get("state") or "").upper(),
        nodes=_count(row, "active_nodes") + _count(row, "idle_nodes"),
        most=_count(row, "max_nodes"),
        others=max(0, _count(row, "num_services") + _count(row, "num_jobs") - 1),
        resumes=str(row.get("auto_resume") or "true").lower() == "true",
        error=error,
        problem=str(row.get("status_message") or "") if error not in ("", "0") else "",
    )


def reason(containers: Iterable[ContainerStatus], pool: Pool | None) -> str:
    """Say what a PENDING run waits for: what its containers say, then how its pool is; empty for the usual start."""
    said = [c.message for c in containers if c.status not in ("FAILED", "DONE") and c.message not in USUAL]
    about = _pool(pool, any(_NO_ROOM.search(message) for message in said)) if pool else ""
    return "; ".join(filter(None, (*dict.fromkeys(said), about)))


def late_replicas(containers: Iterable[ContainerStatus]) -> str:
    """Say which replicas of a running job have not started yet, and why; empty if all have."""
    late = [c for c in containers if c.status == "PENDING"]
    if not late:
        return ""
    which = sorted({c.instance for c in late})
    why = "; ".join(dict.fromkeys(c.message for c in late if c.message not in USUAL))
    names = f"replica {which[0]} has" if len(which) == 1 else f"replicas {', '.join(map(str, which))} have"
    return f"{names} not started yet{f': {why}' if why else ''}"


def hopeless(containers: Iterable[ContainerStatus], pool: Pool | None = None) -> str:
    """Say why waiting for a PENDING run is in vain, or nothing as long as there is hope."""
    messages = [c.message for c in containers]
    if found := next((message for message in messages if remedies.is_hopeless(message)), ""):
        return found
    if pool and pool.full and not pool.others and any(_NO_ROOM.search(message) for message in messages):
        return f"{pool.problem or 'the pool is full'} (nothing else runs in {pool.name} that could make room)"
    return ""


def _pool(pool: Pool, no_room: bool) -> str:
    if pool.problem:
        return f"pool {pool.name}: {pool.problem}"
    if pool.state == "SUSPENDED" and not pool.resumes:
        return f"pool {pool.name} is suspended and does not resume by itself: ALTER COMPUTE POOL {pool.name} RESUME"
    if pool.state in ("IDLE", "ACTIVE") and not no_room:
        return ""
    nodes = f"{pool.nodes} of at most {pool.most} nodes" if pool.most != 1 else f"{pool.nodes} of 1 node"
    others = f", {pool.others} other job{'s' * (pool.others > 1)} or service{'s' * (pool.others > 1)}"
    return f"pool {pool.name} is {pool.state.lower()}: {nodes}{others if pool.others else ''}"


def _count(row: Mapping[str, Any], column: str) -> int:
    try:
        return int(str(row.get(column) or 0))
    except ValueError:
        return 0
