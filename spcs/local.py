"""The local account from the desk's side: started, stopped and asked as a separate process, never imported.

What the desk knows of it are two files of its state folder (`.local/`, or `SPCS_LOCAL_ROOT`): `server.json` says where
it listens, `credentials` how to log in.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spcs.config.model import EngineSetting
from spcs.errors import NotReady, Problem

ENGINES: Mapping[str, EngineSetting] = {"docker": "docker", "podman": "podman", "process": "none"}
"""The account's runtimes, and what builds images for each."""
FAILED: Mapping[str, str] = {
    "up": "did not start",
    "down": "did not stop",
    "status": "is not running",
    "reset": "could not be emptied",
}
"""What to say when a command of the account fails."""
MENDS: Mapping[str, str] = {"status": "inv local.up", "reset": "mend what it says, then inv local.reset"}
"""What to do then, unless its log says it: a reset has none left."""


def state_root(project: Path) -> Path:
    """The folder that holds the account's state."""
    return Path(os.environ.get("SPCS_LOCAL_ROOT") or project / ".local")


def running(project: Path) -> Mapping[str, Any] | None:
    """What `server.json` says of the server, if one listens there: one connection attempt, no process started."""
    server = _server(project)
    if server is None:
        return None
    try:
        with socket.create_connection((server["host"], server["port"]), timeout=1):
            return server
    except OSError:
        return None


def identity(project: Path) -> str:
    """Where it listens, which its image names contain; empty before it was first started."""
    server = _server(project)
    return f"{server['host']}:{server['port']}" if server else ""


def _server(project: Path) -> Mapping[str, Any] | None:
    """What `server.json` says; None where it is not there or not as the account writes it: that is no server's."""
    try:
        server = json.loads((state_root(project) / "server.json").read_text())
        whole = isinstance(server["host"], str) and 0 < server["port"] < 65536
        return server if whole and server["runtime"] in ENGINES and isinstance(server["reason"], str) else None
    except (OSError, ValueError, LookupError, TypeError):
        return None


def up(project: Path, setting: EngineSetting) -> Mapping[str, Any]:
    """Start it, unless it runs, with the runtime that suits `image.engine`; returns where and how it runs."""
    runtime = next((runtime for runtime, engine in ENGINES.items() if engine == setting), "auto")
    return command(project, "up", "--runtime", runtime)


def command(project: Path, verb: str, *options: str) -> Mapping[str, Any]:
    """Run `python -m local_account VERB` and return the object it prints; raises NotReady with its last words."""
    done = subprocess.run(
        [sys.executable, "-m", "local_account", verb, *options],
        cwd=project,
        env={**os.environ, "SPCS_LOCAL_ROOT": str(state_root(project).resolve())},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise NotReady(
            f"the local account {FAILED[verb]}",
            why="\n".join(done.stderr.strip().removeprefix(Problem.heading).splitlines()[-20:]),
            fix=MENDS.get(verb, f"see {state_root(project) / 'server.log'}, or inv local.reset"),
        )
    lines = done.stdout.strip().splitlines()
    answer = json.loads(lines[-1]) if lines else {}
    return answer if isinstance(answer, dict) else {}
