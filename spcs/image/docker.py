"""docker and podman by their command lines: pure functions make the arguments, `ContainerEngine` runs them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property
from typing import Final, Literal

from spcs.errors import NotReady
from spcs.image.commands import Say, ask, follow, on_terminal, show
from spcs.image.credentials import Credentials, Folder
from spcs.image.engines import Build, Client, EngineFailed, LocalImage, Pushed
from spcs.image.inputs import Kind, stage
from spcs.image.registry import is_loopback

Builder = Literal["buildx", "buildkit", "buildah", "legacy"]
UNAUTHORISED: Final = ("unauthorized", "authentication required", "no basic auth credentials")
# An attestation would make the image an index of two manifests; whether Snowflake's registry takes those is not known.
NO_ATTESTATIONS: Final = {"BUILDX_NO_DEFAULT_ATTESTATIONS": "1"}
OPTIONS: Final[Mapping[Builder, tuple[str, ...]]] = {
    "buildx": ("--load", "--progress=plain"),
    "buildkit": ("--progress=plain",),
    "buildah": ("--format=docker",),
    # It leaves a stopped container behind a step that failed, unless told not to.
    "legacy": ("--force-rm",),
}


class ContainerEngine:
    """The engine behind a docker or podman client. Builds run in the user's own configuration, pushes in ours."""

    kind: Kind = "container"

    def __init__(self, client: Client, logins: Folder) -> None:
        self.client = client
        self.logins = logins

    @property
    def name(self) -> str:
        return self.client.dialect

    @property
    def reason(self) -> str:
        return f"{self.client.dialect} {self.client.engine_version} (its engine answers)"

    @cached_property
    def builder(self) -> Builder:
        """Which builder the client has; asked only when something is built."""
        if self.client.dialect == "podman":
            return "buildah" if _major(self.client.version) >= 4 else "legacy"
        if ask([self.client.program, "buildx", "version"]).code == 0:
            return "buildx"
        # Up to version 22 BuildKit's client was part of docker's; since 23 it is the buildx plugin or nothing.
        return "buildkit" if _major(self.client.version) < 23 else "legacy"

    def find(self, ref: str) -> str | None:
        found = ask([self.client.program, "image", "inspect", "--format", "{{.Id}}", ref])
        return found.out.strip() if found.code == 0 else None

    def commands_to_build(self, build: Build) -> list[list[str]]:
        return [build_argv(self.client, self.builder, build)]

    def build(self, build: Build, say: Say) -> str:
        stage(
            build.plan,
            build.plan.dockerfile if self.builder == "legacy" else build.plan.dockerfile_buildkit,
            build.context,
        )
        done = follow(build_argv(self.client, self.builder, build), say, env=build_environment(self.builder))
        image_id = self.find(build.ref) if done.code == 0 else None
        if image_id is None:
            raise EngineFailed(done.error, shown=done.short)
        return image_id

    def commands_to_push(self, ref: str) -> list[list[str]]:
        host = ref.partition("/")[0]
        return [login_argv(self.client, host, "0sessiontoken", self.logins), push_argv(self.client, ref, self.logins)]

    def push(self, ref: str, say: Say) -> Pushed:
        self.logins.prepare(ref.partition("/")[0])
        argv = push_argv(self.client, ref, self.logins)
        environment = login_environment(self.logins)
        done = show(argv, env=environment) if on_terminal() else follow(argv, say, env=environment)
        if done.code != 0:
            raise EngineFailed(done.error, unauthorised=_is_unauthorised(done.error))
        return Pushed(self._recorded_digest(ref), layers_sent(done.out))

    def login(self, host: str, credentials: Credentials) -> None:
        self.logins.prepare(host)
        done = ask(
            login_argv(self.client, host, credentials.user, self.logins),
            env=login_environment(self.logins),
            stdin=credentials.password,
        )
        if done.code != 0:
            raise EngineFailed(done.error.strip(), unauthorised=_is_unauthorised(done.error))

    def images(self, repository: str) -> list[LocalImage]:
        argv = [self.client.program, "image", "ls", "--filter", f"reference={repository}", "--format"]
        listed = ask([*argv, "{{.Repository}}:{{.Tag}}\t{{.ID}}\t{{.Size}}\t{{.CreatedSince}}"])
        if listed.code != 0:
            raise NotReady(f"{self.client.program} does not list its images", why=listed.error.strip())
        return [LocalImage(*line.split("\t")) for line in listed.out.splitlines() if line.strip()]

    def _recorded_digest(self, ref: str) -> str | None:
        """The digest that docker noted at the push; podman notes one of its own, which the registry may not share."""
        if self.client.dialect == "podman":
            return None
        found = ask([self.client.program, "image", "inspect", "--format", "{{json .RepoDigests}}", ref])
        repository = ref.rpartition(":")[0]
        digests = json.loads(found.out) or [] if found.code == 0 else []
        return next((d.partition("@")[2] for d in digests if d.startswith(f"{repository}@")), None)


def build_argv(client: Client, builder: Builder, build: Build) -> list[str]:
    """`docker build --rm --platform linux/amd64 -t REF … CONTEXT`, as each builder wants it said."""
    return [
        client.program,
        *(["buildx"] if builder == "buildx" else []),
        "build",
        "--rm",
        *OPTIONS[builder],
        "--platform",
        build.plan.platform,
        "-t",
        build.ref,
        *(f"--label={key}={value}" for key, value in sorted(build.labels.items())),
        *build.options,
        str(build.context),
    ]


def build_environment(builder: Builder) -> Mapping[str, str]:
    """Say which builder is meant, whatever the user's environment says."""
    if builder == "buildah":
        return {}
    return {"DOCKER_BUILDKIT": "0" if builder == "legacy" else "1", **NO_ATTESTATIONS}


def login_argv(client: Client, host: str, user: str, logins: Folder) -> list[str]:
    """The password comes on stdin: arguments can be read by every user of the machine."""
    return [client.program, "login", *_podman_options(client, host, logins), host, "-u", user, "--password-stdin"]


def push_argv(client: Client, ref: str, logins: Folder) -> list[str]:
    return [client.program, "push", *_podman_options(client, ref.partition("/")[0], logins), ref]


def login_environment(logins: Folder) -> Mapping[str, str]:
    """docker's way to use the private folder; podman is told by an option."""
    return {"DOCKER_CONFIG": str(logins.path.absolute())}


def layers_sent(output: str) -> str:
    """`1 of 9 layers sent`, read from what a push without a terminal writes; empty if it says nothing of layers."""
    states = [line.partition(": ")[2] for line in output.splitlines()]
    sent = states.count("Pushed")
    there = sum(1 for state in states if state == "Layer already exists" or state.startswith("Mounted from"))
    return f"{sent} of {sent + there} layers sent" if sent + there else ""


def _podman_options(client: Client, host: str, logins: Folder) -> list[str]:
    if client.dialect == "docker":
        return []
    return [f"--authfile={logins.file}", *(["--tls-verify=false"] if is_loopback(host) else [])]


def _is_unauthorised(text: str) -> bool:
    return any(sign in text.lower() for sign in UNAUTHORISED)


def _major(version: str) -> int:
    first = version.partition(".")[0]
    return int(first) if first.isdigit() else 0
