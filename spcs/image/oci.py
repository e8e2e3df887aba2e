"""An image without a container engine: an OCI layout on disk, written and pushed by Python alone.

Its layers hold the code and nothing else: no base, no packages. Only the local account's process runtime can run it,
with the Python of this machine, and its label says so. The same files give the same bytes, and so the same digest.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import shutil
import tarfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

from spcs.image.commands import Say
from spcs.image.credentials import Credentials, Folder
from spcs.image.engines import Build, EngineFailed, LocalImage, Pushed
from spcs.image.inputs import DATE, TAG_LENGTH, ContextFile, ImagePlan, Kind
from spcs.image.progress import Layer, Tally, Watch, short
from spcs.image.registry import OCI_MANIFEST, Reference, Registry, RegistryRefusal

RUNTIME_LABEL: Final = "spcs.runtime"
CONFIG_TYPE: Final = "application/vnd.oci.image.config.v1+json"
LAYER_TYPE: Final = "application/vnd.oci.image.layer.v1.tar+gzip"
INDEX_TYPE: Final = "application/vnd.oci.image.index.v1+json"
REF_NAME: Final = "org.opencontainers.image.ref.name"
WORKING_DIR: Final = "/home/app"
ENVIRONMENT: Final = ("PYTHONUNBUFFERED=1", "PYTHONDONTWRITEBYTECODE=1")


@dataclass(frozen=True)
class Blob:
    """Bytes with the media type under which a manifest names them."""

    media_type: str
    content: bytes

    @property
    def digest(self) -> str:
        return f"sha256:{hashlib.sha256(self.content).hexdigest()}"

    @property
    def descriptor(self) -> dict[str, Any]:
        return {"mediaType": self.media_type, "digest": self.digest, "size": len(self.content)}


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
        index = _read_index(self.layout(ref))
        if index is None or index["annotations"][REF_NAME] != ref:
            return None
        manifest = json.loads(self._blob(ref, index["digest"]))
        return str(manifest["config"]["digest"])

    def find_alike(self, inputs: str) -> tuple[str, str] | None:
        for path in sorted(self.folder.glob(f"*-{inputs[:TAG_LENGTH]}/index.json")):
            index = _read_index(path.parent)
            ref = index["annotations"][REF_NAME] if index else ""
            image_id = self.find(ref) if ref else None
            if image_id:
                return image_id, ref
        return None

    def tag(self, other: str, ref: str) -> None:
        source, target = self.layout(other), self.layout(ref)
        if source != target:
            shutil.copytree(source, target, dirs_exist_ok=True)
        named = (_read_index(target) or {}) | {"annotations": {REF_NAME: ref}}
        new = target / f".index.{os.getpid()}"
        new.write_bytes(_index(named))
        new.replace(target / "index.json")

    def layout(self, ref: str) -> Path:
        """The folder of the image."""
        reference = Reference.parse(ref)
        return self.folder / f"{PurePosixPath(reference.repository).name}-{reference.tag}"

    def commands_to_build(self, build: Build) -> list[list[str]]:
        return []

    def build(self, build: Build, say: Say) -> str:
        layers = [layer(build.plan.files, path) for path in build.plan.code]
        config = configuration(build.plan, layers, build.labels)
        write_layout(self.layout(build.ref), build.ref, config, [_packed(content) for content in layers])
        return config.digest

    def commands_to_push(self, ref: str) -> list[list[str]]:
        return []

    def push(self, ref: str, say: Say, watch: Watch) -> Pushed:
        """Send the blobs the registry lacks, then the manifest."""
        reference = Reference.parse(ref)
        registry = Registry(reference.host, self.logins.load(reference.host))
        index = _read_index(self.layout(ref))
        if index is None:
            raise EngineFailed(f"{self.layout(ref)} holds no image")
        content = self._blob(ref, index["digest"])
        manifest = json.loads(content)
        layers = Tally(watch)
        try:
            sent = [self._send(registry, ref, blob, layers) for blob in manifest["layers"]]
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
        index = _read_index(path.parent)
        ref = index["annotations"][REF_NAME] if index else ""
        image_id = self.find(ref) if ref.startswith(f"{repository}:") else None
        if image_id is None:
            return None
        size = sum(file.stat().st_size for file in path.parent.rglob("*") if file.is_file())
        created = time.strftime("%Y-%m-%d %H:%M", time.localtime(path.stat().st_mtime))
        return LocalImage(ref, image_id.removeprefix("sha256:")[:12], f"{size / 1000:.1f}kB", created)

    def _blob(self, ref: str, digest: str) -> bytes:
        return _blob_path(self.layout(ref), digest).read_bytes()

    def _send(self, registry: Registry, ref: str, blob: dict[str, Any], watch: Watch) -> int:
        """Send one blob unless it is there; returns the bytes sent."""
        repository, digest, size = Reference.parse(ref).repository, blob["digest"], blob["size"]
        name = short(digest)
        if registry.has_blob(repository, digest):
            watch(Layer(name, "there"))
            return 0
        content = self._blob(ref, digest)
        registry.put_blob(repository, digest, content, lambda done: watch(Layer(name, "sending", done, size)))
        watch(Layer(name, "sent", size, size))
        return len(content)


def layer(files: Sequence[ContextFile], path: str) -> bytes:
    """The tar of one top-level path of the code, below the working directory; owned by root, one date for all."""
    wanted = [file for file in files if file.path == path or file.path.startswith(f"{path}/")]
    names = [PurePosixPath(WORKING_DIR.lstrip("/")) / file.path for file in wanted]
    folders = sorted({parent for name in names for parent in name.parents if parent.name})
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for folder in folders:
            tar.addfile(_entry(folder, tarfile.DIRTYPE, 0o755, 0))
        for name, file in zip(names, wanted, strict=True):
            entry = _entry(name, tarfile.REGTYPE, 0o755 if file.executable else 0o644, len(file.content))
            tar.addfile(entry, io.BytesIO(file.content))
    return out.getvalue()


def configuration(plan: ImagePlan, layers: Sequence[bytes], labels: dict[str, str]) -> Blob:
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
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(tar).hexdigest()}" for tar in layers]},
    }
    return Blob(CONFIG_TYPE, _json(values))


def write_layout(folder: Path, ref: str, config: Blob, layers: Sequence[Blob]) -> None:
    """Write the OCI layout, complete or not at all: others see the folder only when it is finished."""
    manifest = Blob(
        OCI_MANIFEST,
        _json(
            {
                "schemaVersion": 2,
                "mediaType": OCI_MANIFEST,
                "config": config.descriptor,
                "layers": [blob.descriptor for blob in layers],
            }
        ),
    )
    named = manifest.descriptor | {"annotations": {REF_NAME: ref}}
    new = folder.with_name(f".{folder.name}.{os.getpid()}")
    (new / "blobs" / "sha256").mkdir(parents=True)
    for blob in (manifest, config, *layers):
        _blob_path(new, blob.digest).write_bytes(blob.content)
    (new / "oci-layout").write_bytes(_json({"imageLayoutVersion": "1.0.0"}))
    (new / "index.json").write_bytes(_index(named))
    shutil.rmtree(folder, ignore_errors=True)
    new.rename(folder)


def _entry(name: PurePosixPath, kind: bytes, mode: int, size: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(str(name))
    entry.type, entry.mode, entry.size, entry.mtime = kind, mode, size, DATE
    return entry


def _packed(tar: bytes) -> Blob:
    return Blob(LAYER_TYPE, gzip.compress(tar, mtime=0))


def _blob_path(layout: Path, digest: str) -> Path:
    return layout / "blobs" / digest.replace(":", "/")


def _read_index(layout: Path) -> dict[str, Any] | None:
    """The descriptor of the layout's one image, None where there is none."""
    try:
        index = json.loads((layout / "index.json").read_text())
        return dict(index["manifests"][0])
    except (OSError, ValueError, LookupError, TypeError):
        return None


def _index(manifest: dict[str, Any]) -> bytes:
    return _json({"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": [manifest]})


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


def _json(values: object) -> bytes:
    return json.dumps(values, sort_keys=True, separators=(",", ":")).encode()
