"""Containers of docker or podman, driven through their command line clients.

The containers' labels are the database: what runs, and for which job, is read back from the engine after a restart.
Ends are heard by `wait`, which also answers at once for a container that ended while nobody listened.
"""

from __future__ import annotations

import base64
import json
import logging
import os
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from local_account.runtime import argv, logfile, logtext, pause, pulling
from local_account.runtime.argv import Capacity, Client
from local_account.runtime.calls import Calls
from local_account.runtime.door import Door
from local_account.runtime.model import (
    ContainerExit,
    ContainerKey,
    Launch,
    LogLine,
    OnExit,
    RuntimeProblem,
    Seen,
    Started,
    running_message,
)

log = logging.getLogger("local_account")

START_FAILED = "Encountered fatal error while starting container"
_RETRY_SECONDS = 2.0


class ContainerRuntime:
    """The Runtime of docker and podman. `registry_login` (user, password) opens the account's registry for pulls.

    `ids` gives, for an image's name and digest in the registry, what an engine that built it may know it by.
    """

    def __init__(
        self,
        client: Client,
        capacity: Capacity,
        reason: str,
        registry_login: tuple[str, str],
        environment: Mapping[str, str],
        host_name: str | None = None,
        ids: pulling.Ids = lambda name, digest: (),
    ) -> None:
        self.name = "podman" if client.podman else "docker"
        self.reason = reason
        self._client = client
        self._capacity = capacity
        self._environment = dict(environment)
        self._engine = Calls(client, environment)
        self._host_name = host_name
        self._ids = ids
        self._network_lock = threading.Lock()
        self._door = _door(client, environment) if host_name is None else None
        self._closed = threading.Event()
        self._waiting: set[subprocess.Popen[str]] = set()
        _write_login(client, registry_login)

    def host_for_containers(self) -> str:
        return self._host_name or self._gateway()

    def bind_address(self) -> str | None:
        return None if self._host_name or self._client.podman else self._gateway()

    def start(self, launch: Launch) -> Mapping[str, Started]:
        filters = argv.of_service(self._client, launch.service_id, launch.instance)
        self._engine.remove(self._engine.ids(filters))
        try:
            return self._start(launch)
        except RuntimeProblem:
            self._engine.remove(self._engine.ids(filters))
            raise

    def watch(self, key: ContainerKey, on_exit: OnExit) -> None:
        threading.Thread(target=self._wait, args=(key, on_exit), name=f"wait-{key.container}", daemon=True).start()

    def logs(
        self, key: ContainerKey, *, since_ns: int | None = None, until_ns: int | None = None, tail: int | None = None
    ) -> list[LogLine]:
        if self._client.podman:
            return logfile.read_podman(self._log_path(key), since_ns, until_ns, tail)
        since = logtext.stamp(since_ns) if since_ns is not None else None
        until = logtext.stamp(until_ns) if until_ns is not None else None
        command = argv.logs(self._client, argv.name_of(key), since, until, tail)
        done = self._engine.run(command, RuntimeProblem("the engine has no logs of the container"))
        parsed = [logtext.parse_line(logtext.rejoined(line), "stdout") for line in logtext.lines_of(done.stdout)]
        parsed += [logtext.parse_line(logtext.rejoined(line), "stderr") for line in logtext.lines_of(done.stderr)]
        lines = sorted((line for line in parsed if line is not None), key=lambda line: line.time_ns)
        kept = [
            line
            for line in lines
            if (since_ns is None or line.time_ns >= since_ns) and (until_ns is None or line.time_ns <= until_ns)
        ]
        return kept if tail is None else kept[max(len(kept) - tail, 0) :]

    def _log_path(self, key: ContainerKey) -> Path:
        problem = RuntimeProblem("the engine has no logs of the container")
        command = argv.simple(self._client, "inspect", "--format", "{{.HostConfig.LogConfig.Path}}", argv.name_of(key))
        return Path(self._engine.run(command, problem).stdout.strip())

    def stop(self, service_id: str, grace_s: int = 30) -> None:
        found = self._engine.inspect(argv.of_service(self._client, service_id))
        running = [entry["Id"] for entry in found if _label(entry, argv.CONTAINER_LABEL) != argv.PAUSE]
        if running:
            self._engine.quiet(argv.simple(self._client, "stop", "-t", str(grace_s), *running))

    def remove(self, service_id: str) -> None:
        filters = argv.of_service(self._client, service_id)
        self._engine.remove(self._engine.ids(filters))
        volumes = self._engine.words(argv.simple(self._client, "volume", "ls", "-q", *filters))
        if volumes:
            self._engine.quiet(argv.simple(self._client, "volume", "rm", "-f", *volumes))

    def reconcile(self) -> list[Seen]:
        seen = []
        for entry in self._engine.inspect(argv.of_account(self._client)):
            container = _label(entry, argv.CONTAINER_LABEL)
            if container != argv.PAUSE and entry["State"]["Status"] not in ("created", "configured", "initialized"):
                key = ContainerKey(
                    _label(entry, argv.SERVICE_ID_LABEL), int(_label(entry, argv.INSTANCE_LABEL)), container
                )
                seen.append(Seen(key, bool(entry["State"]["Running"])))
        if any(found.running for found in seen):
            try:
                self._open_door()
            except RuntimeProblem as problem:  # the next launch tries again
                log.warning("%s", problem)
        return seen

    def purge(self) -> None:
        self._engine.remove(self._engine.ids(argv.of_account(self._client)))
        volumes = self._engine.words(argv.simple(self._client, "volume", "ls", "-q", *argv.of_account(self._client)))
        if volumes:
            self._engine.quiet(argv.simple(self._client, "volume", "rm", "-f", *volumes))
        self._engine.quiet(argv.simple(self._client, "network", "rm", self._client.network))
        self._engine.quiet(argv.simple(self._client, "rmi", self._client.pause_image))

    def close(self) -> None:
        self._closed.set()
        if self._door:
            self._door.close()
        for process in list(self._waiting):
            process.terminate()

    # -- starting ---------------------------------------------------------------------------------------------------

    def _start(self, launch: Launch) -> Mapping[str, Started]:
        self._gateway()
        images = {c.name: pulling.pulled(self._engine, self._client, c, self._ids) for c in launch.containers}
        for command in argv.shared_volumes(self._client, launch):
            self._engine.run(command, RuntimeProblem(START_FAILED))
        shared = len(launch.containers) > 1
        if shared:
            self._start_pause(launch)
        for container in launch.containers:
            command = argv.create(self._client, launch, container, self._capacity, shared, images[container.name])
            self._engine.run(command, RuntimeProblem(START_FAILED), variables=container.secret_env)
        names = [argv.container_name(launch, container.name) for container in launch.containers]
        if self._client.podman:
            self._initialise(names)
        for name in names:
            self._engine.run(argv.simple(self._client, "start", name), RuntimeProblem(START_FAILED))
        holder = argv.pause_name(launch) if shared else argv.container_name(launch, launch.containers[0].name)
        address = self._address(holder)
        return {c.name: Started(running_message(c.gpu, self._capacity.gpus), address) for c in launch.containers}

    def _start_pause(self, launch: Launch) -> None:
        found = self._engine.call(argv.simple(self._client, "image", "inspect", self._client.pause_image))
        if found.returncode != 0:
            entrypoint = ["--change", 'ENTRYPOINT ["/pause"]']
            command = argv.simple(self._client, "import", *entrypoint, "-", self._client.pause_image)
            subprocess.run(command, input=pause.archive(), capture_output=True, env=self._environment, check=False)
        self._engine.run(argv.create_pause(self._client, launch), RuntimeProblem(START_FAILED))
        self._engine.run(argv.simple(self._client, "start", argv.pause_name(launch)), RuntimeProblem(START_FAILED))

    def _initialise(self, names: Sequence[str]) -> None:
        """Make all that podman's containers need before their programs begin, and the way to the server with it."""
        for name in names:
            command = argv.simple(self._client, "init", name)
            self._engine.run(command, RuntimeProblem(START_FAILED), self._folder(name))
        self._open_door()

    def _folder(self, name: str) -> str | None:
        """Return where a container must be initialised from, or None if that does not matter.

        Up to version 4 podman looks for the sign of an out-of-memory kill in the container's own folder, but its
        monitor leaves it where it was itself started.
        """
        command = argv.simple(self._client, "inspect", "--format", "{{.StaticDir}}", name)
        shown = self._engine.call(command).stdout.strip()
        # An engine in a virtual machine has that folder there, and starts the monitor by itself.
        return shown if Path(shown).is_dir() else None

    def _open_door(self) -> None:
        if self._door is None:
            return
        try:
            self._door.open(self._gateway())
        except OSError as error:
            raise RuntimeProblem("containers cannot be given a way to the local account", str(error)) from error

    def _gateway(self) -> str:
        """Return the address of this machine on the account's network, which is made if it is not there."""
        with self._network_lock:
            inspect = argv.simple(self._client, "network", "inspect", self._client.network)
            found = self._engine.call(inspect)
            if found.returncode != 0:
                problem = RuntimeProblem("the engine could not make a network for the account")
                self._engine.run(argv.create_network(self._client), problem)
                found = self._engine.run(inspect, problem)
        network = json.loads(found.stdout)[0]
        subnets = network["subnets"] if self._client.podman else network["IPAM"]["Config"]
        return str(subnets[0].get("gateway") or subnets[0].get("Gateway"))

    def _address(self, name: str) -> str:
        networks = self._engine.inspect_names([name])[0]["NetworkSettings"]["Networks"] or {}
        return next((str(network["IPAddress"]) for network in networks.values() if network.get("IPAddress")), "")

    # -- ends -------------------------------------------------------------------------------------------------------

    def _wait(self, key: ContainerKey, on_exit: OnExit) -> None:
        name = argv.name_of(key)
        while not self._closed.is_set():
            self._wait_once(name)
            if self._closed.is_set():
                return
            found = self._engine.call(argv.simple(self._client, "inspect", "--type", "container", name))
            if found.returncode == 0:
                ended = _ended(key, json.loads(found.stdout)[0]["State"])
                if ended is not None:
                    self._release(key)
                    on_exit(ended)
                    return
            elif "no such" in found.stderr.lower():
                problem = "the container was removed from the engine before it ended"
                on_exit(ContainerExit(key, None, time.time_ns(), problem=problem))
                return
            # The engine is away (it restarts, say): nothing can be heard until it answers again.
            self._closed.wait(_RETRY_SECONDS)

    def _wait_once(self, name: str) -> None:
        command = argv.simple(self._client, "wait", name)
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=self._environment, text=True
        )
        self._waiting.add(process)
        try:
            if self._closed.is_set():
                process.terminate()
            process.communicate()
        finally:
            self._waiting.discard(process)

    def _release(self, key: ContainerKey) -> None:
        """End the instance's pause container when its last real one has ended."""
        filters = argv.of_service(self._client, key.service_id, key.instance)
        running = [entry for entry in self._engine.inspect(filters) if entry["State"]["Running"]]
        if len(running) == 1 and _label(running[0], argv.CONTAINER_LABEL) == argv.PAUSE:
            self._engine.quiet(argv.simple(self._client, "kill", running[0]["Id"]))


