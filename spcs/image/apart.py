"""Whether an engine shares this machine's loopback, by what it reports of the machine it runs on."""

from __future__ import annotations

import socket
from typing import Final

from spcs.image.commands import ask
from spcs.image.engines import Client

#: What `docker info` calls the system of desktop products, each a virtual machine.
VIRTUAL: Final = ("Docker Desktop", "OrbStack")
DOCKER_WORDS: Final = "{{.Name}}\t{{.OperatingSystem}}"
PODMAN_WORDS: Final = "{{.Host.Hostname}}\t{{if .Host.ServiceIsRemote}}remote{{end}}"


def is_apart(client: Client) -> bool:
    """Is this machine's loopback out of the engine's reach?

    An engine names the host it runs on. In a virtual machine that is another than ours: `docker-desktop`, `colima`,
    `orbstack`, `lima-rancher-desktop`, that of podman's machine; and so it is for an engine behind ssh. An engine that
    says nothing counts as near.
    """
    words = DOCKER_WORDS if client.dialect == "docker" else PODMAN_WORDS
    told = ask([client.program, "info", "--format", words])
    name, parted, system = told.out.strip("\r\n").partition("\t")
    if told.code != 0 or not (name and parted):
        return False
    return system == "remote" or system.startswith(VIRTUAL) or name != socket.gethostname()
