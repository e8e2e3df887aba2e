"""Unpacks an image's layers into a directory, as a container engine would, and not one byte outside it."""

from __future__ import annotations

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
    for a compression that Python does not know.
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
                _remove(_inside(root, path.parent) / path.name.removeprefix(_WHITEOUT))


def _extract(layer: Path, root: Path) -> None:
    with tarfile.open(layer) as archive:
        for member in archive:
            path = PurePosixPath(member.name.lstrip("/"))
            if path.name.startswith(_WHITEOUT):
                continue
            target = _inside(root, path.parent) / path.name
            if not member.isdir() and path.name:
                _remove(target)
            # The filter `data` refuses names, links and devices that lead or point outside.
            archive.extract(member, root, filter="data")


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
