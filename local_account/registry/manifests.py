"""What a manifest says: its kind, what it refers to, and the image that it stands for.

Docker's schema 2 and OCI say the same under other media types. An index (Docker: manifest list) names one manifest a
platform; builders with attestations add entries of the platform `unknown/unknown`, which are no images.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local_account.registry.store import Store, StoredManifest

INDEX_TYPES = frozenset(
    {"application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json"}
)
IMAGE_TYPES = frozenset(
    {"application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json"}
)


class InvalidManifest(ValueError):
    """The bytes are no manifest of a kind that this registry keeps."""


@dataclass(frozen=True)
class Layer:
    """One layer blob of an image."""

    digest: str
    media_type: str


@dataclass(frozen=True)
class Image:
    """An image: `digest` is what its tag points at, `manifest_digest` that of one platform (equal without an index).

    `config` is the image's configuration (`architecture`, `os`, `config.Entrypoint`, `config.Labels`, …).
    """

    digest: str
    manifest_digest: str
    config: Mapping[str, Any]
    layers: tuple[Layer, ...]
    config_digest: str = ""

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids that an engine which has the image may give it: docker's own store counts by the configuration."""
        return (self.config_digest, self.manifest_digest, self.digest)

    @property
    def architecture(self) -> str:
        return str(self.config.get("architecture", ""))

    @property
    def settings(self) -> Mapping[str, Any]:
        """What the image says about its process: Entrypoint, Cmd, Env, WorkingDir, User, Labels."""
        found = self.config.get("config")
        return found if isinstance(found, dict) else {}

    @property
    def labels(self) -> Mapping[str, str]:
        return self.settings.get("Labels") or {}


def read(content: bytes) -> dict[str, Any]:
    """Return the manifest as JSON; raises InvalidManifest for anything but schema version 2."""
    try:
        manifest = json.loads(content)
    except ValueError as error:
        raise InvalidManifest(f"the manifest is not JSON: {error}") from error
    if not isinstance(manifest, dict) or manifest.get("schemaVersion") != 2:
        raise InvalidManifest("only manifests of schemaVersion 2 are kept")
    return manifest


def media_type(content_type: str | None, manifest: Mapping[str, Any]) -> str:
    """Return the manifest's media type; its own word wins, OCI lets it be absent."""
    said = str(manifest.get("mediaType") or (content_type or "").partition(";")[0].strip())
    if said not in INDEX_TYPES | IMAGE_TYPES:
        raise InvalidManifest(f"media type '{said}' is neither an image manifest nor an index")
    return said


def references(content: bytes) -> list[str]:
    """Return the digests that a manifest refers to (configuration, layers, manifests of an index)."""
    manifest = json.loads(content)
    parts = [manifest.get("config"), *manifest.get("layers", ()), *manifest.get("manifests", ())]
    # A layer with `urls` is a foreign one: by definition it is fetched elsewhere and never pushed.
    return [part["digest"] for part in parts if isinstance(part, dict) and "digest" in part and not part.get("urls")]


def find_image(store: Store, name: str, reference: str, architecture: str) -> Image | None:
    """Return the image of a tag or digest for an architecture, or None if nothing is stored there.

    Without an entry for that architecture the first image is returned: the caller says what does not match.
    """
    tagged = store.manifest(name, reference)
    if tagged is None:
        return None
    chosen = _of_platform(store, name, tagged, architecture)
    manifest = json.loads(chosen.content)
    config = store.blob(manifest["config"]["digest"]) if "config" in manifest else None
    if config is None:
        return None
    layers = tuple(Layer(layer["digest"], layer.get("mediaType", "")) for layer in manifest.get("layers", ()))
    content = json.loads(config.read_bytes())
    return Image(tagged.digest, chosen.digest, content, layers, manifest["config"]["digest"])


def _of_platform(store: Store, name: str, tagged: StoredManifest, architecture: str) -> StoredManifest:
    if tagged.media_type not in INDEX_TYPES:
        return tagged
    entries = [entry for entry in json.loads(tagged.content)["manifests"] if _platform(entry) != "unknown"]
    entries.sort(key=lambda entry: _platform(entry) != architecture)
    found = (store.manifest(name, entry["digest"]) for entry in entries)
    return next((manifest for manifest in found if manifest is not None), tagged)


def _platform(entry: Mapping[str, Any]) -> str:
    return str((entry.get("platform") or {}).get("architecture", "unknown"))
