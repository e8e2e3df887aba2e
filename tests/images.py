"""What tests of images share: a small project to build, and the local account's registry, served on its own."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Mount
from starlette.types import ASGIApp

from local_account.registry import Registry, Store
from spcs import pins as pinning
from spcs.image import ImagePlan, collect, requirement_files
from spcs.lock import Inputs, Lock, Requirement
from spcs.render import render
from tests.support import REPO

MAIN = """\
import os, signal, sys, time
def leave(*_):
    print("asked to stop", flush=True)
    sys.exit(75)
signal.signal(signal.SIGTERM, leave)
print("uid", os.getuid(), "pid", os.getpid(), "cwd", os.getcwd(), *sys.argv[1:], flush=True)
if "wait" in sys.argv:
    time.sleep(60)
"""


# The sha256 of the wheels of some small packages (one heavy by its name alone), and one of no package.
WHEELS = {
    "six==1.16.0": "8abb2f1d86890a2dfb989f9a77cfcfd3e47c2a354b01111771326f8aa26e0254",
    "six==1.17.0": "4721f391ed90541fddacab5acf947aa0d3dc7d27b2e1e8eda2be8970586c3274",
    "nvidia-nvtx-cu12==12.4.127": "781e950d9b9f60d8241ccea575b32f5105a5baf4c2351cab5256a24869f12a1a",
    "packaging==26.0": "b36f1fef9334a5588b4166f8bcd26a14e521f2b55e6b9de3aaa80d3ff7a37529",
}
NO_WHEEL = "0" * 64


def lock_of(pins: dict[str, str]) -> Lock:
    """The lock of packages that need no others; none but those of WHEELS can be installed from it."""
    lines = pinning.lines(pins)
    found = [(pinning.plain(line), line.partition("==")[2], WHEELS.get(line, NO_WHEEL)) for line in lines]
    requirements = (Requirement(name, version, (f"sha256:{digest}",)) for name, version, digest in found)
    return Lock(Inputs("cpu", "3.11", "linux/amd64", lines), tuple(requirements))


def write_code(root: Path) -> None:
    """A program in `app/`, with things beside it that belong in no image."""
    (root / "app").mkdir(parents=True)
    (root / "app" / "__init__.py").write_text("")
    (root / "app" / "__main__.py").write_text(MAIN)
    (root / "app" / "tool.sh").write_text("#!/bin/sh\necho tool\n")
    (root / "app" / "tool.sh").chmod(0o700)
    (root / "app" / "__pycache__").mkdir()
    (root / "app" / "__pycache__" / "__main__.cpython-311.pyc").write_bytes(b"stale")
    (root / "app" / "old.pyc").write_bytes(b"stale")
    (root / "app" / ".env").write_text("PASSWORD=secret\n")


def make_plan(
    root: Path,
    *,
    repository_url: str = "127.0.0.1:5000/db/schema/images",
    base: str = "debian:12",
    pins: dict[str, str] | None = None,
    code: tuple[str, ...] = ("app",),
    labels: dict[str, str] | None = None,
    apt: tuple[str, ...] = (),
    name: str = "training",
    options: tuple[str, ...] = (),
) -> ImagePlan:
    """The plan of an image of the code in `root`."""
    lock = lock_of({"six": "1.17.0"} if pins is None else pins)
    values = {
        "base": base, "apt": apt, "heavy": [each.pin for each in lock.heavy],
        "light": [each.pin for each in lock.light], "indexes": (), "code": code, "labels": {},
        "entrypoint": ("python", "-m", "app"),
    }  # fmt: skip
    return ImagePlan(
        repository_url=repository_url,
        name=name,
        base=base,
        dockerfile=render(REPO, "Dockerfile.j2", {**values, "buildkit": False}),
        dockerfile_buildkit=render(REPO, "Dockerfile.j2", {**values, "buildkit": True}),
        files=(*collect(root, code), *requirement_files(lock)),
        code=code,
        entrypoint=("python", "-m", "app"),
        lock=lock,
        labels=labels or {},
        options=options,
    )


@dataclass
class Door:
    """Who may enter the registry. `token()` issues a session token; `expire()` ends all of them."""

    valid: set[str] = field(default_factory=set)
    issued: int = 0
    blind: bool = False  # nobody may look, whoever they are

    def token(self) -> str:
        self.issued += 1
        self.valid.add(f"token-{self.issued}")
        return json.dumps({"token": f"token-{self.issued}", "expires_in": 3600})

    def expire(self) -> None:
        self.valid.clear()

    def admits(self, authorization: str) -> bool:
        kind, _, text = authorization.partition(" ")
        if kind != "Basic":
            return False
        user, _, password = base64.b64decode(text).decode().partition(":")
        return user == "0sessiontoken" and json.loads(password)["token"] in self.valid

    def has_repository(self, database: str, schema: str, name: str) -> bool:
        return (database, schema, name) == ("db", "schema", "images")


@dataclass
class Served:
    """A registry that answers at `host`; `seen` are its requests as `METHOD /path`, `blobs` is where it keeps them."""

    host: str
    door: Door
    seen: list[str]
    blobs: Path

    @property
    def repository_url(self) -> str:
        return f"{self.host}/db/schema/images"


@contextmanager
def registry(folder: Path) -> Iterator[Served]:
    """The local account's registry over HTTP, with one image repository: DB.SCHEMA.IMAGES."""
    door, seen = Door(), list[str]()
    app = Starlette(routes=[Mount("/v2", Registry(Store(folder), door).app())])

    async def noting(scope, receive, send):  # type: ignore[no-untyped-def]
        if scope["type"] == "http":
            seen.append(f"{scope['method']} {scope['path']}")
            if door.blind and scope["method"] == "HEAD" and "/manifests/" in scope["path"]:
                return await Response(status_code=403)(scope, receive, send)
        await app(scope, receive, send)

    with serve(noting) as host:
        yield Served(host, door, seen, folder / "blobs")


@contextmanager
def serve(app: ASGIApp) -> Iterator[str]:
    """Serve `app` on a free port of the loopback; gives `127.0.0.1:port`."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started and thread.is_alive():
            time.sleep(0.01)
        host, port = server.servers[0].sockets[0].getsockname()[:2]
        yield f"{host}:{port}"
    finally:
        server.should_exit = True
        thread.join()
