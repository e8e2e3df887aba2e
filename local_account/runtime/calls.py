"""Calls of the docker or podman client: one command each, its whole answer kept."""

from __future__ import annotations

import json
import logging
import subprocess
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from local_account.runtime import argv
from local_account.runtime.argv import Client
from local_account.runtime.model import RuntimeProblem

log = logging.getLogger("local_account")

# podman gives up a whole list when a container, of whomever, goes while it is made: asked again it gives one.
_GONE = "no such container"
_TRIES = 5


class Calls:
    """Runs commands of one client.

    If a command fails, `run` raises the given RuntimeProblem with the engine's last lines, `words` one of its own, and
    `quiet` only notes it; `call` leaves it to the caller. `folder` is where the command runs, `variables` are added to
    its environment.
    """

    def __init__(self, client: Client, environment: Mapping[str, str]) -> None:
        self._client = client
        self._environment = dict(environment)

    def ids(self, filters: Sequence[str]) -> list[str]:
        return self.words(argv.simple(self._client, "ps", "-a", "-q", "--no-trunc", *filters))

    def inspect(self, filters: Sequence[str]) -> list[dict[str, Any]]:
        ids = self.ids(filters)
        return self.inspect_names(ids) if ids else []

    def inspect_names(self, names: Sequence[str]) -> list[dict[str, Any]]:
        # Not `run`: a container may go between the list and this call, and the rest is printed all the same.
        found: list[dict[str, Any]] = json.loads(
            self.call(argv.simple(self._client, "inspect", "--type", "container", *names)).stdout or "[]"
        )
        return found

    def remove(self, ids: Sequence[str]) -> None:
        if ids:
            self.quiet(argv.remove(self._client, ids))

    def words(self, command: list[str]) -> list[str]:
        problem = RuntimeProblem("the engine does not answer")
        for _ in range(_TRIES - 1):
            try:
                return self.run(command, problem).stdout.split()
            except RuntimeProblem as refusal:
                if _GONE not in refusal.detail:
                    raise
        return self.run(command, problem).stdout.split()

    def quiet(self, command: list[str]) -> None:
        done = self.call(command)
        if done.returncode != 0:
            log.warning("%s: %s", argv.joined(command), argv.tail_of(done.stderr))

    def run(
        self,
        command: list[str],
        problem: RuntimeProblem,
        folder: str | None = None,
        variables: Mapping[str, str] = MappingProxyType({}),
    ) -> subprocess.CompletedProcess[str]:
        done = self.call(command, folder, variables)
        if done.returncode != 0:
            log.warning("%s: %s", argv.joined(command), argv.tail_of(done.stderr))
            raise RuntimeProblem(problem.message, argv.tail_of(done.stderr, 3))
        return done

    def call(
        self,
        command: list[str],
        folder: str | None = None,
        variables: Mapping[str, str] = MappingProxyType({}),
    ) -> subprocess.CompletedProcess[str]:
        log.debug("%s", argv.joined(command))
        environment = {**self._environment, **variables}
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, env=environment, cwd=folder, check=False
        )
        # Decoded here: the text mode of subprocess would turn the carriage returns of progress bars into line ends.
        output, errors = (data.decode(errors="replace") for data in (done.stdout, done.stderr))
        return subprocess.CompletedProcess(command, done.returncode, output, errors)
