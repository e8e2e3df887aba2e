"""A desk for tests: a local account without a container engine, set up for jobs that are a few lines of Python."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from spcs.account import Account, resolve
from spcs.run import names
from spcs.run.follow import Manner, follow
from spcs.run.model import LogLine, Run, Snapshot, Verdict
from spcs.run.submit import Submission, submit
from tests import support
from tests.wire import images
from tests.wire.faults import Line, line_to

LOCAL_ACCOUNT = (sys.executable, "-m", "local_account")
FAMILY = "CPU_X64_S"
POOL = "POOL"
STAGE = "DB.S.RUNS"
SETUP = (
    "CREATE DATABASE DB",
    "CREATE SCHEMA DB.S",
    "CREATE WAREHOUSE WH",
    "CREATE STAGE DB.S.RUNS",
    "CREATE IMAGE REPOSITORY DB.S.IMAGES",
    f"CREATE COMPUTE POOL {POOL} MIN_NODES = 1 MAX_NODES = 1 INSTANCE_FAMILY = {FAMILY}",
)


def end_of_sessions(root: Path) -> None:
    """Have every session and master token of the account run out, as they do after four hours."""
    with closing(sqlite3.connect(root / ".local" / "state.db", timeout=60)) as state, state:
        state.execute("UPDATE tokens SET expires = 0")


@dataclass
class Seen:
    """A View that keeps what it is shown."""

    states: list[Snapshot] = field(default_factory=list)
    lines: list[LogLine] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)

    def state(self, snapshot: Snapshot) -> None:
        self.states.append(snapshot)

    def line(self, line: LogLine) -> None:
        self.lines.append(line)

    def notice(self, text: str) -> None:
        self.notices.append(text)

    @property
    def texts(self) -> list[str]:
        """The job's own lines, without those in which the process runtime says what is different here."""
        return [line.text for line in self.lines if not line.text.startswith("[local account]")]


@dataclass
class Desk:
    """`root` is the project's folder."""

    root: Path
    account: Account
    env: dict[str, str]

    def restart(self) -> None:
        """Kill the server, as a crash would, and start it again."""
        server = json.loads((self.root / ".local" / "server.json").read_text())
        os.kill(server["pid"], signal.SIGKILL)
        done = support.run([*LOCAL_ACCOUNT, "up"], support.REPO, self.env, 180)
        assert done.code == 0, done

    def submission(self, code: str, *, job: str = "tiny", image: str = "tiny:1", replicas: int = 1) -> Submission:
        """A job with one container, `main`, that runs `code` and has its output folder in MOUNT_PATH."""
        return self.containers({"main": code}, job=job, image=image, replicas=replicas)

    def containers(
        self, codes: dict[str, str], *, job: str = "tiny", image: str = "tiny:1", replicas: int = 1
    ) -> Submission:
        run = Run(names.new_run(job), "DB", "S", STAGE, pool=POOL)
        containers = [
            {
                "name": name,
                "image": f"/db/s/images/{image}",
                "command": ["python", "-u", "-c", code],
                "env": {"MOUNT_PATH": "/opt/output"},
                "volumeMounts": [{"name": "output", "mountPath": "/opt/output"}],
            }
            for name, code in codes.items()
        ]
        volumes = [{"name": "output", "source": "stage", "stageConfig": {"name": run.output.rstrip("/")}}]
        spec = {"spec": {"containers": containers, "volumes": volumes}}
        return Submission(run, json.dumps(spec), replicas)

    def start(self, code: str, *, pool: str = POOL, **settings: Any) -> Run:
        made = self.submission(code, **settings)
        return submit(self.account, replace(made, run=replace(made.run, pool=pool)), self.root)

    def push(self, image: str, repository: str = "IMAGES") -> None:
        """Push the image `tiny` of the desk once more, as that tag of another repository."""
        (found,) = self.account.query(f"SHOW IMAGE REPOSITORIES LIKE '{repository}' IN SCHEMA DB.S")
        images.push(found["repository_url"], self.account.registry_token().reveal(), tag=image)

    def follow(self, run: Run, manner: Manner | None = None, account: Account | None = None) -> tuple[Seen, Verdict]:
        seen = Seen()
        return seen, follow(account or self.account, run, seen, manner)

    @contextmanager
    def bad_line(self, **parameters: Any) -> Iterator[tuple[Line, Account]]:
        """An account over a line on which things go wrong; `parameters` are the connector's."""
        server = json.loads((self.root / ".local" / "server.json").read_text())
        with line_to(server["port"]) as line:
            account = Account(
                resolve("local", self.root) | {"port": line.port, "warehouse": "WH"} | parameters, name="local"
            )
            yield line, account
            account.close()


@contextmanager
def desk(root: Path, **env: str) -> Iterator[Desk]:
    """Start an account of its own below `root`, with an image `tiny:1`; reset it at the end."""
    nowhere = f"unix://{root / 'no-engine.sock'}"
    env |= {"SPCS_LOCAL_ROOT": str(root / ".local"), "DOCKER_HOST": nowhere, "CONTAINER_HOST": nowhere}
    started = support.run([*LOCAL_ACCOUNT, "up"], support.REPO, env, 180)
    assert started.code == 0, started
    before = os.environ.get("SPCS_LOCAL_ROOT")
    os.environ["SPCS_LOCAL_ROOT"] = env["SPCS_LOCAL_ROOT"]
    try:
        account = Account(resolve("local", root), name="local")
        for statement in SETUP:
            account.query(statement)
        made = Desk(root, account, env)
        made.push("1")
        yield made
        account.close()
    finally:
        os.environ.pop("SPCS_LOCAL_ROOT") if before is None else os.environ.update(SPCS_LOCAL_ROOT=before)
        done = support.run([*LOCAL_ACCOUNT, "reset"], support.REPO, env, 180)
        assert done.code == 0, done
