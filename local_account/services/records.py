"""Jobs and their containers in the account's database."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable

from local_account import catalog
from local_account.runtime.model import ContainerKey
from local_account.services.model import ContainerState, ContainerStatus, Resolved, Service
from local_account.state import State

_TABLES = """
CREATE TABLE IF NOT EXISTS services (
    id TEXT PRIMARY KEY, database TEXT NOT NULL, schema TEXT NOT NULL, name TEXT NOT NULL, owner TEXT NOT NULL,
    pool TEXT NOT NULL, spec TEXT NOT NULL, shown TEXT NOT NULL, resolved TEXT NOT NULL, replicas INTEGER,
    is_async INTEGER NOT NULL, warehouse TEXT, comment TEXT NOT NULL, integrations TEXT NOT NULL,
    created_on REAL NOT NULL, updated_on REAL NOT NULL, cancel INTEGER NOT NULL,
    UNIQUE (database, schema, name));
CREATE TABLE IF NOT EXISTS service_containers (
    service_id TEXT NOT NULL REFERENCES services (id) ON DELETE CASCADE, instance INTEGER NOT NULL,
    container TEXT NOT NULL, image TEXT NOT NULL, digest TEXT NOT NULL, status TEXT NOT NULL, message TEXT NOT NULL,
    exit_code INTEGER, started_on REAL, ended_on REAL, ip_address TEXT NOT NULL,
    PRIMARY KEY (service_id, instance, container));
"""


class Records:
    """Thread-safe: every method is one transaction."""

    def __init__(self, state: State) -> None:
        self._state = state
        state.tables(_TABLES)

    def add(self, service: Service, containers: Iterable[ContainerState]) -> bool:
        """Keep a new job and its containers; False if its name is taken."""
        with self._state.write() as db:
            if self.find(service.path) is not None:
                return False
            db.execute(f"INSERT INTO services VALUES ({', '.join('?' * 17)})", _service_values(service))
            for container in containers:
                db.execute(
                    f"INSERT INTO service_containers VALUES ({', '.join('?' * 11)})", _container_values(container)
                )
        return True

    def find(self, path: catalog.Path) -> Service | None:
        found = self._services("database = ? AND schema = ? AND name = ?", path.database, path.schema, path.name)
        return found[0] if found else None

    def get(self, service_id: str) -> Service | None:
        found = self._services("id = ?", service_id)
        return found[0] if found else None

    def all(self) -> list[Service]:
        """Return all jobs, by name."""
        return self._services("1")

    def containers(self, service_id: str) -> list[ContainerState]:
        """Return a job's containers: by instance, then in the order of the specification."""
        rows = self._state.read(
            "SELECT * FROM service_containers WHERE service_id = ? ORDER BY instance, rowid", (service_id,)
        )
        return [_container(row) for row in rows]

    def update(self, container: ContainerState) -> bool:
        """Keep a container's new state; False if its job is gone."""
        with self._state.write() as db:
            changed = db.execute(
                "UPDATE service_containers SET image = ?, digest = ?, status = ?, message = ?, exit_code = ?,"
                " started_on = ?, ended_on = ?, ip_address = ? WHERE service_id = ? AND instance = ? AND container = ?",
                (*_container_values(container)[3:], *_container_values(container)[:3]),
            ).rowcount
            db.execute("UPDATE services SET updated_on = ? WHERE id = ?", (time.time(), container.key.service_id))
        return changed > 0

    def cancel(self, service_id: str) -> None:
        self._state.execute("UPDATE services SET cancel = 1, updated_on = ? WHERE id = ?", (time.time(), service_id))

    def delete(self, service_id: str) -> bool:
        """Forget a job; False if it is gone already."""
        return self._state.execute("DELETE FROM services WHERE id = ?", (service_id,)) > 0

    def _services(self, where: str, *values: str) -> list[Service]:
        rows = self._state.read(f"SELECT * FROM services WHERE {where} ORDER BY database, schema, name", values)
        return [_service(row) for row in rows]


def _service_values(service: Service) -> tuple[object, ...]:
    path, resolved = service.path, service.resolved
    return (
        *(service.id, path.database, path.schema, path.name, service.owner, service.pool, service.spec, service.shown),
        json.dumps({name: dict(value) for name, value in vars(resolved).items()}),
        *(service.replicas, service.is_async, service.warehouse, service.comment, json.dumps(service.integrations)),
        *(service.created_on, service.updated_on, service.cancel),
    )


def _service(row: sqlite3.Row) -> Service:
    resolved = json.loads(row["resolved"])
    images = {written: (image, digest) for written, (image, digest) in resolved["images"].items()}
    return Service(
        id=row["id"],
        path=catalog.Path(row["database"], row["schema"], row["name"]),
        owner=row["owner"],
        pool=row["pool"],
        spec=row["spec"],
        shown=row["shown"],
        resolved=Resolved(images, resolved["stages"], resolved.get("secrets", {})),
        replicas=row["replicas"],
        is_async=bool(row["is_async"]),
        warehouse=row["warehouse"],
        comment=row["comment"],
        integrations=tuple(json.loads(row["integrations"])),
        created_on=row["created_on"],
        updated_on=row["updated_on"],
        cancel=bool(row["cancel"]),
    )


def _container_values(container: ContainerState) -> tuple[object, ...]:
    key = container.key
    return (
        *(key.service_id, key.instance, key.container, container.image, container.digest),
        *(container.status.value, container.message, container.exit_code),
        *(container.started_on, container.ended_on, container.ip_address),
    )


def _container(row: sqlite3.Row) -> ContainerState:
    return ContainerState(
        ContainerKey(row["service_id"], row["instance"], row["container"]),
        row["image"],
        row["digest"],
        ContainerStatus(row["status"]),
        row["message"],
        row["exit_code"],
        row["started_on"],
        row["ended_on"],
        row["ip_address"],
    )
