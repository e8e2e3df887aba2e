"""Unpacks an image's layers into a directory, as a container engine would, and not one byte outside it."""

from __future__ import annotations

import copy
import os
import shutil
import tarfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

_WHITEOUT = ".wh."
_OPAQUE = ".wh..wh..opq"


class BadLayer(Exception):
    """A layer cannot be unpacked; the text says why."""


def unpack(layers: Iterable[Path], root: Path) -> None:
    """Unpack layers (tar archives, plain or compressed) in order into the empty directory `root`.

    Whiteouts remove what lower layers brought. Raises BadLayer for names or links that lead outside, for devices and
    for a compression that Python does not know. The files belong to this process's user.
    """
    root.mkdir(parents=True, exist_ok=True)
    for layer in layers:
        try:
            _remove_hidden(layer, root)
            _extract(layer, root)
        except (tarfile.TarError, EOFError, OSError) as error:
            raise BadLayer(f"layer {layer.name[:12]}: {error}") from error


def _remove_hidden(layer: Path, root: Path) -> None:
    # A pass of its own, before the layer's files: an opaque directory hides the lower layers' files, not these.
    with tarfile.open(layer) as archive:
        for member in archive:
            path = PurePosixPath(member.name.lstrip("/"))
            if path.name == _OPAQUE:
                folder = _inside(root, path.parent)
                for entry in list(folder.iterdir()) if folder.is_dir() else []:
                    _remove(entry)
            elif path.name.startswith(_WHITEOUT):
                _remove(_place(root, path.parent, path.name.removeprefix(_WHITEOUT)))


def _extract(layer: Path, root: Path) -> None:
    with tarfile.open(layer) as archive:
        for member in archive:
            path = PurePosixPath(member.name.lstrip("/"))
            if path.name.startswith(_WHITEOUT):
                continue
            if not member.isdir():
                _remove(_place(root, path.parent, path.name))
            _extract_member(archive, member, root)


def _extract_member(archive: tarfile.TarFile, member: tarfile.TarInfo, root: Path) -> None:
    if hasattr(tarfile, "data_filter"):
        # The filter `data` refuses names, links and devices that lead or point outside.
        archive.extract(member, root, filter="data")
    else:
        # Python has it from 3.11.4 on, but Debian 12 comes with 3.11.2.
        archive.extract(_harmless(member, root), root)


def _harmless(member: tarfile.TarInfo, root: Path) -> tarfile.TarInfo:
    """Return a member as the filter `data` would pass it on; raises BadLayer for what that refuses."""
    if not (member.isfile() or member.isdir() or member.issym() or member.islnk()):
        raise BadLayer(f"'{member.name}' is a device")
    passed = copy.copy(member)
    passed.name = member.name.lstrip("/")
    if member.issym() or member.islnk():
        start = PurePosixPath(passed.name).parent if member.issym() else PurePosixPath()
        _inside(root, start / member.linkname)
    passed.mode = member.mode & 0o755 | (0o700 if member.isdir() else 0o600)
    passed.uid, passed.gid, passed.uname, passed.gname = os.geteuid(), os.getegid(), "", ""
    return passed


def _place(root: Path, folder: PurePosixPath, name: str) -> Path:
    """Return where a file of an archive belongs; raises BadLayer for what is a folder on the way to it, or outside."""
    if name in ("", ".", ".."):
        raise BadLayer(f"'{folder}/{name}' is not the name of a file")
    return _inside(root, folder) / name


def _inside(root: Path, path: PurePosixPath) -> Path:
    """Return a directory of the root, links followed; raises BadLayer if that leads outside."""
    found = (root / path).resolve()
    if not found.is_relative_to(root.resolve()):
        raise BadLayer(f"'{path}' leads outside the image")
    return found


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
