"""Layers that are written as they are read: any tool finds in them what went in, under the digests that they say."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import subprocess
import sys
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from spcs.image.layers import BadStream, Blobs, Layer, Rights, Writer
from spcs.image.wheels.install import BadWheel, Venv, add
from tests.wheels import make_wheel

VENV = Venv("/opt/venv", "3.11")
PACKAGES = "opt/venv/lib/python3.11/site-packages"


def written(folder: Path, fill: Callable[[Writer], None], **rights: Rights) -> tuple[Layer, bytes]:
    """The layer, and the tar in it, whose digests are checked."""
    blobs = Blobs(folder)
    layer = blobs.write("test", fill, {f"/{path}": found for path, found in rights.items()})
    packed = blobs.path(layer.digest).read_bytes()
    tar = gzip.decompress(packed)
    assert layer.digest == f"sha256:{hashlib.sha256(packed).hexdigest()}"
    assert layer.size == len(packed)
    assert layer.diff_id == f"sha256:{hashlib.sha256(tar).hexdigest()}"
    return layer, tar


def files(tar: bytes) -> dict[str, tuple[int, bytes]]:
    """The files of a tar: mode and content."""
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        members = [(member, archive.extractfile(member)) for member in archive]
        return {member.name: (member.mode, stream.read()) for member, stream in members if stream}


def deflated(content: bytes) -> bytes:
    pack = zlib.compressobj(9, zlib.DEFLATED, -15)
    return pack.compress(content) + pack.flush()


def test_files_packed_before_come_out_between_those_packed_now(tmp_path: Path) -> None:
    content = os.urandom(300_000) + bytes(3_000_000)

    def fill(layer: Writer) -> None:
        layer.file("/app/first", b"1")
        packed = deflated(content)
        blocks = (packed[start : start + 1000] for start in range(0, len(packed), 1000))
        layer.packed("/app/packed", len(content), zlib.crc32(content), blocks, executable=True)
        layer.file(f"/app/{'long/' * 40}last", b"3")

    _, tar = written(tmp_path, fill)
    assert files(tar) == {
        "app/first": (0o644, b"1"),
        "app/packed": (0o755, content),
        f"app/{'long/' * 40}last": (0o644, b"3"),
    }
    assert not list((tmp_path / "blobs" / "sha256").glob(".*"))


def test_folders_are_named_once_with_the_rights_that_they_have(tmp_path: Path) -> None:
    def fill(layer: Writer) -> None:
        layer.file("/tmp/a/one", b"")
        layer.file("/tmp/a/two", b"")
        layer.link("/tmp/b", "a")

    _, tar = written(tmp_path, fill, tmp=Rights(0o1777, 0, 3))
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        found = [(m.name, m.type, m.mode, m.gid, m.mtime, m.linkname) for m in archive]
    assert found == [
        ("tmp", tarfile.DIRTYPE, 0o1777, 3, 315532800, ""),
        ("tmp/a", tarfile.DIRTYPE, 0o755, 0, 315532800, ""),
        ("tmp/a/one", tarfile.REGTYPE, 0o644, 0, 315532800, ""),
        ("tmp/a/two", tarfile.REGTYPE, 0o644, 0, 315532800, ""),
        ("tmp/b", tarfile.SYMTYPE, 0o777, 0, 315532800, "a"),
    ]


@pytest.mark.parametrize(
    "damage", [lambda packed: packed[:-3], lambda packed: packed + b"more", lambda _: deflated(b"")]
)
def test_packed_bytes_that_hold_something_else_make_no_layer(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    content = os.urandom(5000)
    with pytest.raises(BadStream):
        written(
            tmp_path,
            lambda layer: layer.packed("/x", len(content), zlib.crc32(content), [damage(deflated(content))]),
        )
    assert not list((tmp_path / "blobs" / "sha256").iterdir())


def full_wheel(folder: Path) -> Path:
    """A wheel with all that a wheel may have."""
    return make_wheel(
        folder,
        "full_thing",
        files={
            "full/__init__.py": b"def main():\n    return 7\n",
            "full/big.bin": os.urandom(10_000),
            "full/text.txt": b"x" * 100_000,
            "full/tool": b"#!/bin/sh\n",
            ".data/scripts/say": b"#!python -E\nprint('said')\n",
            ".data/scripts/plain.sh": b"#!/bin/sh\necho plain\n",
            ".data/headers/full.h": b"/* */\n",
            ".data/data/share/full/note": b"note\n",
            ".data/purelib/pure.py": b"",
        },
        entry_points="[console_scripts]\nfull = full:main\n",
        executables=["full/tool", "full_thing-1.0.data/scripts/say", "full_thing-1.0.data/scripts/plain.sh"],
    )


def test_wheel_is_installed_as_pip_installs_it(tmp_path: Path) -> None:
    wheel = full_wheel(tmp_path)
    prefix = tmp_path / "opt" / "venv"
    pip = [sys.executable, "-m", "pip", "install", "--no-index", "--no-deps", "--no-compile", "--prefix"]
    subprocess.run([*pip, str(prefix), str(wheel)], capture_output=True, check=True)
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    _, tar = written(tmp_path / "image", lambda layer: add(wheel, Venv("/opt/venv", python), layer))
    ours = files(tar)
    by_pip = {str(path.relative_to(tmp_path)): path for path in prefix.rglob("*") if path.is_file()}

    info = f"opt/venv/lib/python{python}/site-packages/full_thing-1.0.dist-info"
    assert set(by_pip) - set(ours) <= {f"{info}/REQUESTED", f"{info}/direct_url.json"}
    assert set(ours) <= set(by_pip)
    for name, (mode, content) in ours.items():
        assert bool(mode & 0o111) == bool(by_pip[name].stat().st_mode & 0o111), name
        if name not in (f"{info}/RECORD", f"{info}/INSTALLER") and "/bin/" not in name:
            assert content == by_pip[name].read_bytes(), name


def test_scripts_start_the_images_own_python(tmp_path: Path) -> None:
    _, tar = written(tmp_path, lambda layer: add(full_wheel(tmp_path), VENV, layer))
    found = files(tar)
    assert found["opt/venv/bin/full"][1].startswith(b"#!/opt/venv/bin/python\n")
    assert found["opt/venv/bin/say"] == (0o755, b"#!/opt/venv/bin/python\nprint('said')\n")
    assert found["opt/venv/bin/plain.sh"] == (0o755, b"#!/bin/sh\necho plain\n")
    record = found[f"{PACKAGES}/full_thing-1.0.dist-info/RECORD"][1].decode().splitlines()
    assert "full/text.txt,sha256=" in "\n".join(record)
    assert any(line.startswith("../../../bin/full,sha256=") for line in record)
    assert "full_thing-1.0.dist-info/RECORD,," in record


def test_same_wheel_gives_the_same_layer(tmp_path: Path) -> None:
    wheel = full_wheel(tmp_path)
    one, _ = written(tmp_path / "one", lambda layer: add(wheel, VENV, layer))
    two, _ = written(tmp_path / "two", lambda layer: add(wheel, VENV, layer))
    assert one == two


def test_bytecode_of_a_wheel_is_left_out_in_silence(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    code = {"odd.py": b"", "__pycache__/odd.cpython-311.pyc": b"old", "odd/__pycache__/x.cpython-311.pyc": b"old"}
    wheel = make_wheel(tmp_path, "odd", files=code)
    _, tar = written(tmp_path, lambda layer: add(wheel, VENV, layer))
    assert not [name for name in files(tar) if name.endswith(".pyc")]
    assert not recwarn.list


def test_wheel_that_leads_out_of_its_folder_is_refused(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "evil", files={"../../../../etc/passwd": b"root::0:0::/:/bin/sh\n"})
    with pytest.raises(BadWheel, match="outside of its folder"):
        written(tmp_path, lambda layer: add(wheel, VENV, layer))


def test_file_that_is_no_wheel_is_refused_by_its_name(tmp_path: Path) -> None:
    wheel = tmp_path / "no-1.0-py3-none-any.whl"
    wheel.write_bytes(b"nothing")
    with pytest.raises(BadWheel, match=r"no-1\.0-py3-none-any\.whl"):
        written(tmp_path, lambda layer: add(wheel, VENV, layer))
