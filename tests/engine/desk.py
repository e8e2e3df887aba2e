"""What tests of real images share: a project, a docker client, and a registry to push to."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import IO, cast

import pytest

from spcs.image import ImagePlan, Receipt, build, detect, push
from spcs.image.docker import ContainerEngine
from spcs.image.progress import Layer
from spcs.image.retries import Retries
from tests.images import Served, make_plan, write_code
from tests.support import Client

OPTIONS = ("--network", "host")  # the base may reach its package index by this machine's network alone


class Desk:
    """A project folder, one docker client, and the registry it pushes to. `made` notes the images it builds."""

    def __init__(self, root: Path, base: str, served: Served, docker: Path, made: set[str]) -> None:
        self.root, self.base, self.served, self.docker, self.made = root, base, served, docker, made
        self.state = root / ".spcs"
        self.said: list[str] = []
        self.heard: list[Layer] = []
        if not root.exists():
            write_code(root)

    def plan(self, **settings: object) -> ImagePlan:
        settings = {"repository_url": self.served.repository_url, "base": self.base, "options": OPTIONS, **settings}
        return make_plan(self.root, **settings)  # type: ignore[arg-type]

    @property
    def engine(self) -> ContainerEngine:
        return cast(ContainerEngine, detect("docker", self.state, local_account=True))

    def build(self, plan: ImagePlan | None = None, dry: bool = False) -> Receipt:
        plan = plan or self.plan()
        say = self.said.append
        done = build(plan, self.engine, job="train", state=self.state, say=say, dry=dry)
        self.made.add(done.ref)
        return done

    def push(self, plan: ImagePlan | None = None) -> Receipt:
        return push(
            plan or self.plan(),
            self.engine,
            job="train",
            state=self.state,
            token=self.served.door.token,
            say=self.said.append,
            watch=self.heard.append,
            retries=Retries(3, sleep=lambda _: None),
        )

    def run(self, ref: str, *words: str, code: int = 0) -> str:
        done = subprocess.run(
            [str(self.docker), "run", "--rm", ref, *words], capture_output=True, text=True, check=False
        )
        assert done.returncode == code, done.stderr
        return done.stdout


def remove(docker: Path, images: set[str]) -> None:
    subprocess.run([str(docker), "image", "rm", "-f", *images], capture_output=True, check=False)
    images.clear()


def use(client: Client, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make `docker` mean this client."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / "docker").symlink_to(client.path)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


#: A docker that finds nobody on this machine's loopback, and may report another machine; the rest is the real one.
FAR = """\
#!/bin/sh
case " $* " in
    " info --format "*) exec {docker} info --format "$(echo "$3" | sed '{reports}')" ;;
    *" push "*127.0.0.1*|*" login "*127.0.0.1*|*" pull "*127.0.0.1*)
        echo 'Get "http://127.0.0.1:5000/v2/": dial tcp 127.0.0.1:5000: connect: connection refused' >&2; exit 1 ;;
esac
exec {docker} "$@"
"""
REPORTS = {
    "named": "s/{{.OperatingSystem}}/Docker Desktop/; s/{{.Name}}/docker-desktop/",
    "silent": "",
}


def far_docker(program: Path, docker: Path, reports: str) -> None:
    """Write a program that is a docker of REPORTS, with the engine of `docker`."""
    program.write_text(FAR.format(docker=docker, reports=REPORTS[reports]))
    program.chmod(0o755)


def listing(docker: Path, ref: str) -> dict[str, tuple[object, ...]]:
    """Every entry of the image's file system: kind, mode, owner, link target, sha256 of the content."""
    container = subprocess.run([str(docker), "create", ref], capture_output=True, text=True, check=True).stdout.strip()
    try:
        with subprocess.Popen([str(docker), "export", container], stdout=subprocess.PIPE) as export:
            return entries(cast(IO[bytes], export.stdout))
    finally:
        subprocess.run([str(docker), "rm", container], capture_output=True, check=True)


def entries(stream: IO[bytes]) -> dict[str, tuple[object, ...]]:
    found: dict[str, tuple[object, ...]] = {}
    with tarfile.open(fileobj=stream, mode="r|") as tar:
        for entry in tar:
            content = tar.extractfile(entry) if entry.isreg() else None
            digest = hashlib.sha256(content.read()).hexdigest() if content else ""
            found[entry.name] = (entry.type, entry.mode & 0o7777, entry.uid, entry.gid, entry.linkname, digest)
    return found
