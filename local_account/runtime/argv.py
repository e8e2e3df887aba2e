"""Command lines for the docker and podman clients. Pure: nothing here runs or looks at the machine."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from local_account.runtime.model import ContainerKey, ContainerLaunch, Launch, Mount, MountKind

ACCOUNT_LABEL = "spcs.local.account"
SERVICE_LABEL = "spcs.service"
SERVICE_ID_LABEL = "spcs.service_id"
INSTANCE_LABEL = "spcs.instance"
CONTAINER_LABEL = "spcs.container"
PAUSE = ".pause"
"""CONTAINER_LABEL of the process that holds an instance's network; containers of a spec have no dot in their names."""


@dataclass(frozen=True)
class Client:
    """One client program and this account's corner of the engine: `account` is the state root's id."""

    program: str
    account: str
    registry: str
    config: Path
    podman: bool = False

    def base(self) -> list[str]:
        """Return the words before any subcommand: logins live in a folder of our own, not in the user's."""
        return [self.program] if self.podman else [self.program, "--config", str(self.config)]

    @property
    def network(self) -> str:
        return f"spcs-local-{self.account}"

    @property
    def pause_image(self) -> str:
        return f"spcs-local-{self.account}/pause:1"


@dataclass(frozen=True)
class Capacity:
    """What the engine's machine has; limits above it are refused by the engine and so are cut to it."""

    cpus: float
    gpus: int


def image_reference(client: Client, container: ContainerLaunch) -> str:
    """Return the reference by digest: what was resolved when the job was made is what runs."""
    return f"{client.registry}/{container.image}@{container.digest}"


def pull(client: Client, container: ContainerLaunch) -> list[str]:
    reference = image_reference(client, container)
    if not client.podman:
        return [*client.base(), "pull", "--quiet", reference]
    login = ["--authfile", str(client.config / "auth.json"), "--tls-verify=false"]
    return [*client.base(), "pull", "--quiet", *login, reference]


def create(
    client: Client, launch: Launch, container: ContainerLaunch, capacity: Capacity, shared: bool, image: str = ""
) -> list[str]:
    """Return the command that creates (does not start) a container; it prints the id.

    `shared`: the instance's network is held by its pause container, which then carries the aliases. `image`: what the
    engine calls the image, if not as the registry does.
    """
    command = [*client.base(), "create", "--name", container_name(launch, container.name), "--init=false"]
    command += _labels(client, launch, container.name)
    command += _network(client, launch, pause_name(launch) if shared else None)
    if client.podman:
        # Its journald driver would mix all containers' lines; SELinux labels would close the bound directories.
        command += ["--log-driver", "k8s-file", "--security-opt", "label=disable"]
    command += _limits(container, capacity)
    for name, value in container.env.items():
        command += ["--env", f"{name}={value}"]
    for name in container.secret_env:  # the client takes the value from its own environment
        command += ["--env", name]
    for mount in container.mounts:
        command += ["--mount", _mount(launch, mount)]
    words = [*(container.args or ())]
    if container.command:
        command += ["--entrypoint", container.command[0]]
        words = [*container.command[1:], *words]
    return [*command, image or image_reference(client, container), *words]


def create_pause(client: Client, launch: Launch) -> list[str]:
    """Return the command for the container that holds the network of an instance with several containers."""
    name = ["--name", pause_name(launch)]
    labels = _labels(client, launch, PAUSE)
    return [*client.base(), "create", *name, *labels, *_network(client, launch, None), client.pause_image]


def shared_volumes(client: Client, launch: Launch) -> list[list[str]]:
    """Return the commands that make the memory volumes which several containers of the instance mount."""
    sizes = {
        mount.volume: mount.size_bytes
        for container in launch.containers
        for mount in container.mounts
        if mount.kind is MountKind.MEMORY and mount.shared
    }
    return [
        [
            *client.base(),
            *("volume", "create", "--driver", "local"),
            *("--opt=type=tmpfs", "--opt=device=tmpfs", f"--opt=o={_tmpfs(client, size)}"),
            *_label(ACCOUNT_LABEL, client.account),
            *_label(SERVICE_ID_LABEL, launch.service_id),
            volume_name(launch, volume),
        ]
        for volume, size in sizes.items()
    ]


def _tmpfs(client: Client, size: int | None) -> str:
    # podman takes a size for a disk quota, which few file systems have.
    return "mode=1777" if client.podman else f"size={size},mode=1777"


def create_network(client: Client) -> list[str]:
    return [*client.base(), "network", "create", *_label(ACCOUNT_LABEL, client.account), client.network]