def _door(client: Client, environment: Mapping[str, str]) -> Door | None:
    port = client.registry.partition(":")[2]  # none where there is no server to be reached
    if not client.podman or not port:
        return None
    enter = [] if os.geteuid() == 0 else argv.simple(client, "unshare", "--rootless-netns")
    return Door(int(port), enter, environment)


def _write_login(client: Client, login: tuple[str, str]) -> None:
    """Write the login for our own registry, readable by nobody else; docker and podman read the same form."""
    auth = base64.b64encode(":".join(login).encode()).decode()
    client.config.mkdir(parents=True, exist_ok=True)
    for name in ("config.json", "auth.json"):
        path = client.config / name
        path.touch(mode=0o600)
        path.chmod(0o600)
        path.write_text(json.dumps({"auths": {client.registry: {"auth": auth}}}))


def _ended(key: ContainerKey, state: Mapping[str, Any]) -> ContainerExit | None:
    if state["Running"] or state["Status"] in ("created", "configured", "initialized"):
        return None
    finished = logtext.parse_stamp(str(state["FinishedAt"])) or time.time_ns()
    code = int(state["ExitCode"])
    return ContainerExit(key, code, finished, oom_killed=bool(state["OOMKilled"]) and code != 0)


def _label(entry: Mapping[str, Any], name: str) -> str:
    return str(entry["Config"]["Labels"].get(name, ""))
