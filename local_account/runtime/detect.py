"""Which engine runs containers on this machine, and why."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local_account.runtime.argv import Capacity

_ANSWER_SECONDS = 20
CHOICES = ("auto", "docker", "podman", "process")


@dataclass(frozen=True)
class Engine:
    """A container engine that answers. `environment` is that of its client; `host_name` is set where containers reach
    this machine by a name rather than by their network's gateway. `lacks` is what it cannot do here, in a few words."""

    name: str
    program: str
    version: str
    capacity: Capacity
    environment: Mapping[str, str]
    host_name: str | None = None
    lacks: str = ""


@dataclass(frozen=True)
class Choice:
    """What runs containers: an engine, or None for plain processes; `reason` is one line for the user."""

    engine: Engine | None
    reason: str


class NoEngine(Exception):
    """The engine that was asked for by name is not there; the text says why."""


def choose(setting: str) -> Choice:
    """Return what the setting (one of CHOICES) means here. Raises NoEngine if it names an engine that is absent."""
    if setting == "process":
        return Choice(None, "process: asked for; containers run as processes with this Python")
    missing = []
    for name in ("docker", "podman") if setting == "auto" else (setting,):
        found = _docker() if name == "docker" else _podman()
        if isinstance(found, Engine):
            reason = f"{found.name} {found.version}: {found.name} answers, jobs are real containers"
            return Choice(found, f"{reason}; {found.lacks}" if found.lacks else reason)
        missing.append(f"{name}: {found}")
    if setting != "auto":
        raise NoEngine("; ".join(missing))
    why = "; ".join(missing)
    return Choice(None, f"process: no container engine found ({why}); containers run as processes with this Python")


def engines() -> list[Engine]:
    """Return every engine that answers."""
    return [found for found in (_docker(), _podman()) if isinstance(found, Engine)]


def _docker() -> Engine | str:
    program = shutil.which("docker")
    if program is None:
        return "not installed"
    environment = _environment()
    endpoint = environment.get("DOCKER_HOST") or _context_endpoint(program)
    if endpoint:
        if not endpoint.startswith(("unix://", "npipe://")):
            return f"its engine is on another machine ({endpoint})"
        environment["DOCKER_HOST"] = endpoint
    info = _answer([program, "info", "--format", "{{json .}}"], environment)
    if isinstance(info, str):
        return info
    if not info.get("ServerVersion"):
        return "; ".join(info.get("ServerErrors") or ["its engine does not answer"])
    capacity = Capacity(
        float(info.get("NCPU") or os.cpu_count() or 1), gpus() if "nvidia" in info.get("Runtimes", {}) else 0
    )
    # The engine of a desktop product runs in a virtual machine, whose networks this machine has no address on.
    desktop = "Docker Desktop" in str(info.get("OperatingSystem"))
    host = "host.docker.internal" if desktop else None
    return Engine("docker", program, str(info["ServerVersion"]), capacity, environment, host)


def _podman() -> Engine | str:
    program = shutil.which("podman")
    if program is None:
        return "not installed"
    environment = _environment()
    info = _answer([program, "info", "--format", "json"], environment)
    if isinstance(info, str):
        return info
    return podman_of(program, info, environment)


def podman_of(program: str, info: Mapping[str, Any], environment: Mapping[str, str]) -> Engine:
    """Return the engine that `podman info` describes."""
    host = info.get("host", {})
    capacity = Capacity(float(host.get("cpus") or os.cpu_count() or 1), 0)
    version = str(info.get("version", {}).get("Version", ""))
    # podman in a virtual machine leads this name to the loopback of the machine around it.
    name = "host.containers.internal" if host.get("serviceIsRemote") else None
    limited = {"memory", "cpu"} <= set(host.get("cgroupControllers") or ())
    lacks = "" if limited else "limits of memory and CPU have no effect (this user has not been given those cgroups)"
    return Engine("podman", program, version, capacity, environment, name, lacks)


def _context_endpoint(program: str) -> str:
    """Return the address that the user's chosen context stands for: our own client folder knows no contexts."""
    command = [program, "context", "inspect", "--format", "{{.Endpoints.docker.Host}}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_ANSWER_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _answer(command: list[str], environment: Mapping[str, str]) -> dict[str, Any] | str:
    """Return the client's JSON, or in a few words why there is none."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, env=environment, timeout=_ANSWER_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return f"no answer within {_ANSWER_SECONDS} s"
    except OSError as error:
        return str(error)
    try:
        found = json.loads(done.stdout)
    except ValueError:
        return (done.stderr.strip().splitlines() or ["its engine does not answer"])[-1]
    return found if isinstance(found, dict) else "its answer is not understood"


def gpus() -> int:
    """Return how many NVIDIA GPUs this machine has a driver for."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return 0
    try:
        done = subprocess.run([program, "-L"], capture_output=True, text=True, timeout=_ANSWER_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return 0
    return sum(line.startswith("GPU ") for line in done.stdout.splitlines()) if done.returncode == 0 else 0


def _environment() -> dict[str, str]:
    # The private --config folder must win over the user's.
    return {name: value for name, value in os.environ.items() if name != "DOCKER_CONFIG"}
