"""A base image from a registry like Docker Hub: tokens for everybody from one host, and layers from another."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from spcs.errors import BuildFailed
from spcs.image.credentials import Credentials, Folder
from spcs.image.retries import Retries
from spcs.image.wheels.source import BaseImage, BaseName, RegistrySource, open_base
from tests.wheels import make_base

SCOPE = "repository:library/python:pull"


class Hub:
    """Serves the OCI layout `folder` as `library/python:3.11`; `seen` are the requests with their authorization.

    `registry`, `login` and `store` are three hosts. The store cuts off the first answer for each layer in the middle.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.seen: list[tuple[str, str, str]] = []
        self.cut: set[str] = set()
        self.token = "for everybody"
        self.registry = self.login = self.store = ""

    def blob(self, digest: str) -> bytes:
        return (self.folder / "blobs" / digest.replace(":", "/")).read_bytes()


class Handler(BaseHTTPRequestHandler):
    hub: Hub
    part: str

    def do_GET(self) -> None:
        self.hub.seen.append((self.part, self.path, self.headers.get("Authorization", "")))
        getattr(self, self.part)()

    def registry(self) -> None:
        hub = self.hub
        if self.headers.get("Authorization") != f"Bearer {hub.token}":
            realm = f'Bearer realm="http://{hub.login}/token",service="registry.docker.io",scope="{SCOPE}"'
            return self.answer(401, b"", {"WWW-Authenticate": realm})
        kind, reference = self.path.removeprefix("/v2/library/python/").split("/")
        if kind == "blobs":
            return self.answer(307, b"", {"Location": f"http://{hub.store}/{reference}?signature=1"})
        index = (hub.folder / "index.json").read_bytes()
        self.answer(200, index if reference == "3.11" else hub.blob(reference))

    def login(self) -> None:
        assert self.path == "/token?service=registry.docker.io&scope=repository%3Alibrary%2Fpython%3Apull"
        self.answer(200, json.dumps({"token": self.hub.token}).encode())

    def store(self) -> None:
        digest = self.path[1:].partition("?")[0]
        content = self.hub.blob(digest)
        start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").removesuffix("-"))
        if digest not in self.hub.cut:
            self.hub.cut.add(digest)
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: len(content) // 2])
            return
        self.answer(206 if start else 200, content[start:])

    def answer(self, status: int, content: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving(hub: Hub, part: str) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Part", (Handler,), {"hub": hub, "part": part}))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    hub = Hub(make_base(tmp_path / "base"))
    with contextlib.ExitStack() as stack:
        parts = ("registry", "login", "store")
        hub.registry, hub.login, hub.store = [stack.enter_context(serving(hub, part)) for part in parts]
        yield hub


def opened(hub: Hub, folder: Path, platform: str = "linux/amd64") -> BaseImage:
    base = f"{hub.registry}/library/python:3.11"
    return open_base(base, platform, folder, Folder(folder / "docker"), lambda _: None)


def test_base_is_read_with_the_token_that_everybody_gets(hub: Hub, tmp_path: Path) -> None:
    base = opened(hub, tmp_path)
    assert base.config["config"]["Env"][1] == "PYTHON_VERSION=3.11.9"
    assert len(base.layers) == 2
    assert len([1 for part, *_ in hub.seen if part == "login"]) == 1


def test_layer_that_is_cut_off_is_gone_on_with_and_no_token_reaches_the_store(hub: Hub, tmp_path: Path) -> None:
    said: list[str] = []
    name = BaseName(hub.registry, "library/python", "3.11")
    source = RegistrySource(name, None, said.append, Retries(first=0))
    layer = opened(hub, tmp_path).layers[0]
    into = tmp_path / "layer"

    source.blob(layer["digest"], layer["size"], into)

    assert f"sha256:{hashlib.sha256(into.read_bytes()).hexdigest()}" == layer["digest"]
    assert len(said) == 1
    assert "trying again" in said[0]
    assert {authorization for part, _, authorization in hub.seen if part == "store"} == {""}


def test_login_that_is_kept_for_the_host_is_used_and_goes_to_no_store(hub: Hub, tmp_path: Path) -> None:
    logins = Folder(tmp_path / "docker")
    logins.save(hub.registry, Credentials("me", "secret"))
    opened(hub, tmp_path)
    tokens = [authorization for part, _, authorization in hub.seen if part == "login"]
    assert tokens == [f"Basic {Credentials('me', 'secret').basic}"]
    assert "secret" not in {authorization for part, _, authorization in hub.seen if part == "store"}


def test_login_that_the_users_docker_keeps_is_used_where_there_is_none_here(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "users"))
    (tmp_path / "users").mkdir()
    kept = {"auths": {hub.registry: {"auth": Credentials("me", "users own").basic}}}
    (tmp_path / "users" / "config.json").write_text(json.dumps(kept))
    opened(hub, tmp_path)
    tokens = [authorization for part, _, authorization in hub.seen if part == "login"]
    assert tokens == [f"Basic {Credentials('me', 'users own').basic}"]
    assert [path.name for path in (tmp_path / "users").iterdir()] == ["config.json"]


def test_layer_of_other_bytes_is_refused_and_not_kept(hub: Hub, tmp_path: Path) -> None:
    base = opened(hub, tmp_path)
    blob = hub.folder / "blobs" / base.layers[0]["digest"].replace(":", "/")
    blob.write_bytes(bytes(blob.stat().st_size))
    hub.cut.add(base.layers[0]["digest"])
    with pytest.raises(BuildFailed, match="hashes to"):
        base.fetch(base.layers[0], tmp_path / "layer")
    assert not (tmp_path / "layer").exists()


def test_registry_that_gives_no_token_is_said_with_the_cure(hub: Hub, tmp_path: Path) -> None:
    hub.login = "registry.example.com"  # not by TLS, and not this machine: no login is sent there
    with pytest.raises(BuildFailed) as caught:
        opened(hub, tmp_path)
    assert caught.value.why.startswith("401")
    assert "image.base" in caught.value.fix
