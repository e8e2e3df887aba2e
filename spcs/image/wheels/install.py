"""A wheel to a part of a layer, as an installer does it: RECORD, scripts with the image's Python, data folders.

What a wheel's files mean is the business of `installer`, the library that the authors of pip wrote for it. Here is only
where they go: into a tar instead of a folder.
"""

from __future__ import annotations

import base64
import hashlib
import posixpath
import stat
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from installer import install
from installer.destinations import WheelDestination
from installer.exceptions import InstallerError
from installer.records import Hash, RecordEntry, parse_record_file
from installer.scripts import Script
from installer.sources import WheelFile
from installer.utils import Scheme, construct_record_file, fix_shebang
from packaging.utils import canonicalize_name

from spcs.image.layers import BLOCK, BadStream, Writer

if TYPE_CHECKING:
    import os

    from installer.scripts import ScriptSection
    from installer.sources import WheelContentElement

# Smaller ones are packed anew, together with what stands around them: that is shorter than a part for each.
WORTH_A_PART: Final = 2048
INSTALLER: Final = b"spcs\n"


class BadWheel(ValueError):
    """A wheel that cannot be installed; the text says why."""


@dataclass(frozen=True)
class Venv:
    """A virtual environment in the image: its folder and the minor version of its Python, such as `3.11`."""

    folder: str
    python: str

    @property
    def packages(self) -> str:
        return f"{self.folder}/lib/python{self.python}/site-packages"

    @property
    def interpreter(self) -> str:
        return f"{self.folder}/bin/python"

    def place(self, scheme: Scheme, distribution: str) -> str:
        """The folder for one kind of a wheel's files."""
        return {
            "purelib": self.packages,
            "platlib": self.packages,
            "scripts": f"{self.folder}/bin",
            "headers": f"{self.folder}/include/site/python{self.python}/{distribution}",
            "data": self.folder,
        }[scheme]


def add(wheel: Path, venv: Venv, layer: Writer) -> None:
    """Install a wheel into a layer; raises BadWheel for one that is not as wheels are."""
    try:
        with zipfile.ZipFile(wheel) as archive, wheel.open("rb") as raw:
            source = _Source(archive, raw)
            install(source, _Destination(layer, venv, canonicalize_name(source.distribution)), {"INSTALLER": INSTALLER})
    except (InstallerError, BadStream, zipfile.BadZipFile, KeyError, UnicodeDecodeError) as error:
        raise BadWheel(f"{wheel.name} is no wheel that can be installed: {error}") from error


class _Member(BytesIO):
    """A file of a wheel, empty as a stream: it is read, or copied as it is packed there, when it is written."""

    def __init__(self, archive: zipfile.ZipFile, raw: BinaryIO, info: zipfile.ZipInfo, record: RecordEntry) -> None:
        super().__init__()
        self._archive, self._raw, self.info, self.record = archive, raw, info, record

    def write_to(self, layer: Writer, path: str, is_executable: bool) -> None:
        info = self.info
        if info.compress_type == zipfile.ZIP_DEFLATED and info.compress_size >= WORTH_A_PART:
            layer.packed(path, info.file_size, info.CRC, self._packed(), executable=is_executable)
        else:
            layer.stream(path, info.file_size, self._unpacked(), executable=is_executable)

    def content(self) -> bytes:
        return self._archive.read(self.info)

    def _packed(self) -> Iterator[bytes]:
        """The bytes behind the head that a zip file repeats before each of its files."""
        self._raw.seek(self.info.header_offset + 26)
        name, extra = self._raw.read(2), self._raw.read(2)
        self._raw.seek(int.from_bytes(name, "little") + int.from_bytes(extra, "little"), 1)
        left = self.info.compress_size
        while left and (block := self._raw.read(min(BLOCK, left))):
            left -= len(block)
            yield block

    def _unpacked(self) -> Iterator[bytes]:
        with self._archive.open(self.info) as stream:
            while block := stream.read(BLOCK):
                yield block


class _Source(WheelFile):
    """A wheel that gives its files as they are packed."""

    def __init__(self, archive: zipfile.ZipFile, raw: BinaryIO) -> None:
        super().__init__(archive)
        self._archive, self._raw = archive, raw

    def get_contents(self) -> Iterator[WheelContentElement]:
        rows = {row[0]: row for row in parse_record_file(self.read_dist_info("RECORD").splitlines())}
        for info in self._archive.infolist():
            if (
                info.is_dir() or "/__pycache__/" in f"/{info.filename}"
            ):  # `installer` would warn of each, and leave it out
                continue
            row = rows.get(info.filename, (info.filename, "", ""))
            mode = info.external_attr >> 16
            is_executable = stat.S_ISREG(mode) and bool(mode & 0o111)
            yield row, _Member(self._archive, self._raw, info, RecordEntry.from_elements(*row)), is_executable


class _Destination(WheelDestination):
    """A layer that a wheel is installed into."""

    def __init__(self, layer: Writer, venv: Venv, distribution: str) -> None:
        self._layer, self._venv, self._distribution = layer, venv, distribution

    def write_script(self, name: str, module: str, attr: str, section: ScriptSection) -> RecordEntry:
        name, content = Script(name, module, attr, section).generate(self._venv.interpreter, "posix")
        return self._write(Scheme("scripts"), name, content, is_executable=True)

    def write_file(
        self, scheme: Scheme, path: str | os.PathLike[str], stream: BinaryIO, is_executable: bool
    ) -> RecordEntry:
        name = str(path)
        if not isinstance(stream, _Member):
            return self._write(scheme, name, stream.read(), is_executable)
        if scheme == "scripts":
            with fix_shebang(BytesIO(stream.content()), self._venv.interpreter) as fixed:
                return self._write(scheme, name, fixed.read(), is_executable)
        stream.write_to(self._layer, self._place(scheme, name), is_executable)
        return RecordEntry(name, stream.record.hash_, stream.info.file_size)

    def finalize_installation(
        self, scheme: Scheme, record_file_path: str, records: Iterable[tuple[Scheme, RecordEntry]]
    ) -> None:
        def prefix(other: Scheme) -> str | None:
            folders = self._venv.place(other, self._distribution), self._venv.place(scheme, self._distribution)
            return None if folders[0] == folders[1] else f"{posixpath.relpath(*folders)}/"

        with construct_record_file(list(records), prefix) as stream:
            self._write(scheme, record_file_path, stream.read(), is_executable=False)

    def _write(self, scheme: Scheme, path: str, content: bytes, is_executable: bool) -> RecordEntry:
        self._layer.file(self._place(scheme, path), content, executable=is_executable)
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
        return RecordEntry(path, Hash("sha256", digest), len(content))

    def _place(self, scheme: Scheme, path: str) -> str:
        folder = self._venv.place(scheme, self._distribution)
        full = posixpath.normpath(f"{folder}/{path}")
        if not full.startswith(f"{folder}/"):
            raise BadWheel(f"it wants to put {path} outside of its folder")
        return full
