"""A local account of a test's own, spoken to through the real connector."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import snowflake.connector
from snowflake.connector.errors import ProgrammingError

from tests import support

SETUP = (
    "CREATE DATABASE IF NOT EXISTS DB",
    "CREATE SCHEMA IF NOT EXISTS DB.S",
    "CREATE STAGE IF NOT EXISTS DB.S.RUNS",
    "CREATE IMAGE REPOSITORY IF NOT EXISTS DB.S.IMAGES",
    "CREATE COMPUTE POOL IF NOT EXISTS POOL MIN_NODES = 1 MAX_NODES = 1 INSTANCE_FAMILY = CPU_X64_S",
    "USE SCHEMA DB.S",
)
ENDED = ("DONE", "FAILED", "CANCELLED")


@dataclass
class LocalAccount:
    """`root` is the state root. The account's server may be killed and started again under it."""

    root: Path
    env: dict[str, str]
    runtime: str
    connection: Any = None

    def command(self, *words: str) -> support.Outcome:
        """Run `python -m local_account WORDS…`, which must succeed."""
        done = support.run([sys.executable, "-m", "local_account", *words], support.REPO, self.env, 180)
        assert done.code == 0, done
        return done

    def up(self) -> None:
        self.command("up", "--runtime", self.runtime)
        if self.connection is not None:
            self.connection.close()
        self.connection = self.connect()

    def kill(self) -> None:
        """Kill the server as a crash would."""
        os.kill(json.loads((self.root / "server.json").read_text())["pid"], signal.SIGKILL)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def port(self) -> int:
        return int((self.root / "port").read_text())

    def connect(self, **parameters: Any) -> Any:
        own = json.loads((self.root / "credentials").read_text())
        # The last two are its defaults, said outright: version 5 warns of a change to come.
        given = {
            "account": "local",
            "host": "127.0.0.1",
            "port": self.port,
            "protocol": "http",
            "user": own["user"],
            "password": own["password"],
            "auto_cleanup": True,
            "enable_server_session_keep_alive_auto_detection": True,
        }
        return snowflake.connector.connect(**given | parameters)

    def query(self, sql: str) -> list[dict[str, Any]]:
        with self.connection.cursor(snowflake.connector.DictCursor) as cursor:
            cursor.execute(sql)
            found: list[dict[str, Any]] = cursor.fetchall()
            return found

    def one(self, sql: str) -> Any:
        """The value of a statement that answers one row of one column."""
        ((value,),) = (row.values() for row in self.query(sql))
        return value

    def refused(self, sql: str) -> ProgrammingError:
        """The error of a statement that must fail."""
        try:
            answer = self.query(sql)
        except ProgrammingError as error:
            return error
        raise AssertionError(f"not refused: {sql}: {answer}")

    def registry_password(self) -> str:
        """The password of the registry's user `0sessiontoken`."""
        own = json.loads((self.root / "credentials").read_text())
        login = {"LOGIN_NAME": own["user"], "PASSWORD": own["password"], "ACCOUNT_NAME": "local"}
        reply = httpx.post(f"http://{self.host}/session/v1/login-request", json={"data": login}, timeout=120).json()
        return json.dumps({"token": reply["data"]["token"], "expires_in": 3600})

    def start(self, spec: str, *clauses: str, name: str | None = None) -> str:
        """Start a job from a specification in JSON or YAML; returns its name."""
        job = name or f"J_{uuid.uuid4().hex[:8].upper()}"
        self.query(
            f"EXECUTE JOB SERVICE IN COMPUTE POOL POOL NAME = {job} ASYNC = TRUE {' '.join(clauses)}"
            f" FROM SPECIFICATION $${spec}$$"
        )
        return job

    def status(self, job: str) -> str:
        return str(self.query(f"DESCRIBE SERVICE {job}")[0]["status"])

    def wait(self, job: str, *statuses: str, seconds: float = 120) -> str:
        """Wait until a job has one of these statuses (default: any final one) and return it."""
        deadline = time.monotonic() + seconds
        while (found := self.status(job)) not in (statuses or ENDED):
            assert time.monotonic() < deadline, f"{job} is still {found}: {self.containers(job)}"
            time.sleep(0.05)
        return found

    def containers(self, job: str) -> list[dict[str, Any]]:
        return self.query(f"SHOW SERVICE CONTAINERS IN SERVICE {job}")

    def logs(self, job: str, container: str = "main", instance: int = 0, *more: object) -> list[str]:
        """A container's lines, without those in which the process runtime says what is different here."""
        rest = "".join(f", {value!r}" for value in more)
        text = self.one(f"SELECT SYSTEM$GET_SERVICE_LOGS('{job}', {instance}, '{container}'{rest})")
        return [line for line in str(text).split("\n") if "[local account]" not in line]

    def wait_for_line(self, job: str, line: str, container: str = "main", seconds: float = 120) -> None:
        """Wait until a container has written a line."""
        self.wait(job, "RUNNING", *ENDED)
        deadline = time.monotonic() + seconds
        while line not in self.logs(job, container):
            assert time.monotonic() < deadline, f"{job}: {self.logs(job, container)}"
            time.sleep(0.05)


def spec(*commands: str, image: str = "tiny:1", **more: Any) -> str:
    """A specification whose containers `main`, `side1`, … run one Python program each; `more` goes to the first."""
    containers = [
        {
            "name": f"side{index}" if index else "main",
            "image": f"/db/s/images/{image}",
            "command": ["python3", "-u", "-c", code],
        }
        for index, code in enumerate(commands)
    ]
    volumes = more.pop("volumes", [])
    containers[0].update(more)
    return json.dumps({"spec": {"containers": containers, "volumes": volumes}})


@contextmanager
def local_account(folder: Path, runtime: str) -> Iterator[LocalAccount]:
    """Start an account below `folder` with a database, a stage, a repository and a pool; reset it at the end."""
    root = folder / ".local"
    account = LocalAccount(root, {"SPCS_LOCAL_ROOT": str(root)}, runtime)
    try:
        account.up()
        for statement in SETUP:
            account.query(statement)
        yield account
    finally:
        if account.connection is not None:
            account.connection.close()
        account.command("reset")
