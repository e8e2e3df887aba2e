"""A layer of an image, written as it is read: a tar packed with gzip, with both of its digests, never whole in memory.

A wheel is packed already: each of its files by itself, in the very form (deflate) that gzip has inside. And a gzip file
may consist of several parts, one after the other, as in eStargz images. So a wheel's files go into the layer as they
are, and are unpacked only to be hashed. That takes a tenth of the time, and the bytes are those of the wheel, whichever
zlib this machine has. Everything has one date and belongs to root, unless it is said otherwise.
"""

from __future__ import annotations

import hashlib
import secrets
import struct
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import BinaryIO, Final, NamedTuple

from spcs.image.inputs import DATE

LAYER_TYPE: Final = "application/vnd.oci.image.layer.v1.tar+gzip"
BLOCK: Final = 1 << 20
RECORD: Final = tarfile.RECORDSIZE
# The head of a gzip part that holds no date and no system: those of zlib name the system it was made on.
HEAD: Final = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"
RAW: Final = -zlib.MAX_WBITS


class Rights(NamedTuple):
    """Of a folder: its mode and owners."""

    mode: int = 0o755
    user: int = 0
    group: int = 0


USUAL: Final = Rights()


class BadStream(ValueError):
    """Packed bytes that do not unpack to what was said of them."""


@dataclass(frozen=True)
class Layer:
    """A finished layer: `digest` and `size` (bytes) of its blob, `diff_id` of the tar in it, and what made it."""

    digest: str
    size: int
    diff_id: str
    made_by: str
    media_type: str = LAYER_TYPE

    @property
    def descriptor(self) -> Mapping[str, object]:
        """The layer as a manifest names it."""
        return {"mediaType": self.media_type, "digest": self.digest, "size": self.size}


