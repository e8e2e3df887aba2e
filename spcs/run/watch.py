"""Ask the account how a run is: DESCRIBE SERVICE for the state, SHOW SERVICE CONTAINERS for the reasons (its rows carry
the instances, too), and, while it waits, DESCRIBE COMPUTE POOL for what it waits for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from spcs.account import sql
from spcs.account.errors import Missing, Unreachable
from spcs.errors import NotReady, Problem
from spcs.run import waiting
from spcs.run.account import Account
from spcs.run.model import ContainerStatus, Run, Snapshot, State

SIDECAR = "stage-mount-v2-sidecar-"


class RunMissing(NotReady):
    """The account does not know the run (any more)."""

    def __init__(self, run: Run) -> None:
        super().__init__(
            f"the run {run.name} is not in {run.database}.{run.schema}",
            "it was dropped, or belongs to another account or schema; Snowflake forgets a job 30 days after its end",
            f"inv run --job {run.job}, or name another with --run NAME",
        )


def observe(account: Account, run: Run) -> Snapshot:
    """Return the run's state now. A run that the account does not know raises RunMissing."""
    try:
        rows = account.query(sql.describe_service(run.service))
    except Missing as missing:
        raise RunMissing(run) from missing
    snapshot = _snapshot(rows[0], _containers(account, run))
    if snapshot.state is State.RUNNING:
        return replace(snapshot, waits_for=waiting.late_replicas(snapshot.containers))
    return _waiting(account, snapshot) if snapshot.state is State.PENDING else snapshot


def _waiting(account: Account, snapshot: Snapshot) -> Snapshot:
    pool = _pool(account, snapshot.pool)
    since = snapshot.created
    return replace(
        snapshot,
        waits_for=waiting.reason(snapshot.containers, pool),
        waited=max(0.0, (datetime.now(UTC) - since).total_seconds()) if since else None,
        doom=waiting.hopeless(snapshot.containers, pool),
    )


def _pool(account: Account, name: str) -> waiting.Pool | None:
    try:
        rows = account.query(sql.describe_compute_pool(name)) if name else []
    except Unreachable:
        raise
    except Problem:  # a role without MONITOR on the pool may run jobs in it all the same
        return None
    return waiting.read_pool(rows[0]) if rows else None


def settled(snapshot: Snapshot) -> bool:
    """Tell whether a final snapshot also has its details: a failed run's container shows its exit code a little later
    than the service its state, and the first replica to end need not be the one that failed first."""
    if snapshot.state is not State.FAILED:
        return snapshot.state.final
    badly = any(c.exit_code not in (None, 0) or c.status == "FAILED" for c in snapshot.containers)
    return badly and all(c.exit_code is not None or c.status in ("FAILED", "DONE") for c in snapshot.containers)


def _containers(account: Account, run: Run) -> tuple[ContainerStatus, ...]:
    try:
        rows = account.query(sql.show_service_containers(run.service))
    except Missing:  # dropped between the two questions
        return ()
    found = (_container(row) for row in rows)
    # The containers that carry a stage volume are Snowflake's own; a user's job never wrote to their logs.
    return tuple(sorted((c for c in found if not c.name.startswith(SIDECAR)), key=lambda c: c.instance))


def _container(row: Mapping[str, Any]) -> ContainerStatus:
    code = row.get("last_exit_code")
    return ContainerStatus(
        instance=int(row.get("instance_id") or 0),
        name=str(row.get("container_name") or ""),
        status=str(row.get("status") or "UNKNOWN").upper(),
        message=str(row.get("message") or ""),
        exit_code=None if code in (None, "") else int(str(code)),
        restarts=int(row.get("restart_count") or 0),
        image=str(row.get("image_name") or ""),
        digest=str(row.get("image_digest") or ""),
        started=moment(row.get("start_time")),
    )


def _snapshot(row: Mapping[str, Any], containers: tuple[ContainerStatus, ...]) -> Snapshot:
    return Snapshot(
        state=State.of(str(row.get("status") or "")),
        containers=containers,
        created=moment(row.get("created_on")),
        updated=moment(row.get("updated_on")),
        pool=str(row.get("compute_pool") or ""),
    )


def moment(value: object) -> datetime | None:
    """Read a time of Snowflake's, in whichever of its shapes, as an aware datetime."""
    if isinstance(value, str) and value:
        try:
            value = datetime.fromisoformat(re.sub(r"\s+(?=[+-]\d\d:?\d\d$)", "", value))
        except ValueError:
            return None
    if not isinstance(value, datetime):
        return None
    return value if value.tzinfo else value.replace(tzinfo=UTC)
