"""What a base image has inside, read from layers as tools of many years have written them."""

from __future__ import annotations

from pathlib import Path

import pytest

from spcs.errors import BuildFailed
from spcs.image.layers import Rights
from spcs.image.wheels.source import BaseName
from spcs.image.wheels.system import System, from_json, read, to_json
from tests.wheels import GLIBC, make_layer, usual_layers

PATH = "/usr/local/bin:/usr/bin:/bin"


def system(folder: Path, layers: list[bytes], **variables: str) -> System:
    paths = [folder / str(number) for number in range(len(layers))]
    for path, layer in zip(paths, layers, strict=True):
        path.write_bytes(layer)
    return read("some:base", paths, {"PATH": PATH, **variables})


def test_python_is_the_first_on_the_path(tmp_path: Path) -> None:
    found = system(tmp_path, usual_layers(), PYTHON_VERSION="3.11.9")
    assert (found.python3, found.interpreter) == ("/usr/local/bin/python3", "/usr/local/bin/python3.11")
    assert (found.python, found.glibc) == ("3.11.9", (2, 36))
    assert found.passwd == "root:x:0:0:root:/root:/bin/bash\n"


def test_python_of_the_system_is_found_through_links_of_folders(tmp_path: Path) -> None:
    layers = [
        make_layer(
            ("bin", "usr/bin"),
            ("usr/bin/python3", "/etc/alternatives/python3"),
            ("etc/alternatives/python3", "/usr/bin/python3.9"),
            ("usr/bin/python3.9", b"ELF"),
            ("lib64/libc.so.6", GLIBC),
        )
    ]
    found = system(tmp_path, layers, PATH="/nowhere:/bin", PYTHON_VERSION="3.11.9")
    assert (found.python3, found.interpreter, found.python) == ("/bin/python3", "/usr/bin/python3.9", "3.9")


def test_what_an_upper_layer_hides_is_not_there(tmp_path: Path) -> None:
    hidden = make_layer(("usr/local/bin/.wh.python3", b""))
    assert system(tmp_path, [*usual_layers(), hidden]).interpreter == "/usr/bin/python3.9"
    opaque = make_layer(("usr/local/bin/python3", "python3.12"), ("usr/local/bin/.wh..wh..opq", b""))
    assert system(tmp_path, [*usual_layers(), opaque]).interpreter == "/usr/bin/python3.9"


def test_rights_and_links_are_kept_with_what_is_put_in(tmp_path: Path) -> None:
    found = system(tmp_path, usual_layers())
    assert found.place("/lib/x.so") == "/usr/lib/x.so"
    assert from_json(to_json(found)) == found
    assert all(isinstance(rights, Rights) for rights in from_json(to_json(found)).folders.values())


def test_base_without_python_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BuildFailed) as caught:
        system(tmp_path, [make_layer(("usr/lib/libc.so.6", GLIBC))])
    assert caught.value.what == "the base image some:base has no python3"
    assert "python:3.11-slim" in caught.value.fix


def test_base_without_glibc_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BuildFailed) as caught:
        system(tmp_path, [make_layer(("lib/ld-musl-x86_64.so.1", b"musl"), ("usr/bin/python3", b""))])
    assert caught.value.what == "the base image some:base has no python3"
    with pytest.raises(BuildFailed) as caught:
        system(tmp_path, [make_layer(("usr/bin/python3", "python3.11"), ("usr/bin/python3.11", b""))])
    assert "has no glibc" in caught.value.what


def test_layer_of_an_unknown_packing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BuildFailed) as caught:
        system(tmp_path, [b"\x28\xb5\x2f\xfd zstd"])
    assert "cannot be read" in caught.value.what


@pytest.mark.parametrize(
    ("text", "host", "repository", "reference"),
    [
        ("python", "docker.io", "library/python", "latest"),
        ("python:3.11-slim", "docker.io", "library/python", "3.11-slim"),
        ("python:3.11@sha256:12", "docker.io", "library/python", "sha256:12"),
        ("pytorch/pytorch:2", "docker.io", "pytorch/pytorch", "2"),
        ("docker.io/pytorch/pytorch", "docker.io", "pytorch/pytorch", "latest"),
        ("docker.io/python", "docker.io", "library/python", "latest"),
        ("ghcr.io/a/b/c:d", "ghcr.io", "a/b/c", "d"),
        ("localhost/base", "localhost", "base", "latest"),
        ("127.0.0.1:5000/db/base:1", "127.0.0.1:5000", "db/base", "1"),
    ],
)
def test_base_is_named_as_in_a_dockerfile(text: str, host: str, repository: str, reference: str) -> None:
    assert BaseName.parse(text) == BaseName(host, repository, reference)
