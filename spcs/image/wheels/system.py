"""What a base image has inside: its Python, its glibc, its users. Read from the layers, nothing is unpacked."""

from __future__ import annotations

import json
import posixpath
import re
import tarfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Final

from spcs.errors import BuildFailed
from spcs.image.layers import USUAL, Rights

GLIBC: Final = re.compile(rb"GNU C Library .*? version (\d+)\.(\d+)")
LIBC: Final = re.compile(r"libc(-[0-9.]+)?\.so(\.6)?")
PYTHON: Final = re.compile(r"python(3\.\d+)")
PASSWD, GROUP = "/etc/passwd", "/etc/group"
WHITEOUT, OPAQUE = ".wh.", ".wh..wh..opq"
MOST_LINKS: Final = 40
SHALLOW: Final = 2


@dataclass(frozen=True)
class System:
    """`python3` is the interpreter as `PATH` finds it, `interpreter` the program behind it, of version `python`.

    `folders` are those whose rights are not the usual ones, `links` the links near the root (`/lib`, `/var/run`).
    """

    python3: str
    interpreter: str
    python: str
    glibc: tuple[int, int]
    passwd: str
    group: str
    folders: Mapping[str, Rights] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)

    def place(self, path: str) -> str:
        """Where something that is put at `path` lies, links followed."""
        return real(path, lambda name: self.links.get(name, ""))


def real(path: str, leads_to: Callable[[str], str]) -> str:
    """Follow the links in a path; `leads_to` gives a link's target, or nothing."""
    for _ in range(MOST_LINKS):
        whole = PurePosixPath(path)
        link = next((part for part in (*reversed(whole.parents), whole) if leads_to(str(part))), None)
        if link is None:
            break
        path = posixpath.normpath(posixpath.join(link.parent, leads_to(str(link)), whole.relative_to(link)))
    return path


def to_json(system: System) -> str:
    return json.dumps(asdict(system), indent=2) + "\n"


def from_json(text: str) -> System:
    """The system that `to_json` wrote; raises ValueError or TypeError for anything else."""
    values = json.loads(text)
    folders = {path: Rights(*rights) for path, rights in values.pop("folders").items()}
    return System(**{**values, "glibc": tuple(values["glibc"]), "folders": folders})


@dataclass(frozen=True)
class _Node:
    """A file that matters here: where it leads if it is a link, which glibc it is, what it says, a folder's rights."""

    leads_to: str = ""
    glibc: tuple[int, int] | None = None
    text: str = ""
    rights: Rights | None = None


class _Tree:
    """All links of an image, and its files and folders that matter here."""

    def __init__(self) -> None:
        self.nodes: dict[str, _Node] = {}

    def add(self, path: Path) -> None:
        """Put a layer on top of those before."""
        own: dict[str, _Node] = {}
        with tarfile.open(path) as layer:
            for entry in layer:
                name = PurePosixPath(posixpath.normpath(f"/{entry.name}"))
                if name.name == OPAQUE:
                    self._hide(f"{name.parent}/")
                elif name.name.startswith(WHITEOUT):
                    self._hide(str(name.parent / name.name.removeprefix(WHITEOUT)))
                else:
                    self.nodes.pop(str(name), None)
                    if node := _node(layer, entry, str(name)):
                        own[str(name)] = node
        self.nodes |= own  # what a layer hides is hidden below it, wherever in the layer that is said

    def real(self, path: str) -> str:
        """Where a path leads, links followed."""
        return real(path, lambda name: self.nodes[name].leads_to if name in self.nodes else "")

    def text(self, path: str) -> str:
        node = self.nodes.get(self.real(path))
        return node.text if node else ""

    def _hide(self, path: str) -> None:
        inside = f"{path.rstrip('/')}/"
        for name in [name for name in self.nodes if name == path or name.startswith(inside)]:
            del self.nodes[name]


def read(base: str, layers: Iterable[Path], environment: Mapping[str, str]) -> System:
    """What the image `base` has, from its layers (the lowest first) and its variables; raises BuildFailed if it lacks
    a Python, or a glibc for the wheels."""
    tree = _Tree()
    for path in layers:
        try:
            tree.add(path)
        except (tarfile.TarError, EOFError, OSError) as error:
            raise BuildFailed(
                f"a layer of the base image {base} cannot be read",
                why=str(error),
                fix="name a base in invoke.yaml whose layers are packed with gzip, or build with Docker or Podman",
            ) from error
    python3, interpreter = _python(tree, environment.get("PATH", ""), base)
    return System(
        python3,
        interpreter,
        _version(interpreter, environment.get("PYTHON_VERSION", "")),
        _glibc(tree, base),
        tree.text(PASSWD),
        tree.text(GROUP),
        {name: node.rights for name, node in tree.nodes.items() if node.rights},
        {name: node.leads_to for name, node in tree.nodes.items() if node.leads_to and name.count("/") <= SHALLOW},
    )


def _version(interpreter: str, said: str) -> str:
    """The full version where the image says it, as Python's official images do; else as much as the name tells."""
    found = PYTHON.fullmatch(posixpath.basename(interpreter))
    minor = found[1] if found else ""
    return said if said.startswith(f"{minor}.") else minor


def _python(tree: _Tree, path: str, base: str) -> tuple[str, str]:
    for folder in _folders(path):
        program = tree.real(f"{folder}/python3")
        if program in tree.nodes and PYTHON.fullmatch(posixpath.basename(program)):
            return f"{folder}/python3", program
    raise BuildFailed(
        f"the base image {base} has no python3",
        why="without a container engine nothing can be installed into it but wheels",
        fix="set image.base in invoke.yaml to one with Python, such as python:3.11-slim",
    )


def _glibc(tree: _Tree, base: str) -> tuple[int, int]:
    if found := [node.glibc for node in tree.nodes.values() if node.glibc]:
        return min(found)
    raise BuildFailed(
        f"the base image {base} has no glibc",
        why="the wheels of PyTorch are made for it; Alpine Linux has musl instead",
        fix="set image.base in invoke.yaml to one of Debian, such as python:3.11-slim",
    )


def _folders(path: str) -> Iterator[str]:
    yield from (folder.rstrip("/") for folder in path.split(":") if folder.startswith("/"))


def _node(layer: tarfile.TarFile, entry: tarfile.TarInfo, path: str) -> _Node | None:
    """What an entry of a layer is to us, None if nothing."""
    name = posixpath.basename(path)
    if entry.issym():
        return _Node(leads_to=entry.linkname)
    if entry.islnk():
        return _Node(leads_to=f"/{entry.linkname.lstrip('/')}")
    if entry.isdir():
        rights = Rights(entry.mode & 0o7777, entry.uid, entry.gid)
        return _Node(rights=rights) if rights != USUAL else None
    if not entry.isfile():
        return None
    if path in (PASSWD, GROUP):
        return _Node(text=_content(layer, entry).decode(errors="surrogateescape"))
    if PYTHON.fullmatch(name):
        return _Node()
    found = GLIBC.search(_content(layer, entry)) if LIBC.fullmatch(name) else None
    return _Node(glibc=(int(found[1]), int(found[2]))) if found else None


def _content(layer: tarfile.TarFile, entry: tarfile.TarInfo) -> bytes:
    stream = layer.extractfile(entry)
    return stream.read() if stream else b""