def remove(client: Client, ids: Sequence[str]) -> list[str]:
    """Return the command that removes containers, running ones too, with their anonymous volumes."""
    # podman does not remove a pause container before those that use its network, unless told to take them along.
    return [*client.base(), "rm", "-f", "-v", *(["--depend"] if client.podman else []), *ids]


def simple(client: Client, *words: str) -> list[str]:
    """Return a command of plain words."""
    return [*client.base(), *words]


def of_service(client: Client, service_id: str, instance: int | None = None) -> list[str]:
    """Return the filters that pick the containers or volumes of a service, or of one of its instances."""
    words = [*_filter(ACCOUNT_LABEL, client.account), *_filter(SERVICE_ID_LABEL, service_id)]
    return words if instance is None else [*words, *_filter(INSTANCE_LABEL, str(instance))]


def of_account(client: Client) -> list[str]:
    """Return the filters that pick all containers of this account."""
    return _filter(ACCOUNT_LABEL, client.account)


def logs(client: Client, container: str, since: str | None, until: str | None, tail: int | None) -> list[str]:
    command = [*client.base(), "logs", "--timestamps"]
    if since is not None:
        command += ["--since", since]
    if until is not None:
        command += ["--until", until]
    if tail is not None:
        command += ["--tail", str(tail)]
    return [*command, container]


def container_name(launch: Launch, container: str) -> str:
    return name_of(ContainerKey(launch.service_id, launch.instance, container))


def name_of(key: ContainerKey) -> str:
    """Return the container's name for the engine: the same key never starts twice."""
    return f"spcs-{key.service_id}-{key.instance}-{key.container}"


def pause_name(launch: Launch) -> str:
    return container_name(launch, PAUSE)


def volume_name(launch: Launch, volume: str) -> str:
    return f"spcs-{launch.service_id}-{launch.instance}-{volume}"


def _labels(client: Client, launch: Launch, container: str) -> list[str]:
    return [
        *_label(ACCOUNT_LABEL, client.account),
        *_label(SERVICE_LABEL, launch.service),
        *_label(SERVICE_ID_LABEL, launch.service_id),
        *_label(INSTANCE_LABEL, str(launch.instance)),
        *_label(CONTAINER_LABEL, container),
    ]


def _label(name: str, value: str) -> list[str]:
    return ["--label", f"{name}={value}"]


def _filter(name: str, value: str) -> list[str]:
    return ["--filter", f"label={name}={value}"]


def _network(client: Client, launch: Launch, holder: str | None) -> list[str]:
    if holder is not None:
        return ["--network", f"container:{holder}"]
    aliases = [word for alias in launch.aliases for word in ("--network-alias", alias)]
    return ["--network", client.network, *aliases, "--hostname", f"statefulset-{launch.instance}"]


def _limits(container: ContainerLaunch, capacity: Capacity) -> list[str]:
    words: list[str] = []
    if container.memory_bytes is not None:
        # The same figure for memory and swap: a node of a compute pool has no swap.
        words += ["--memory", str(container.memory_bytes), "--memory-swap", str(container.memory_bytes)]
    if container.cpu is not None:
        words += ["--cpus", f"{min(container.cpu, capacity.cpus):g}"]
    if container.gpu and capacity.gpus:
        words += ["--gpus", str(min(container.gpu, capacity.gpus))]
    return words


def _mount(launch: Launch, mount: Mount) -> str:
    target = posixpath.normpath(mount.target)
    if mount.kind is MountKind.DIRECTORY:
        fields = ["type=bind", f"source={mount.source}", f"target={target}"]
    elif mount.shared:
        fields = ["type=volume", f"source={volume_name(launch, mount.volume)}", f"target={target}"]
    else:
        fields = ["type=tmpfs", f"target={target}", f"tmpfs-size={mount.size_bytes}", "tmpfs-mode=1777"]
    if mount.read_only:
        fields.append("readonly")
    return ",".join(_quoted(word) for word in fields)


def _quoted(word: str) -> str:
    """Quote one field: the clients read --mount as a line of CSV, where a comma would end it."""
    return '"' + word.replace('"', '""') + '"' if re.search(r'[",\n]', word) else word


def tail_of(text: str, lines: int = 20) -> str:
    """Return the last lines of an engine's message."""
    return "\n".join(text.strip().splitlines()[-lines:])


def joined(command: Sequence[str]) -> str:
    """Return a command as one line for the server's log; values of variables are left out."""
    pairs = zip(("", *command), command, strict=False)
    return " ".join(re.sub(r"=.*", "=…", word) if before == "--env" else word for before, word in pairs)
