"""OCI image layouts: folders with one image each, whose blobs lie in `blobs/sha256` under their digests."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from spcs.image.registry import OCI_MANIFEST

CONFIG_TYPE: Final = "application/vnd.oci.image.config.v1+json"
INDEX_TYPE: Final = "application/vnd.oci.image.index.v1+json"
REF_NAME: Final = "org.opencontainers.image.ref.name"


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


def manifest_of(config: Blob, layers: Sequence[Mapping[str, Any]]) -> Blob:
    """The manifest of an image; `layers` are descriptors, the lowest first."""
    values = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config.descriptor, "layers": list(layers)}
    return Blob(OCI_MANIFEST, as_json(values))


def write_layout(folder: Path, ref: str, manifest: Blob, config: Blob, layers: Mapping[str, bytes | Path]) -> None:
    """Write a layout, complete or not at all: others see the folder only when it is finished.

    `layers` are bytes, or files that get a second name here, by digest.
    """
    new = folder.with_name(f".{folder.name}.{os.getpid()}")
    (new / "blobs" / "sha256").mkdir(parents=True)
    for digest, content in {manifest.digest: manifest.content, config.digest: config.content, **layers}.items():
        place = blob_path(new, digest)
        place.write_bytes(content) if isinstance(content, bytes) else link(content, place)
    (new / "oci-layout").write_bytes(as_json({"imageLayoutVersion": "1.0.0"}))
    write_index(new, manifest.descriptor | {"annotations": {REF_NAME: ref}})
    shutil.rmtree(folder, ignore_errors=True)
    new.rename(folder)


def write_index(layout: Path, descriptor: Mapping[str, Any]) -> None:
    """Say which image is in the layout, at once for whoever reads it."""
    new = layout / f".index.{os.getpid()}"
    new.write_bytes(as_json({"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": [descriptor]}))
    new.replace(layout / "index.json")


def read_index(layout: Path) -> dict[str, Any] | None:
    """The descriptor of the layout's one image, None where there is none."""
    try:
        index = json.loads((layout / "index.json").read_text())
        return dict(index["manifests"][0])
    except (OSError, ValueError, LookupError, TypeError):
        return None


def blob_path(layout: Path, digest: str) -> Path:
    return layout / "blobs" / digest.replace(":", "/")


def link(file: str | Path, name: str | Path) -> None:
    """Give a file a second name, or copy it where that cannot be; a name that is there stays."""
    if not Path(name).exists():
        try:
            os.link(file, name)
        except OSError:
            shutil.copyfile(file, name)


def as_json(values: object) -> bytes:
    """The same values as the same bytes."""
    return json.dumps(values, sort_keys=True, separators=(",", ":")).encode()
