"""docker and podman by their command lines: pure functions make the arguments, `ContainerEngine` runs them."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Final, Literal

from spcs.errors import NotReady
from spcs.image import saved
from spcs.image.apart import is_apart
from spcs.image.commands import Say, ask, follow, follow_display
from spcs.image.credentials import Credentials, Folder
from spcs.image.display import Reader
from spcs.image.engines import INPUTS_LABEL, Build, Client, EngineFailed, LocalImage, Pushed
from spcs.image.inputs import Kind, stage
from spcs.image.oci import failed_by, log_in_from_here
from spcs.image.progress import Tally, Watch
from spcs.image.registry import Reference, Registry, RegistryRefusal, is_loopback

Builder = Literal["buildx", "buildkit", "buildah", "legacy"]
UNAUTHORISED: Final = ("unauthorized", "authentication required", "no basic auth credentials")
#: What engines say of a registry, or a line to it, that is down for the moment.
PASSING: Final = re.compile(
    r"connection reset|broken pipe|unexpected eof|: eof\b|i/o timeout|timeout exceeded|tls handshake timeout|"
    r"use of closed network connection|goaway|too ?many ?requests|temporary failure in name resolution|"
    r"(?:status(?: code)?:?|http status:?|server error:?) \"?(?:429|50[0234])\b",
    re.IGNORECASE,
)
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
        self._here: dict[str, str] = {}  # images by their names: what this process has seen or made stays

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
        if ref not in self._here:
            found = ask([self.client.program, "image", "inspect", "--format", "{{.Id}}", ref])
            if found.code == 0:
                self._here[ref] = found.out.strip()
        return self._here.get(ref)

    def find_alike(self, inputs: str) -> tuple[str, str] | None:
        argv = [self.client.program, "image", "ls", "--no-trunc", "--filter", f"label={INPUTS_LABEL}={inputs}"]
        listed = ask([*argv, "--format", "{{.ID}}\t{{.Repository}}:{{.Tag}}"])
        named = [line.split("\t") for line in listed.out.splitlines() if "<none>" not in line]
        return (named[0][0], named[0][1]) if named else None

    def tag(self, other: str, ref: str) -> None:
        done = ask([self.client.program, "tag", other, ref])
        if done.code != 0:
            raise EngineFailed(done.error.strip())

    def commands_to_build(self, build: Build) -> list[list[str]]:
        return [build_argv(self.client, self.builder, build)]

    def build(self, build: Build, say: Say) -> str:
        stage(build.plan, dockerfile_of(self.builder, build), build.context)
        done = follow(build_argv(self.client, self.builder, build), say, env=build_environment(self.builder))
        image_id = self.find(build.ref) if done.code == 0 else None
        if image_id is None:
            raise EngineFailed(done.error, shown=done.short)
        return image_id

    @cached_property
    def is_apart(self) -> bool:
        """Does the engine not reach this machine's loopback? Asked only when that is where an image goes."""
        return is_apart(self.client)

    def commands_to_push(self, ref: str) -> list[list[str]]:
        host = ref.partition("/")[0]
        if is_loopback(host) and self.is_apart:
            return [save_argv(self.client, ref, self._saved)]
        return [login_argv(self.client, host, "0sessiontoken", self.logins), push_argv(self.client, ref, self.logins)]

    def push(self, ref: str, say: Say, watch: Watch) -> Pushed:
        """As `Engine.push`; from here, where the engine does not reach the registry of this machine's account."""
        host = ref.partition("/")[0]
        if is_loopback(host):
            if self.is_apart:
                return self._push_from_here(ref, watch)
            try:
                return self._push(ref, say, watch)
            except EngineFailed as failed:
                if not self._is_out_of_reach(host, failed.detail):
                    raise
            say(f"the engine does not reach {host}, though this machine does: the image is sent from here")
            return self._push_from_here(ref, watch)
        return self._push(ref, say, watch)

    def login(self, host: str, credentials: Credentials) -> None:
        if is_loopback(host) and self.is_apart:
            return log_in_from_here(host, credentials, self.logins)
        self.logins.prepare(host)
        done = ask(
            login_argv(self.client, host, credentials.user, self.logins),
            env=login_environment(self.logins),
            stdin=credentials.password,
        )
        if done.code == 0:
            return
        if self._is_out_of_reach(host, done.error):
            return log_in_from_here(host, credentials, self.logins)
        raise EngineFailed(done.error.strip(), unauthorised=_is_unauthorised(done.error))

    def _push(self, ref: str, say: Say, watch: Watch) -> Pushed:
        self.logins.prepare(ref.partition("/")[0])
        layers = Tally(watch)
        reader = Reader(self.client.dialect, say, layers)
        done = follow_display(push_argv(self.client, ref, self.logins), reader, env=login_environment(self.logins))
        if done.code != 0:
            raise EngineFailed(done.error, unauthorised=_is_unauthorised(done.error), passes=_passes(done.error))
        return Pushed(reader.digest, str(layers))

    def _push_from_here(self, ref: str, watch: Watch) -> Pushed:
        reference, layers = Reference.parse(ref), Tally(watch)
        platform = ask([self.client.program, "image", "inspect", "--format", "{{.Os}}/{{.Architecture}}", ref])
        self._saved.parent.mkdir(parents=True, exist_ok=True)
        try:
            done = follow(save_argv(self.client, ref, self._saved), lambda _: None)
            if done.code != 0:
                raise EngineFailed(done.error)
            with saved.opened(self._saved, platform.out.strip()) as image:
                registry = Registry(reference.host, self.logins.load(reference.host))
                return Pushed(saved.send(image, registry, reference, layers), str(layers))
        except RegistryRefusal as refusal:
            raise failed_by(refusal) from refusal
        finally:
            self._saved.unlink(missing_ok=True)

    @property
    def _saved(self) -> Path:
        """Where an image lies between the engine and us."""
        return self.logins.path.parent / f"saved-{os.getpid()}.tar"

    def _is_out_of_reach(self, host: str, complaint: str) -> bool:
        """Does this machine reach its own loopback where the engine found nobody, whatever that reports of itself?"""
        if not is_loopback(host) or "connection refused" not in complaint.lower():
            return False
        try:
            Registry(host, self.logins.load(host)).check()
        except RegistryRefusal as refusal:
            return refusal.status != 0
        return True

    def images(self, repository: str) -> list[LocalImage]:
        argv = [self.client.program, "image", "ls", "--filter", f"reference={repository}", "--format"]
        listed = ask([*argv, "{{.Repository}}:{{.Tag}}\t{{.ID}}\t{{.Size}}\t{{.CreatedSince}}"])
        if listed.code != 0:
            raise NotReady(f"{self.client.program} does not list its images", why=listed.error.strip())
        return [LocalImage(*line.split("\t")) for line in listed.out.splitlines() if line.strip()]


