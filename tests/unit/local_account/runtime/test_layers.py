"""Unpacking layers: what they hide, and what they must not reach."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
from pathlib import Path

import pytest

from local_account.runtime.layers import BadLayer, unpack

pytestmark = pytest.mark.usefixtures("either_way")


def layer(path: Path, *members: tarfile.TarInfo | tuple[str, bytes]) -> Path:
    with tarfile.open(path, "w") as archive:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                archive.addfile(member)
            else:
                entry = tarfile.TarInfo(member[0])
                entry.size = len(member[1])
                archive.addfile(entry, io.BytesIO(member[1]))
    return path


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = kind, target
    return entry


def folder(name: str) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode = tarfile.DIRTYPE, 0o755
    return entry


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "root"


@pytest.fixture(params=["filter of Python", "no filter"])
def either_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run with the filter `data` and as Python 3.11.2 does, which has no such filter."""
    if request.param == "no filter":
        monkeypatch.delattr(tarfile, "data_filter", raising=False)
        # Later Pythons would else look for a default filter.
        monkeypatch.setattr(tarfile.TarFile, "extraction_filter", staticmethod(lambda member, _: member), raising=False)


def test_a_later_layer_replaces_files(tmp_path: Path, root: Path) -> None:
    unpack([layer(tmp_path / "1", ("app/a", b"old")), layer(tmp_path / "2", ("./app/a", b"new"))], root)
    assert (root / "app/a").read_bytes() == b"new"


def test_a_compressed_layer_is_unpacked(tmp_path: Path, root: Path) -> None:
    plain = layer(tmp_path / "1", ("a", b"x"))
    (tmp_path / "2").write_bytes(gzip.compress(plain.read_bytes()))
    unpack([tmp_path / "2"], root)
    assert (root / "a").read_bytes() == b"x"


def test_a_whiteout_removes_what_a_lower_layer_brought(tmp_path: Path, root: Path) -> None:
    lower = layer(tmp_path / "1", ("app/gone", b""), ("app/kept", b""), ("dir/a", b""))
    unpack([lower, layer(tmp_path / "2", ("app/.wh.gone", b""), (".wh.dir", b""))], root)
    assert sorted(path.name for path in root.rglob("*")) == ["app", "kept"]


def test_an_opaque_directory_hides_the_lower_layers_alone(tmp_path: Path, root: Path) -> None:
    upper = layer(tmp_path / "2", ("app/new", b""), ("app/.wh..wh..opq", b""))
    unpack([layer(tmp_path / "1", ("app/old", b"")), upper], root)
    assert [path.name for path in (root / "app").iterdir()] == ["new"]


@pytest.mark.parametrize("name", ["../outside", "a/../../outside", "/../outside"])
def test_a_name_that_leads_outside_is_refused(tmp_path: Path, root: Path, name: str) -> None:
    with pytest.raises(BadLayer):
        unpack([layer(tmp_path / "1", (name, b"x"))], root)
    assert not (tmp_path / "outside").exists()


@pytest.mark.parametrize("name", ["..", "a/..", "a/../..", ".wh...", "a/../.wh...", ".wh..", ".wh."])
def test_a_directory_that_holds_the_image_is_not_removed(tmp_path: Path, root: Path, name: str) -> None:
    (tmp_path / "near").write_text("x")
    with pytest.raises(BadLayer):
        unpack([layer(tmp_path / "1", folder("a"), (name, b"x"))], root)
    assert (tmp_path / "near").exists()
    assert root.exists()


def test_an_absolute_name_lies_inside(tmp_path: Path, root: Path) -> None:
    unpack([layer(tmp_path / "1", ("/etc/passwd", b"mine"))], root)
    assert (root / "etc/passwd").read_bytes() == b"mine"


@pytest.mark.parametrize("target", ["/etc", "../.."])
def test_a_link_that_leads_outside_is_refused(tmp_path: Path, root: Path, target: str) -> None:
    with pytest.raises(BadLayer):
        unpack([layer(tmp_path / "1", link("out", target)), layer(tmp_path / "2", ("out/x", b""))], root)


def test_a_hard_link_that_leads_outside_is_refused(tmp_path: Path, root: Path) -> None:
    (tmp_path / "secret").write_text("x")
    with pytest.raises(BadLayer):
        unpack([layer(tmp_path / "1", link("copy", "../secret", tarfile.LNKTYPE))], root)


def test_a_whiteout_through_a_link_does_not_reach_outside(tmp_path: Path, root: Path) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "file").write_text("x")
    root.mkdir()
    (root / "out").symlink_to(victim)
    with pytest.raises(BadLayer):
        unpack([layer(tmp_path / "1", ("out/.wh.file", b""))], root)
    assert (victim / "file").exists()


def test_a_link_inside_is_kept(tmp_path: Path, root: Path) -> None:
    unpack([layer(tmp_path / "1", folder("app"), ("app/a", b"x"), link("app/b", "a"))], root)
    assert (root / "app/b").read_bytes() == b"x"


def test_a_device_is_refused(tmp_path: Path, root: Path) -> None:
    device = tarfile.TarInfo("null")
    device.type = tarfile.CHRTYPE
    with pytest.raises(BadLayer):
        unpack([layer(tmp_path / "1", device)], root)


def test_modes_and_owners_are_this_users(tmp_path: Path, root: Path) -> None:
    program = tarfile.TarInfo("program")
    program.mode, program.uid, program.gid = 0o4775, 4711, 4711
    unpack([layer(tmp_path / "1", program)], root)
    found = (root / "program").stat()
    assert (found.st_mode & 0o7777, found.st_uid, found.st_gid) == (0o755, os.geteuid(), os.getegid())


def test_bytes_that_are_no_archive_are_refused(tmp_path: Path, root: Path) -> None:
    (tmp_path / "1").write_bytes(b"\x28\xb5\x2f\xfd not a tar")
    with pytest.raises(BadLayer, match="layer 1"):
        unpack([tmp_path / "1"], root)
