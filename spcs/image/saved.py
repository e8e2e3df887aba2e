"""An image that `docker save` or `podman save` has written to a file, sent to a registry from there.

An engine in a virtual machine does not reach the loopback of the machine around it, where the local account's registry
listens: it hands the image over as a file, and that is sent by the OCI protocol. Nothing is compressed on the way: it
would take longer than it saves where both ends are one machine.
"""

from __future__ import annotations

import json
import os
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, cast

from spcs.image.layout import CONFIG_TYPE, Blob
from spcs.image.progress import Layer, Watch, short
from spcs.image.registry import OCI_MANIFEST, Reference, Registry
from spcs.image.transport import Source

PLAIN_LAYER: Final = "application/vnd.oci.image.layer.v1.tar"


@dataclass(frozen=True)
class Saved:
    """An image in a tar archive: its manifest, and where in the archive the blobs lie that this names."""

    archive: tarfile.TarFile
    media_type: str
    manifest: bytes
    members: dict[str, tarfile.TarInfo]

    @property
    def layers(self) -> list[str]:
        """The digests, lowest layer first; one that is used twice stands twice."""
        return [layer["digest"] for layer in json.loads(self.manifest)["layers"]]

    @property
    def config(self) -> str:
        return str(json.loads(self.manifest)["config"]["digest"])

    def source(self, digest: str) -> Source:
        member = self.members[digest]
        return Source(member.size, lambda: cast(IO[bytes], self.archive.extractfile(member)))


@contextmanager
def opened(path: Path, platform: str) -> Iterator[Saved]:
    """The image in the file; of several the one for `platform` (`linux/amd64`). Raises KeyError if it holds none."""
    with tarfile.open(path) as archive:
        members = {member.name: member for member in archive.getmembers()}
        found = _of_layout(archive, members, platform) if "index.json" in members else None
        yield found or _of_docker(archive, members)


def send(saved: Saved, registry: Registry, reference: Reference, watch: Watch) -> str:
    """Send what the registry lacks; returns the digest of the manifest. Raises RegistryRefusal."""
    for digest in dict.fromkeys(saved.layers):
        _send(saved, registry, reference.repository, digest, watch)
    _send(saved, registry, reference.repository, saved.config, lambda _: None)
    registry.put_manifest(reference.repository, reference.tag, saved.manifest, saved.media_type)
    return Blob(saved.media_type, saved.manifest).digest


def _send(saved: Saved, registry: Registry, repository: str, digest: str, watch: Watch) -> None:
    name = short(digest)
    if registry.has_blob(repository, digest):
        watch(Layer(name, "there"))
        return
    source = saved.source(digest)
    registry.put_blob(repository, digest, source, lambda done: watch(Layer(name, "sending", done, source.size)))
    watch(Layer(name, "sent", source.size, source.size))


def _of_layout(archive: tarfile.TarFile, members: dict[str, tarfile.TarInfo], platform: str) -> Saved | None:
    """The image of an OCI layout (docker since 25, `podman save --format oci-archive`), whose manifest is kept."""
    blobs = {
        f"sha256:{Path(name).name}": member for name, member in members.items() if name.startswith("blobs/sha256/")
    }
    descriptor = _chosen(json.loads(_read(archive, members["index.json"])), platform, blobs)
    if descriptor is not None and "manifests" in (index := json.loads(_read(archive, blobs[descriptor["digest"]]))):
        descriptor = _chosen(index, platform, blobs)
    if descriptor is None:
        return None
    return Saved(archive, descriptor["mediaType"], _read(archive, blobs[descriptor["digest"]]), blobs)


def _chosen(index: dict[str, Any], platform: str, blobs: dict[str, tarfile.TarInfo]) -> dict[str, Any] | None:
    """The entry for the platform, else the first, of those that the archive holds."""
    there = [entry for entry in index["manifests"] if entry["digest"] in blobs]
    there.sort(key=lambda entry: _platform(entry) != platform)
    return there[0] if there else None


def _platform(entry: dict[str, Any]) -> str:
    platform = entry.get("platform") or {}
    return f"{platform.get('os')}/{platform.get('architecture')}"


def _of_docker(archive: tarfile.TarFile, members: dict[str, tarfile.TarInfo]) -> Saved:
    """The image of docker's own format, which names plain layers by files: their digests are the configuration's."""
    (image, *_) = json.loads(_read(archive, members["manifest.json"]))
    config = Blob(CONFIG_TYPE, _read(archive, members[image["Config"]]))
    digests = json.loads(config.content)["rootfs"]["diff_ids"]
    found = {digest: _plain(members, name) for digest, name in zip(digests, image["Layers"], strict=True)}
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": config.descriptor,
        "layers": [{"mediaType": PLAIN_LAYER, "digest": digest, "size": found[digest].size} for digest in digests],
    }
    content = json.dumps(manifest, sort_keys=True, separators=(",", ":")).encode()
    return Saved(archive, OCI_MANIFEST, content, {**found, config.digest: members[image["Config"]]})


def _plain(members: dict[str, tarfile.TarInfo], name: str) -> tarfile.TarInfo:
    """The layer's file, which for a layer that is used twice is a link to the first."""
    member = members[name]
    return members[os.path.normpath(Path(name).parent / member.linkname)] if member.issym() else member


def _read(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    return cast(IO[bytes], archive.extractfile(member)).read()
