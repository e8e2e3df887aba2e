"""What tests of images without an engine share: small wheels, a lock of them, and a base image with nothing in it."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import subprocess
import tarfile
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

OCI = "application/vnd.oci.image"
GLIBC = b"...GNU C Library (Debian GLIBC 2.36-9+deb12u13) stable release version 2.36.\n..."
SCRIPT = 0o100755 << 16


def make_wheel(
    folder: Path,
    name: str,
    version: str = "1.0",
    files: Mapping[str, bytes] | None = None,
    *,
    tag: str = "py3-none-any",
    entry_points: str = "",
    executables: Iterable[str] = (),
) -> Path:
    """A wheel of `files`; those in `NAME-VERSION.data/` are written as `.data/…`."""
    info, data = f"{name}-{version}.dist-info", f"{name}-{version}.data"
    contents = {
        path.replace(".data/", f"{data}/", 1) if path.startswith(".data/") else path: content
        for path, content in (files or {f"{name}.py": f"VERSION = {version!r}\n".encode()}).items()
    }
    contents[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode()
    contents[f"{info}/WHEEL"] = f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n".encode()
    if entry_points:
        contents[f"{info}/entry_points.txt"] = entry_points.encode()
    rows = [f"{path},sha256={_urlsafe(content)},{len(content)}" for path, content in contents.items()]
    contents[f"{info}/RECORD"] = "".join(f"{row}\n" for row in (*rows, f"{info}/RECORD,,")).encode()
    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / f"{name}-{version}-{tag}.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in contents.items():
            entry = zipfile.ZipInfo(path)
            entry.external_attr = SCRIPT if path in executables else 0o100644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)
    return wheel


def locked(*wheels: Path) -> bytes:
    """The lines of a requirements file that asks for these very wheels."""
    lines = []
    for wheel in sorted(wheels):
        name, version = wheel.name.split("-")[:2]
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        lines.append(f"{name.replace('_', '-')}=={version} \\\n    --hash=sha256:{digest}\n")
    return "".join(lines).encode()


def make_layer(*entries: tuple[str, bytes | str | None]) -> bytes:
    """A tar of files (bytes), links (text) and folders (None)."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for path, content in entries:
            entry = tarfile.TarInfo(path)
            entry.mode = 0o755
            if content is None:
                entry.type = tarfile.DIRTYPE
            elif isinstance(content, str):
                entry.type, entry.linkname = tarfile.SYMTYPE, content
            else:
                entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content) if isinstance(content, bytes) else None)
    return out.getvalue()


def usual_layers() -> list[bytes]:
    """A system with Python where the official images have it, and another where Debian has it."""
    system = make_layer(
        ("etc", None),
        ("etc/passwd", b"root:x:0:0:root:/root:/bin/bash\n"),
        ("etc/group", b"root:x:0:\n"),
        ("lib", "usr/lib"),
        ("usr/lib/x86_64-linux-gnu/libc.so.6", GLIBC),
        ("usr/bin/python3", "python3.9"),
        ("usr/bin/python3.9", b"ELF"),
    )
    return [system, make_layer(("usr/local/bin/python3", "python3.11"), ("usr/local/bin/python3.11", b"ELF"))]


def save_base(docker: Path, image: str, folder: Path) -> Path:
    """Write an image that docker has as an OCI layout."""
    saved = folder / "saved.tar"
    folder.mkdir()
    subprocess.run([str(docker), "save", "-o", str(saved), image], check=True)
    with tarfile.open(saved) as archive:

        def read(name: str) -> bytes:
            stream = archive.extractfile(name)
            assert stream
            return stream.read()

        manifest = json.loads(read("manifest.json"))[0]
        # Quickly: its size is no matter here.
        layers = [gzip.compress(read(name), 1, mtime=0) for name in manifest["Layers"]]
        write_layout(folder, read(manifest["Config"]), layers)
    saved.unlink()
    return folder


def make_base(folder: Path, layers: Iterable[bytes] | None = None, architecture: str = "amd64") -> Path:
    """Write a base image as an OCI layout."""
    tars = list(layers or usual_layers())
    config = {
        "architecture": architecture,
        "os": "linux",
        "config": {
            "Env": ["PATH=/usr/local/bin:/usr/bin:/bin", "PYTHON_VERSION=3.11.9"],
            "Cmd": ["python3"],
            "Labels": {"base": "yes"},
        },
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(tar).hexdigest()}" for tar in tars]},
        "history": [{"created_by": "debuerreotype"}, {"created_by": "python"}],
    }
    packed = [gzip.compress(tar, mtime=0) for tar in tars]
    return write_layout(folder, json.dumps(config).encode(), packed, architecture)


def write_layout(folder: Path, config: bytes, layers: Iterable[bytes], architecture: str = "amd64") -> Path:
    """An OCI layout whose index names an image for another platform, too, which is not there."""
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def keep(kind: str, content: bytes) -> dict[str, Any]:
        digest = hashlib.sha256(content).hexdigest()
        (blobs / digest).write_bytes(content)
        return {"mediaType": f"{OCI}.{kind}", "digest": f"sha256:{digest}", "size": len(content)}

    described = [keep("layer.v1.tar+gzip", layer) for layer in layers]
    manifest = {"schemaVersion": 2, "config": keep("config.v1+json", config), "layers": described}
    named = keep("manifest.v1+json", json.dumps(manifest).encode())
    index = {
        "schemaVersion": 2,
        "manifests": [
            {"digest": f"sha256:{'0' * 64}", "platform": {"os": "linux", "architecture": "s390x"}},
            {**named, "platform": {"os": "linux", "architecture": architecture}},
        ],
    }
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (folder / "index.json").write_text(json.dumps(index))
    return folder


def _urlsafe(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