def dockerfile_of(builder: Builder, build: Build) -> str:
    """The Dockerfile that the builder gets. The legacy one starts a container for each label of its command line, so
    it has them here, all in one line."""
    if builder != "legacy":
        return build.plan.dockerfile_buildkit
    labels = " ".join(f"{key}={_quoted(value)}" for key, value in sorted(build.labels.items()))
    return f"{build.plan.dockerfile}LABEL {labels}\n" if labels else build.plan.dockerfile


def _quoted(value: str) -> str:
    return '"' + re.sub(r'[\\"$]', r"\\\g<0>", value) + '"'


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
        *(f"--label={key}={value}" for key, value in sorted(build.labels.items()) if builder != "legacy"),
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


def save_argv(client: Client, ref: str, file: Path) -> list[str]:
    """podman's own format is docker's of old, which knows no compressed layers; OCI keeps them as they are."""
    return [
        client.program,
        "save",
        *(["--format=oci-archive"] if client.dialect == "podman" else []),
        "-o",
        str(file),
        ref,
    ]


def login_environment(logins: Folder) -> Mapping[str, str]:
    """docker's way to use the private folder; podman is told by an option."""
    return {"DOCKER_CONFIG": str(logins.path.absolute())}


def _podman_options(client: Client, host: str, logins: Folder) -> list[str]:
    if client.dialect == "docker":
        return []
    return [f"--authfile={logins.file}", *(["--tls-verify=false"] if is_loopback(host) else [])]


def _is_unauthorised(text: str) -> bool:
    return any(sign in text.lower() for sign in UNAUTHORISED)


def _passes(text: str) -> bool:
    return PASSING.search(text) is not None


def _major(version: str) -> int:
    first = version.partition(".")[0]
    return int(first) if first.isdigit() else 0
