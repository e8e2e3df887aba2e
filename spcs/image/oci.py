"""An image without a container engine: an OCI layout on disk, written and pushed by Python alone.

Its layers hold the code and nothing else: no base, no packages. Only the local account's process runtime can run it,
with the Python of this machine, and its label says so. The same files give the same bytes, and so the same digest.
"""

from __future__ import annotations

import io
import json
import shutil
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import Any, Final

from spcs.image.commands import Say
from spcs.image.credentials import Credentials, Folder
from spcs.image.engines import Build, EngineFailed, LocalImage, Pushed
from spcs.image.inputs import TAG_LENGTH, ContextFile, ImagePlan, Kind
from spcs.image.layers import Layer, Writer
from spcs.image.layout import (
    CONFIG_TYPE,
    REF_NAME,
    Blob,
    as_json,
    blob_path,
    link,
    manifest_of,
    read_index,
    write_index,
    write_layout,
)
from spcs.image.progress import Layer as Progress
from spcs.image.progress import Tally, Watch, short
from spcs.image.registry import Reference, Registry, RegistryRefusal

RUNTIME_LABEL: Final = "spcs.runtime"
LAYERS_AT_ONCE: Final = 4
WORKING_DIR: Final = "/home/app"
ENVIRONMENT: Final = ("PYTHONUNBUFFERED=1", "PYTHONDONTWRITEBYTECODE=1")


class OciEngine:
    """Images as folders `.spcs/images/<name>-<tag>/`, each an OCI image layout."""

    kind: Kind = "process"
    name = "none"
    builder = "none"

    def __init__(self, folder: Path, logins: Folder, reason: str) -> None:
        self.folder = folder
        self.logins = logins
        self.reason = reason

    def find(self, ref: str) -> str | None:
        index = read_index(self.layout(ref))
        if index is None or index["annotations"][REF_NAME] != ref:
            return None
        manifest = json.loads(self._blob(ref, index["digest"]))
        return str(manifest["config"]["digest"])

    def find_alike(self, inputs: str) -> tuple[str, str] | None:
        for path in sorted(self.folder.glob(f"*-{inputs[:TAG_LENGTH]}/index.json")):
            index = read_index(path.parent)
            ref = index["annotations"][REF_NAME] if index else ""
            image_id = self.find(ref) if ref else None
            if image_id:
                return image_id, ref
        return None

    def tag(self, other: str, ref: str) -> None:
        source, target = self.layout(other), self.layout(ref)
        if source != target:
            shutil.copytree(source, target, dirs_exist_ok=True, copy_function=link)
        write_index(target, (read_index(target) or {}) | {"annotations": {REF_NAME: ref}})

    def layout(self, ref: str) -> Path:
        """The folder of the image."""
        reference = Reference.parse(ref)
        return self.folder / f"{PurePosixPath(reference.repository).name}-{reference.tag}"

    def commands_to_build(self, build: Build) -> list[list[str]]:
        return []

    def build(self, build: Build, say: Say) -> str:
        made = [layer(build.plan.files, path) for path in build.plan.code]
        layers = [each for each, _ in made]
        config = configuration(build.plan, layers, build.labels)
        manifest = manifest_of(config, [each.descriptor for each in layers])
        write_layout(self.layout(build.ref), build.ref, manifest, config, {each.digest: blob for each, blob in made})
        return config.digest

    def commands_to_push(self, ref: str) -> list[list[str]]:
        return []

    def push(self, ref: str, say: Say, watch: Watch) -> Pushed:
        """Send the blobs the registry lacks, then the manifest."""
        reference = Reference.parse(ref)
        registry = Registry(reference.host, self.logins.load(reference.host))
        index = read_index(self.layout(ref))
        if index is None:
            raise EngineFailed(f"{self.layout(ref)} holds no image")
        content = self._blob(ref, index["digest"])
        manifest = json.loads(content)
        layers, distinct = Tally(watch), {blob["digest"]: blob for blob in manifest["layers"]}
        try:
            with ThreadPoolExecutor(LAYERS_AT_ONCE) as pool:
                sent = list(pool.map(lambda blob: self._send(registry, ref, blob, layers), distinct.values()))
            sent += [self._send(registry, ref, manifest["config"], lambda _: None)]
            registry.put_manifest(reference.repository, reference.tag, content)
        except RegistryRefusal as refusal:
            raise failed_by(refusal) from refusal
        return Pushed(index["digest"], f"{layers}, {sum(sent) + len(content)} bytes")

    def login(self, host: str, credentials: Credentials) -> None:
        log_in_from_here(host, credentials, self.logins)

    def images(self, repository: str) -> list[LocalImage]:
        name = PurePosixPath(repository).name
        found = sorted(self.folder.glob(f"{name}-*/index.json"), key=lambda path: path.stat().st_mtime, reverse=True)
        return [image for path in found if (image := self._listed(path, repository))]

    def _listed(self, path: Path, repository: str) -> LocalImage | None:
        index = read_index(path.parent)
        ref = index["annotations"][REF_NAME] if index else ""
        image_id = self.find(ref) if ref.startswith(f"{repository}:") else None
        if image_id is None:
            return None
        size = sum(file.stat().st_size for file in path.parent.rglob("*") if file.is_file())
        created = time.strftime("%Y-%m-%d %H:%M", time.localtime(path.stat().st_mtime))
        return LocalImage(ref, image_id.removeprefix("sha256:")[:12], f"{size / 1000:.1f}kB", created)

    def _blob(self, ref: str, digest: str) -> bytes:
        return blob_path(self.layout(ref), digest).read_bytes()

    def _send(self, registry: Registry, ref: str, blob: dict[str, Any], watch: Watch) -> int:
        """Send one blob unless it is there; returns the bytes sent."""
        repository, digest, size = Reference.parse(ref).repository, blob["digest"], blob["size"]
        name = short(digest)
        if registry.has_blob(repository, digest):
            watch(Progress(name, "there"))
            return 0
        content = blob_path(self.layout(ref), digest)
        registry.put_blob(repository, digest, content, lambda done: watch(Progress(name, "sending", done, size)))
        watch(Progress(name, "sent", size, size))
        return int(size)


