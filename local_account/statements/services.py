"""EXECUTE JOB SERVICE, and DESCRIBE, SHOW and DROP of services. Columns and their order are Snowflake's."""

from __future__ import annotations

import hashlib
import json
import time
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from local_account.account import Account
from local_account.catalog import Object, Path
from local_account.errors import SqlError, exists, invalid_value, missing
from local_account.parse.names import Name
from local_account.parse.services import (
    DescribeService,
    DropService,
    ExecuteJob,
    ShowContainers,
    ShowInstances,
    ShowServices,
    SpecSource,
)
from local_account.queries import current
from local_account.runtime.model import ContainerKey
from local_account.services.launching import dns_name
from local_account.services.lifecycle import Services
from local_account.services.model import (
    ContainerState,
    InstanceStatus,
    Service,
    ServiceStatus,
    instance_statuses,
    verdict,
)
from local_account.services.resolve import check_name, digests, read_spec, resolve
from local_account.sessions import Session
from local_account.statements.access import EXTERNAL
from local_account.statements.result import Column, Result, fixed, rows, status, timestamp
from local_account.statements.show import moment, narrowed, place
from local_account.statements.stages import locate
from spcs.spec import normalised

#: Snowflake's own number for a job that failed is not known; clients go by the text.
JOB_FAILED = 395012
KIND = "Service"
#: Snowflake's own maximum is not documented. Here every replica is a few processes of this machine.
MOST_REPLICAS = 100


def compute(account: Account) -> Services:
    """Return what runs the account's jobs."""
    assert isinstance(account.compute, Services)
    return account.compute


def find(account: Account, session: Session, name: Name) -> Service:
    """Return a job by its name in a statement; SqlError 2003 if there is none."""
    path = session.qualify(name)
    service = compute(account).records.find(path)
    if service is None:
        raise missing(KIND, str(path))
    return service


def execute_job(account: Account, session: Session, wanted: ExecuteJob) -> Result:
    pool = account.catalog.get("COMPUTE POOL", Path("", "", wanted.pool.last))
    service, containers = _make(account, session, wanted, pool)
    running = compute(account)
    if pool.properties.get("suspended") and pool.properties.get("auto_resume", True):
        account.catalog.update(pool, properties={"suspended": None, "resumed_on": time.time()})
        running.resume(pool.name)
    running.create(service, containers)
    if wanted.is_async:
        return status(f"Started Snowpark Container Services Job '{service.path.name}'.")
    current().on_cancel(lambda: _cancel(running, service))
    current().wait(running.ended(service))
    return _finished(running, service)


def _cancel(running: Services, service: Service) -> None:
    """The client gave up on its statement (or is gone): Snowflake then cancels the job."""
    running.cancel(service)


def _finished(running: Services, service: Service) -> Result:
    found, states = running.status(service), running.records.containers(service.id)
    if not states:
        raise SqlError(JOB_FAILED, "22000", f"Job {service.path.name} was dropped before it completed.")
    if found is not ServiceStatus.DONE:
        raise SqlError(JOB_FAILED, "22000", verdict(service, states, found))
    return status(f"Job {service.path.name} completed successfully with status: DONE.")


def _make(account: Account, session: Session, wanted: ExecuteJob, pool: Object) -> tuple[Service, list[ContainerState]]:
    """Check all that the statement names and return the job with its containers, not yet kept."""
    path = _job_path(account, session, wanted.name)
    if wanted.replicas is not None:
        _check_replicas(wanted.replicas)
    text = _spec_text(account, session, wanted.source)
    for integration in wanted.integrations:
        account.catalog.get(EXTERNAL, Path("", "", integration))
    running = compute(account)
    spec, node = read_spec(text, str(pool.properties["instance_family"]))
    resolved = resolve(account, session, running.registry.store, spec, node, running.name == "process")
    service_id, now = uuid.uuid4().hex[:12], time.time()
    service = Service(
        id=service_id,
        path=path,
        owner=session.role,
        pool=pool.name,
        spec=text,
        shown=normalised(spec, digests(resolved), node),
        resolved=resolved,
        replicas=wanted.replicas,
        is_async=wanted.is_async,
        warehouse=wanted.warehouse.last if wanted.warehouse else None,
        comment=wanted.comment,
        integrations=wanted.integrations,
        created_on=now,
        updated_on=now,
    )
    containers = [
        ContainerState(ContainerKey(service_id, index, container.name), *resolved.images[container.image])
        for index in range(service.instances)
        for container in spec.containers
    ]
    return service, containers


