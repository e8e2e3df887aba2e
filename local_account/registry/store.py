"""Blobs and manifests on disk, addressed by their sha256.

Layout under the root: `blobs/<2 hex>/<64 hex>` (bytes, also of manifests), `uploads/<id>` (bytes of an unfinished
blob), `images/<db>/<schema>/<repository>/<image>/_manifests/<64 hex>` (the media type of a manifest that this image
has) and `…/_tags/<tag>` (a digest); no part of an image's name may begin with an underscore. Every file appears whole,
by rename: a killed server leaves at most an unfinished upload. Names are lower-case paths
`db/schema/repository/image`; digests are `sha256:<64 hex>`.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hashlib import _Hash

DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_PART = r"[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*"
NAME = re.compile(rf"{_PART}(?:/{_PART}){{3,}}")
_UPLOAD = re.compile(r"[0-9a-f]{32}")
_CHUNK = 1 << 20
_STALE_SECONDS = 3600.0


class DigestMismatch(ValueError):
    """The bytes sent are not those that the digest names."""


@dataclass
class Upload:
    """An unfinished blob: its hash runs along with the bytes, so that a finished one is not read again."""

    path: Path
    size: int = 0
    hash: _Hash = field(default_factory=hashlib.sha256)

    def append(self, data: bytes) -> None:
        with self.path.open("ab") as file:
            file.write(data)
        self.hash.update(data)
        self.size += len(data)


@dataclass(frozen=True)
class StoredManifest:
    """A manifest as it was pushed: `content` hashes to `digest`."""

    digest: str
    media_type: str
    content: bytes


class Store:
    """The registry's files. Not bound to an event loop; every method may be called from any thread."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._uploads: dict[str, Upload] = {}
        for name in ("blobs", "uploads", "images"):
            (root / name).mkdir(parents=True, exist_ok=True)

    def blob(self, digest: str) -> Path | None:
        """Return the file of a blob, or None if there is none of that digest."""
        if not DIGEST.fullmatch(digest):
            return None
        path = self._blob_path(digest)
        return path if path.is_file() else None

    def start_upload(self) -> str:
        """Open an upload and return its id."""
        upload = secrets.token_hex(16)
        path = self.root / "uploads" / upload
        path.touch()
        self._uploads[upload] = Upload(path)
        return upload

    def upload(self, upload: str) -> Upload | None:
        """Return an open upload; one begun before a restart is read once to take up its hash again."""
        if upload in self._uploads or not _UPLOAD.fullmatch(upload):
            return self._uploads.get(upload)
        path = self.root / "uploads" / upload
        if not path.is_file():
            return None
        with path.open("rb") as file:
            hashed = hashlib.file_digest(file, "sha256")
        self._uploads[upload] = Upload(path, path.stat().st_size, hashed)
        return self._uploads[upload]

    def finish_upload(self, upload: str, digest: str) -> None:
        """Turn an upload into a blob; raises DigestMismatch (and forgets the bytes) if they do not hash to `digest`."""
        unfinished = self._uploads.pop(upload)
        found = f"sha256:{unfinished.hash.hexdigest()}"
        if found != digest:
            unfinished.path.unlink(missing_ok=True)
            raise DigestMismatch(f"the bytes hash to {found}, not {digest}")
        target = self._blob_path(digest)
        target.parent.mkdir(exist_ok=True)
        _sync(unfinished.path)
        unfinished.path.replace(target)

    def cancel_upload(self, upload: str) -> bool:
        """Forget an upload; False if there is none."""
        unfinished = self.upload(upload)
        if unfinished is None:
            return False
        del self._uploads[upload]
        unfinished.path.unlink(missing_ok=True)
        return True

    def put_manifest(self, name: str, media_type: str, content: bytes, tag: str | None) -> str:
        """Keep a manifest under an image, point `tag` at it, and return its digest."""
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        _write(self._blob_path(digest), content)
        _write(self._image(name) / "_manifests" / _hex(digest), media_type.encode())
        if tag is not None:
            _write(self._image(name) / "_tags" / tag, digest.encode())
        return digest

    def manifest(self, name: str, reference: str) -> StoredManifest | None:
        """Return the manifest that a tag or digest of an image names, or None."""
        digest = reference if DIGEST.fullmatch(reference) else self._tag(name, reference)
        if digest is None:
            return None
        media_type = _read(self._image(name) / "_manifests" / _hex(digest))
        content = _read(self._blob_path(digest))
        if media_type is None or content is None:
            return None
        return StoredManifest(digest, media_type.decode(), content)

    def tags(self, name: str) -> list[str]:
        """Return the tags of an image in order of name."""
        folder = self._image(name) / "_tags"
        return sorted(entry.name for entry in folder.iterdir()) if folder.is_dir() else []

    def tagged(self, repository: str) -> Iterator[tuple[str, str, str, float]]:
        """Yield (image, tag, digest, time of the push in seconds) for a repository `db/schema/repository`."""
        folder = self._image(repository)
        for tags in sorted(folder.glob("**/_tags")):
            image = tags.parent.relative_to(folder).as_posix()
            for entry in sorted(tags.iterdir()):
                yield image, entry.name, entry.read_text(), entry.stat().st_mtime

    def drop(self, repository: str) -> None:
        """Remove a repository `db/schema/repository` and the blobs that nothing refers to any more."""
        shutil.rmtree(self._image(repository), ignore_errors=True)
        self._sweep()

    def _sweep(self) -> None:
        from local_account.registry.manifests import references

        kept: set[str] = set()
        for entry in (self.root / "images").glob("**/_manifests/*"):
            content = _read(self._blob_path(f"sha256:{entry.name}"))
            kept.add(entry.name)
            kept.update(_hex(digest) for digest in references(content or b"{}"))
        # A push sends its blobs before the manifest that names them: a young one may belong to a push under way.
        horizon = time.time() - _STALE_SECONDS
        for entry in (self.root / "blobs").glob("*/*"):
            if entry.name not in kept and entry.stat().st_mtime < horizon:
                entry.unlink(missing_ok=True)

    def _tag(self, name: str, tag: str) -> str | None:
        content = _read(self._image(name) / "_tags" / tag) if TAG.fullmatch(tag) else None
        return content.decode() if content is not None else None

    def _image(self, name: str) -> Path:
        return self.root / "images" / name

    def _blob_path(self, digest: str) -> Path:
        return self.root / "blobs" / _hex(digest)[:2] / _hex(digest)


def _hex(digest: str) -> str:
    return digest.removeprefix("sha256:")


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{secrets.token_hex(8)}")
    unfinished.write_bytes(content)
    unfinished.replace(path)


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