def layer(files: Sequence[ContextFile], path: str) -> tuple[Layer, bytes]:
    """The layer of one top-level path of the code, below the working directory, and its blob."""
    out = io.BytesIO()
    writer = Writer(out, {})
    for file in files:
        if file.path == path or file.path.startswith(f"{path}/"):
            writer.file(f"{WORKING_DIR}/{file.path}", file.content, executable=file.executable)
    return writer.close(path), out.getvalue()


def configuration(plan: ImagePlan, layers: Sequence[Layer], labels: dict[str, str]) -> Blob:
    """The image's configuration: how to start it, and that only the process runtime can."""
    operating_system, _, architecture = plan.platform.partition("/")
    values = {
        "architecture": architecture,
        "os": operating_system,
        "config": {
            "Entrypoint": list(plan.entrypoint),
            "Env": list(ENVIRONMENT),
            "Labels": {**labels, RUNTIME_LABEL: "process"},
            "WorkingDir": WORKING_DIR,
        },
        "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
    }
    return Blob(CONFIG_TYPE, as_json(values))


def log_in_from_here(host: str, credentials: Credentials, logins: Folder) -> None:
    """Have the registry accept the login, and keep it as an engine would."""
    try:
        Registry(host, credentials).check()
    except RegistryRefusal as refusal:
        raise failed_by(refusal) from refusal
    logins.save(host, credentials)


def failed_by(refusal: RegistryRefusal) -> EngineFailed:
    """A refusal as the failure of whatever was under way."""
    return EngineFailed(str(refusal), unauthorised=refusal.status == 401, passes=refusal.passes)