def _check_replicas(count: int) -> None:
    if count < 1:
        raise invalid_value(count, "REPLICAS")
    if count > MOST_REPLICAS:
        error = invalid_value(count, "REPLICAS")
        hint = f": the local account runs at most {MOST_REPLICAS} on its one machine"
        raise SqlError(error.errno, error.sqlstate, error.message + hint)


def _job_path(account: Account, session: Session, name: Name | None) -> Path:
    generated = Name((f"JOB_{current().id.upper().replace('-', '_')}",))
    path = session.qualify(name or generated)
    check_name(path, name.quoted if name else False)
    account.catalog.get("SCHEMA", Path(path.database, "", path.schema))
    if compute(account).records.find(path) is not None:
        raise exists("Object", str(path))
    return path


def _spec_text(account: Account, session: Session, source: SpecSource) -> str:
    if source.stage is None:
        return source.text or ""
    stage, prefix = locate(account, session, source.stage)
    key = "/".join(part for part in (prefix.strip("/"), source.file.lstrip("/")) if part)
    content = account.stages.read(stage, key)
    if content is None:
        compressed = account.stages.read(stage, f"{key}.gz") is not None
        hint = f" The stage has '{key}.gz': send it with AUTO_COMPRESS=FALSE." if compressed else ""
        error = missing("File", f"@{stage}/{key}")
        raise SqlError(error.errno, error.sqlstate, error.message + hint)
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise SqlError(395018, "22023", f"Invalid spec: '{key}' is not text in UTF-8: {error}.") from error


# -- DESCRIBE, SHOW, DROP -------------------------------------------------------------------------------------------

_COLUMNS: list[Column | str] = [
    *("name", "status", "database_name", "schema_name", "owner", "compute_pool", "spec", "dns_name"),
    *map(fixed, ("current_instances", "target_instances", "min_ready_instances", "min_instances", "max_instances")),
    *("auto_resume", "external_access_integrations"),
    *map(timestamp, ("created_on", "updated_on", "resumed_on", "suspended_on")),
    fixed("auto_suspend_secs"),
    *("comment", "owner_role_type", "query_warehouse", "is_job", "is_async_job", "spec_digest", "is_upgrading"),
    *("managing_object_domain", "managing_object_name"),
]
_NAMES = [column if isinstance(column, str) else column.name for column in _COLUMNS]


def describe(account: Account, session: Session, wanted: DescribeService) -> Result:
    return rows(_COLUMNS, [_described(account, find(account, session, wanted.name))])


def _described(account: Account, service: Service) -> tuple[Any, ...]:
    running = compute(account)
    instances = instance_statuses(running.records.containers(service.id))
    count = service.instances
    ready = sum(found is InstanceStatus.READY for found in instances.values())
    path = service.path
    return (
        *(path.name, running.status(service).value, path.database, path.schema, service.owner, service.pool),
        *(service.shown, dns_name(service), ready, count, count, count, count, "true"),
        json.dumps(service.integrations) if service.integrations else None,
        *(moment(service.created_on), moment(service.updated_on), None, None, 0),
        *(service.comment or None, "ROLE", service.warehouse, "true", str(service.is_async).lower()),
        *(hashlib.sha256(service.shown.encode()).hexdigest(), "false", None, None),
    )


