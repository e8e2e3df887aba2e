"""The life of jobs: made, launched, watched, canceled, dropped; and taken up again when the server starts.

The database says what should be, the engine what is. Every change of a container goes through `_update`, which draws
the consequences for its job; calls to the engine are made outside the lock, on threads of their own.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable
from dataclasses import replace

from local_account import catalog
from local_account.account import NAME, Account
from local_account.errors import exists
from local_account.process import ServerProblem
from local_account.registry import Registry, repository_path
from local_account.runtime.model import ContainerExit, ContainerKey, LogLine, Runtime, RuntimeProblem, Seen, Started
from local_account.services import launching
from local_account.services.background import in_background
from local_account.services.launching import Surroundings
from local_account.services.model import (
    ENDED,
    STOPPING,
    ContainerState,
    ContainerStatus,
    Service,
    ServiceStatus,
    after_exit,
    service_status,
    waiting_instances,
)
from local_account.services.records import Records
from local_account.services.resolve import read_spec

log = logging.getLogger("local_account")

NOT_STARTED = "Not started: another container of the job failed"
START_FAILED = "Encountered fatal error while starting container"
CANCELED_EARLY = "Canceled before it started"
STOP_SECONDS = 30


class Services:
    """All jobs of the account: the `Compute` that the server holds. Thread-safe."""

    def __init__(self, account: Account, runtime: Runtime, registry: Registry) -> None:
        self.name = runtime.name
        self.reason = runtime.reason
        self.runtime = runtime
        self.registry = registry
        self.records = Records(account.state)
        self._account = account
        self._lock = threading.RLock()
        self._busy: dict[str, threading.Lock] = {}
        self._waiting: dict[str, list[threading.Event]] = {}

    # -- what the server asks ---------------------------------------------------------------------------------------

    def addresses(self) -> list[str]:
        try:
            address = self.runtime.bind_address()
        except RuntimeProblem as problem:
            raise ServerProblem(str(problem)) from problem
        return [address] if address else []

    def start(self) -> None:
        """Take up the jobs of an earlier server: watch what runs, hear what ended, launch what had not begun."""
        seen = {found.key: found for found in self.runtime.reconcile()}
        services = self.records.all()
        for service in services:
            self._take_up(service, seen)
        left = {key.service_id for key in seen} | launching.directories(self._account.root.jobs)
        for orphan in left - {service.id for service in services}:
            in_background(self._remove, orphan)

    def stop(self) -> None:
        self.runtime.close()

    def database_dropped(self, database: str, schema: str | None) -> None:
        for service in self.records.all():
            if service.path.database == database and schema in (None, service.path.schema):
                self.drop(service)
        for found in self._account.catalog.list("IMAGE REPOSITORY", database, schema):
            self.registry.store.drop(repository_path(found.path))

    # -- what statements ask ----------------------------------------------------------------------------------------

    def create(self, service: Service, containers: Iterable[ContainerState]) -> None:
        """Keep a new job and start it in the background; SqlError 2002 if its name is taken."""
        if not self.records.add(service, containers):
            raise exists("Object", str(service.path))
        token = self._account.issue_service_token(service.path, service.owner, service.warehouse)
        launching.write_token(self._account.root.jobs, service.id, token)
        self._launch_in_background(service)

    def status(self, service: Service) -> ServiceStatus:
        return service_status(self.records.containers(service.id), self._cancelled(service.id))

    def ended(self, service: Service) -> threading.Event:
        """Return a new event that is set once every container of a job has ended, or the job is dropped."""
        event = threading.Event()
        with self._lock:
            if self.records.get(service.id) is None or all(c.ended for c in self.records.containers(service.id)):
                event.set()
            else:
                self._waiting.setdefault(service.id, []).append(event)
        return event

    def cancel(self, service: Service) -> bool:
        """Ask a job to end; False if it has ended already. Its containers get SIGTERM and 30 seconds."""
        with self._lock:
            if self.status(service) in ENDED:
                return False
            self.records.cancel(service.id)
        in_background(self._stop, service.id, CANCELED_EARLY)
        return True

    def drop(self, service: Service) -> None:
        """Forget a job at once; what runs of it is stopped and removed in the background."""
        with self._lock:
            if not self.records.delete(service.id):
                return
            self._account.revoke_service_tokens(service.path)
            self._wake(service.id)
        in_background(self._remove, service.id)

    def resume(self, pool: str) -> None:
        """Launch the jobs that wait for a pool which was suspended."""
        for service in self.records.all():
            if service.pool == pool and self.status(service) is ServiceStatus.PENDING:
                self._launch_in_background(service)

    def active(self, pool: str) -> list[Service]:
        """Return the jobs of a pool that have not ended."""
        return [s for s in self.records.all() if s.pool == pool and self.status(s) not in ENDED]

    def logs(
        self, key: ContainerKey, since_ns: int | None = None, until_ns: int | None = None, tail: int | None = None
    ) -> list[LogLine]:
        """Return a container's lines as `Runtime.logs`; none for a container that never started."""
        states = {state.key: state for state in self.records.containers(key.service_id)}
        if key in states and states[key].started_on is None:
            return []
        return self.runtime.logs(key, since_ns=since_ns, until_ns=until_ns, tail=tail)

    # -- launching --------------------------------------------------------------------------------------------------

    def _launch_in_background(self, service: Service) -> None:
        pool = self._account.catalog.find("COMPUTE POOL", catalog.Path("", "", service.pool))
        if pool is None:
            self._give_up(service.id, f"Compute pool {service.pool} does not exist")
        elif not pool.properties.get("suspended"):
            in_background(self._launch, service.id, str(pool.properties["instance_family"]))

    def _launch(self, service_id: str, family: str) -> None:
        with self._busy_with(service_id):
            for index in waiting_instances(self.records.containers(service_id)):
                service = self.records.get(service_id)
                if service is None or not self._may_launch(service):
                    break
                self._launch_instance(service, index, family)
        if self.records.get(service_id) is None:
            self._remove(service_id)
        elif self._cancelled(service_id):
            self._stop(service_id, CANCELED_EARLY)

    def _launch_instance(self, service: Service, index: int, family: str) -> None:
        try:
            spec, node = read_spec(service.spec, family)
            launch = launching.launch(service, spec, node, index, self._surroundings())
            started = self.runtime.start(launch)
        except RuntimeProblem as problem:
            self._fail(self._of_instance(service.id, index), str(problem), waits=problem.waits)
        except Exception as error:
            # Whatever it was, the job must not stay PENDING for ever.
            log.exception("job %s could not be launched", service.path)
            self._fail(self._of_instance(service.id, index), f"{START_FAILED}: {error}")
        else:
            for state in self._of_instance(service.id, index):
                self._run(state, started[state.key.container])

    def _run(self, state: ContainerState, started: Started) -> None:
        running = replace(
            state,
            status=ContainerStatus.READY,
            message=started.message,
            started_on=time.time(),
            ip_address=started.ip_address,
        )
        self._update(running)
        self.runtime.watch(state.key, self._on_exit)

    def _fail(self, states: Iterable[ContainerState], message: str, *, waits: bool = False) -> None:
        status, ended_on = (ContainerStatus.PENDING, None) if waits else (ContainerStatus.FAILED, time.time())
        for state in states:
            self._update(replace(state, status=status, message=message, ended_on=ended_on))

    def _may_launch(self, service: Service) -> bool:
        states = self.records.containers(service.id)
        return not service.cancel and not any(state.status is ContainerStatus.FAILED for state in states)

    def _surroundings(self) -> Surroundings:
        host = self.runtime.host_for_containers()
        return Surroundings(host, self._account.port, NAME, self._account.root.jobs, self._account.vault.get)

    # -- ends -------------------------------------------------------------------------------------------------------

    def _on_exit(self, exit_: ContainerExit) -> None:
        with self._lock:
            states = {state.key: state for state in self.records.containers(exit_.key.service_id)}
            state = states.get(exit_.key)
            if state is None or state.ended:
                return
            stopped = state.status is ContainerStatus.TERMINATING or self._cancelled(exit_.key.service_id)
            status, message = after_exit(exit_, stopped)
            ended_on = exit_.finished_ns / 1e9
            self._update(replace(state, status=status, message=message, exit_code=exit_.exit_code, ended_on=ended_on))

    def _update(self, state: ContainerState) -> None:
        """Keep a container's new state and do what follows from it for its job."""
        service_id = state.key.service_id
        with self._lock:
            if not self.records.update(state):
                return
            states = self.records.containers(service_id)
            failed = any(each.status is ContainerStatus.FAILED for each in states)
            if all(each.ended for each in states):
                self._finish(service_id)
            elif failed and state.ended and not self._cancelled(service_id):
                # A job is not restarted: the first failure ends all of it.
                in_background(self._stop, service_id, NOT_STARTED)

    def _finish(self, service_id: str) -> None:
        service = self.records.get(service_id)
        if service is not None:
            self._account.revoke_service_tokens(service.path)
        self._wake(service_id)

    def _wake(self, service_id: str) -> None:
        for event in self._waiting.pop(service_id, []):
            event.set()

    def _stop(self, service_id: str, message: str) -> None:
        """End what runs of a job, and give up what has not begun."""
        with self._busy_with(service_id):
            self._give_up(service_id, message)
            for state in self.records.containers(service_id):
                if state.status is ContainerStatus.READY:
                    self._mark_stopping(state.key)
            self.runtime.stop(service_id, STOP_SECONDS)

    def _mark_stopping(self, key: ContainerKey) -> None:
        with self._lock:
            for state in self.records.containers(key.service_id):
                if state.key == key and state.status is ContainerStatus.READY:
                    self._update(replace(state, status=ContainerStatus.TERMINATING, message=STOPPING))

    def _give_up(self, service_id: str, message: str) -> None:
        states = self.records.containers(service_id)
        self._fail([state for state in states if state.status is ContainerStatus.PENDING], message)

    def _remove(self, service_id: str) -> None:
        with self._busy_with(service_id):
            self.runtime.stop(service_id, STOP_SECONDS)
            self.runtime.remove(service_id)
            left = launching.remove_directory(self._account.root.jobs, service_id)
        if left:
            log.warning("%s could not be removed: a container made directories that only its user may empty", left)
        self._busy.pop(service_id, None)

    # -- taking up --------------------------------------------------------------------------------------------------

    def _take_up(self, service: Service, seen: dict[ContainerKey, Seen]) -> None:
        states = self.records.containers(service.id)
        for index in sorted({state.key.instance for state in states if not state.ended}):
            mine = [state for state in states if state.key.instance == index]
            begun = any(state.status is not ContainerStatus.PENDING for state in mine)
            # The server died while it started this one: if all of it is there, it counts as started.
            if begun or all(state.key in seen for state in mine):
                for state in mine:
                    self._take_up_container(state, seen.get(state.key))
        states = self.records.containers(service.id)
        failed = any(state.status is ContainerStatus.FAILED for state in states)
        if (service.cancel or failed) and not all(state.ended for state in states):
            # The server may have died before it had asked the others to end.
            in_background(self._stop, service.id, CANCELED_EARLY if service.cancel else NOT_STARTED)
        elif waiting_instances(states):
            self._launch_in_background(service)

    def _take_up_container(self, state: ContainerState, found: Seen | None) -> None:
        if state.ended:
            return
        if found is None:
            problem = "the container was gone when the account started again"
            self._on_exit(ContainerExit(state.key, None, time.time_ns(), problem=problem))
        elif state.status is ContainerStatus.PENDING:
            self._run(state, found.started)
        else:
            self.runtime.watch(state.key, self._on_exit)

    # -- small things -----------------------------------------------------------------------------------------------

    def _of_instance(self, service_id: str, index: int) -> list[ContainerState]:
        return [state for state in self.records.containers(service_id) if state.key.instance == index]

    def _cancelled(self, service_id: str) -> bool:
        service = self.records.get(service_id)
        return service is not None and service.cancel

    def _busy_with(self, service_id: str) -> threading.Lock:
        """Return the lock that keeps launching, stopping and removing of one job apart."""
        with self._lock:
            return self._busy.setdefault(service_id, threading.Lock())