class Writer:
    """Writes one layer to `out`. Paths are absolute, as in the image; `close` must come last.

    A layer names the folders above its files, too, and what it says of them counts: `rights` are those that are not the
    usual ones, by path.
    """

    def __init__(self, out: BinaryIO, rights: Mapping[str, Rights]) -> None:
        self._out, self._rights = out, rights
        self._blob, self._tar = hashlib.sha256(), hashlib.sha256()
        self._size = self._length = 0
        self._part: _Part | None = None
        self._folders: set[PurePosixPath] = set()

    def folder(self, path: str) -> None:
        """A folder with those above it, each once."""
        wanted = PurePosixPath(path)
        for folder in (*reversed(wanted.parents), wanted):
            if folder.name and folder not in self._folders:
                self._folders.add(folder)
                self._entry(folder, tarfile.DIRTYPE, self._rights.get(str(folder), USUAL))

    def link(self, path: str, target: str) -> None:
        """A symbolic link."""
        self.folder(str(PurePosixPath(path).parent))
        self._entry(PurePosixPath(path), tarfile.SYMTYPE, Rights(0o777), link=target)

    def file(self, path: str, content: bytes, *, executable: bool = False) -> None:
        """A file, from memory."""
        self.stream(path, len(content), [content], executable=executable)

    def stream(self, path: str, size: int, blocks: Iterable[bytes], *, executable: bool = False) -> None:
        """A file of `size` bytes, block by block."""
        self._head(path, size, executable)
        for block in blocks:
            self._write(block)
        self._write(bytes(-size % tarfile.BLOCKSIZE))

    def packed(self, path: str, size: int, crc: int, blocks: Iterable[bytes], *, executable: bool = False) -> None:
        """A file that is packed already: `blocks` of deflate that unpack to `size` bytes with the checksum `crc`.

        Raises BadStream if they do not.
        """
        self._head(path, size, executable)
        self._end_part()
        self._emit(HEAD)
        unpacked = self._copy(blocks)
        if unpacked != (size, crc):
            raise BadStream(f"{path} does not unpack to the {size} bytes that were promised")
        self._emit(_tail(crc, size))
        self._write(bytes(-size % tarfile.BLOCKSIZE))

    def close(self, made_by: str) -> Layer:
        """End the layer; returns what it is."""
        self._write(bytes(2 * tarfile.BLOCKSIZE))
        self._write(bytes(-self._length % RECORD))
        self._end_part()
        return Layer(f"sha256:{self._blob.hexdigest()}", self._size, f"sha256:{self._tar.hexdigest()}", made_by)

    def _head(self, path: str, size: int, executable: bool) -> None:
        self.folder(str(PurePosixPath(path).parent))
        self._entry(PurePosixPath(path), tarfile.REGTYPE, Rights(0o755 if executable else 0o644), size=size)

    def _entry(self, path: PurePosixPath, kind: bytes, rights: Rights, *, size: int = 0, link: str = "") -> None:
        entry = tarfile.TarInfo(str(path).lstrip("/"))
        entry.type, entry.size, entry.mtime = kind, size, DATE
        entry.mode, entry.uid, entry.gid = rights
        entry.linkname = link
        self._write(entry.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape"))

    def _write(self, content: bytes) -> None:
        """Add to the tar bytes that are still to be packed."""
        if not content:
            return
        self._part = self._part or _Part()
        self._tar.update(content)
        self._length += len(content)
        self._emit(self._part.add(content))

    def _end_part(self) -> None:
        if self._part is not None:
            self._emit(self._part.end())
            self._part = None

    def _copy(self, blocks: Iterable[bytes]) -> tuple[int, int]:
        """Add packed bytes as they are, and what they hold to the tar's hash; returns its length and checksum."""
        length = crc = 0
        unpack = zlib.decompressobj(RAW)
        for block in blocks:
            self._emit(block)
            for content in _unpacked(unpack, block):
                self._tar.update(content)
                crc = zlib.crc32(content, crc)
                length += len(content)
        if not unpack.eof or unpack.unused_data:
            raise BadStream("packed bytes end too soon, or too late")
        self._length += length
        return length, crc

    def _emit(self, packed: bytes) -> None:
        self._out.write(packed)
        self._blob.update(packed)
        self._size += len(packed)


class _Part:
    """One part of a gzip file, packed here."""

    def __init__(self) -> None:
        self._pack = zlib.compressobj(6, zlib.DEFLATED, RAW)
        self._crc = self._size = 0
        self._head = HEAD

    def add(self, content: bytes) -> bytes:
        self._crc = zlib.crc32(content, self._crc)
        self._size += len(content)
        head, self._head = self._head, b""
        return head + self._pack.compress(content)

    def end(self) -> bytes:
        return self._head + self._pack.flush() + _tail(self._crc, self._size)


def _tail(crc: int, size: int) -> bytes:
    return struct.pack("<II", crc, size & 0xFFFFFFFF)


def _unpacked(unpack: zlib._Decompress, block: bytes) -> Iterator[bytes]:
    """What a block holds, a little at a time: a thousand times its own size is possible."""
    while block and not unpack.eof:
        yield unpack.decompress(block, 4 * BLOCK)
        block = unpack.unconsumed_tail


class Blobs:
    """The blobs of an OCI layout, by digest. A blob appears whole, or not at all."""

    def __init__(self, layout: Path) -> None:
        self.folder = layout / "blobs" / "sha256"

    def path(self, digest: str) -> Path:
        """Where the blob is, if it is there."""
        return self.folder / digest.removeprefix("sha256:")

    def has(self, digest: str) -> bool:
        return self.path(digest).is_file()

    def write(
        self, made_by: str, fill: Callable[[Writer], None], rights: Mapping[str, Rights] = MappingProxyType({})
    ) -> Layer:
        """Keep the layer that `fill` writes; `rights` as `Writer` has them."""
        with self.new() as path:
            with path.open("wb") as out:
                writer = Writer(out, rights)
                fill(writer)
                layer = writer.close(made_by)
            path.replace(self.path(layer.digest))
        return layer

    def fill(self, digest: str, fetch: Callable[[Path], None]) -> None:
        """Keep what `fetch` writes into a file, which stays if it fails, to be gone on with by the next try."""
        self.folder.mkdir(parents=True, exist_ok=True)
        begun = self.folder / f".{self.path(digest).name}.part"
        fetch(begun)
        begun.replace(self.path(digest))

    def remove_unshared(self) -> None:
        """Remove the blobs that have no other name, in the layout of an image; none where no file has two names."""
        names = {blob: blob.stat().st_nlink for blob in self.folder.iterdir()}
        if max(names.values(), default=1) > 1:
            for blob in names:
                if names[blob] == 1:
                    blob.unlink()

    @contextmanager
    def new(self) -> Iterator[Path]:
        """A name for a file that is to become a blob; whatever is still there at the end is removed."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f".{secrets.token_hex(8)}"
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)