def show(account: Account, session: Session, wanted: ShowServices) -> Result:
    hidden = {"spec"}
    if wanted.jobs is not None:
        hidden.add("is_job")
    if wanted.jobs is False:
        hidden.add("is_async_job")
    kept = [index for index, name in enumerate(_NAMES) if name not in hidden]
    # Every service of this account is a job.
    services = [] if wanted.jobs is False else _selected(account, session, wanted)
    named: list[tuple[str, Sequence[Any]]] = [(service.path.name, _described(account, service)) for service in services]
    found = narrowed(named, wanted.scope)
    return rows([_COLUMNS[index] for index in kept], [[row[index] for index in kept] for row in found])


def _selected(account: Account, session: Session, wanted: ShowServices) -> list[Service]:
    services, scope = compute(account).records.all(), wanted.scope
    if scope.kind == "COMPUTE POOL" and scope.name:
        return [service for service in services if service.pool == scope.name.last]
    database, schema = (session.database, None) if scope.kind is None else place(account, session, scope)
    return [
        service
        for service in services
        if database in (None, service.path.database) and schema in (None, service.path.schema)
    ]


def drop(account: Account, session: Session, wanted: DropService) -> Result:
    path = session.qualify(wanted.name)
    service = compute(account).records.find(path)
    if service is None:
        if wanted.if_exists:
            return status("Drop statement executed successfully (object already dropped).")
        raise missing(KIND, str(path))
    compute(account).drop(service)
    account.grants.forget("SERVICE", str(path))
    return status(f"{path.name} successfully dropped.")


_INSTANCE_COLUMNS = (
    *("database_name", "schema_name", "service_name", "service_status", "instance_id", "status", "spec_digest"),
    *("creation_time", "start_time", "ip_address"),
)


def show_instances(account: Account, session: Session, wanted: ShowInstances) -> Result:
    service = find(account, session, wanted.name)
    states = compute(account).records.containers(service.id)
    digest = hashlib.sha256(service.shown.encode()).hexdigest()
    listed = []
    for index, found in instance_statuses(states).items():
        mine = [state for state in states if state.key.instance == index]
        started = min((state.started_on for state in mine if state.started_on is not None), default=None)
        times = (_iso(service.created_on), _iso(started))
        head = _head(account, service)
        listed.append((*head, str(index), found.value, digest, *times, mine[0].ip_address or None))
    return rows(_INSTANCE_COLUMNS, listed)


_CONTAINER_COLUMNS: list[Column | str] = [
    *("database_name", "schema_name", "service_name", "service_status", "instance_id", "instance_status"),
    *("container_name", "status", "message", "image_name", "image_digest"),
    fixed("restart_count"),
    "start_time",
    fixed("last_exit_code"),
    "last_restart_time",
]


def show_containers(account: Account, session: Session, wanted: ShowContainers) -> Result:
    service = find(account, session, wanted.name)
    states = compute(account).records.containers(service.id)
    instances, head = instance_statuses(states), _head(account, service)
    return rows(
        _CONTAINER_COLUMNS,
        [
            (
                *(*head, str(state.key.instance), instances[state.key.instance].value, state.key.container),
                *(state.status.value, state.message, f"{account.registry_host}/{state.image}", state.digest),
                *(0, _iso(state.started_on), state.exit_code, None),
            )
            for state in states
        ],
    )


def _head(account: Account, service: Service) -> tuple[str, ...]:
    path = service.path
    return path.database, path.schema, path.name, compute(account).status(service).value


def _iso(seconds: float | None) -> str | None:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if seconds is not None else None


HANDLERS: dict[type, Callable[[Account, Session, Any], Result]] = {
    ExecuteJob: execute_job,
    DescribeService: describe,
    ShowServices: show,
    DropService: drop,
    ShowInstances: show_instances,
    ShowContainers: show_containers,
}
