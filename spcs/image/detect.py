"""Which engine makes images on this machine: docker, podman, or, where neither is or none is wanted, Python alone."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any, Literal

from spcs.errors import NotReady
from spcs.image.commands import Answer, ask
from spcs.image.credentials import Folder
from spcs.image.docker import ContainerEngine
from spcs.image.engines import Client, Engine
from spcs.image.oci import OciEngine

Setting = Literal["auto", "docker", "podman", "wheels", "none"]
CLIENTS = ("docker", "podman")
PROBE_SECONDS = 20
INSTALL = "install Docker (https://docs.docker.com/engine/install/) or Podman (https://podman.io), then try again"
WITHOUT = "the image holds your code only, and the job runs as a plain Python process"


def detect(setting: Setting, state: Path, *, local_account: bool) -> Engine:
    """Choose the engine for `image.engine`; `state` is `.spcs/`.

    With `auto`, docker comes first, then podman; without either an image for the local account needs no engine.
    Raises NotReady when the engine asked for is missing or not running, and when a real account needs one.
    """
    logins = Folder(state / "docker")
    if setting == "wheels":
        from spcs.image.wheels.engine import WheelsEngine

        return WheelsEngine(state, logins)
    if setting == "none":
        return OciEngine(state / "images", logins, f"no container engine (image.engine: none): {WITHOUT}")
    silent: dict[str, str] = {}
    for program in CLIENTS if setting == "auto" else (setting,):
        found = _probe(program)
        if isinstance(found, Client):
            return ContainerEngine(found, logins)
        if found:
            silent[program] = found
    if setting == "auto" and local_account:
        return OciEngine(state / "images", logins, f"{_why_none(silent)}: {WITHOUT}")
    raise _not_ready(setting, silent)


def _probe(program: str) -> Client | str:
    """The client that answers, or why it does not; an empty text if it is not installed."""
    if shutil.which(program) is None:
        return ""
    answer = ask([program, "version", "--format", "{{json .}}"], timeout=PROBE_SECONDS)
    versions = _versions(answer)
    client = versions.get("Client") or {}
    server = versions.get("Server") or {}
    # podman's own fields are spelt differently, also where it answers to the name of docker.
    if answer.code == 0 and "APIVersion" in client:
        return Client(program, "podman", client.get("Version", ""), (server or client).get("Version", ""))
    if answer.code == 0 and server.get("Version"):
        return Client(program, "docker", client.get("Version", ""), server["Version"])
    return _last_line(answer.error or answer.out) or f"{program} version ended with code {answer.code}"


def _versions(answer: Answer) -> dict[str, Any]:
    try:
        values = json.loads(answer.out)
    except ValueError:
        return {}
    return values if isinstance(values, dict) else {}


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""


def _why_none(silent: dict[str, str]) -> str:
    if not silent:
        return "no Docker or Podman is installed here"
    return "; ".join(
        f"{program} is installed but its engine does not answer ({why})" for program, why in silent.items()
    )


def _not_ready(setting: Setting, silent: dict[str, str]) -> NotReady:
    if silent:
        program, why = next(iter(silent.items()))
        return NotReady(
            f"{program} is installed, but its engine is not running", why=why, fix=_how_to_start(program, why)
        )
    wanted = "docker or podman" if setting == "auto" else setting
    return NotReady(
        f"there is no container engine on this machine: {wanted} is not installed",
        why="a real account runs whole images" if setting == "auto"
        else f"the settings ask for it (image.engine: {setting})",
        fix=f"inv build push --engine wheels, which needs none (image.engine: wheels to stay with it), or\n{INSTALL}"
        if setting == "auto" else INSTALL,
    )  # fmt: skip


def _how_to_start(program: str, why: str) -> str:
    if "permission denied" in why.lower():
        return "sudo usermod -aG docker $USER, then log out and in again"
    if program == "podman":
        return "podman machine start" if sys.platform != "linux" else "podman info (it says what is wrong)"
    return "start Docker Desktop" if sys.platform != "linux" else "sudo systemctl start docker"
