"""Paths of a container as paths of this machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from local_account.runtime.mapping import PathMap


@pytest.fixture
def paths(tmp_path: Path) -> PathMap:
    (tmp_path / "root/app").mkdir(parents=True)
    (tmp_path / "root/app/main.py").touch()
    return PathMap(
        {"/opt/out": Path("/stage/out"), "/opt/out/deep": Path("/deep"), "/data/": Path("/d")}, tmp_path / "root"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/opt/out", "/stage/out"),
        ("/opt/out/model.pt", "/stage/out/model.pt"),
        ("/opt/out/deep/x", "/deep/x"),
        ("/opt/output", "/opt/output"),
        ("/data/x", "/d/x"),
        ("--output=/opt/out/x", "--output=/stage/out/x"),
        ("/opt/out:/data", "/stage/out:/data"),
        ("cat '/opt/out/a' > /opt/out/b", "cat '/stage/out/a' > /stage/out/b"),
        ("https://host/opt/out", "https://host/opt/out"),
        ("relative/opt/out", "relative/opt/out"),
        ("/usr/bin/env", "/usr/bin/env"),
        ("/", "/"),
        ("plain", "plain"),
    ],
)
def test_mount_paths_are_replaced_where_a_path_begins(paths: PathMap, text: str, expected: str) -> None:
    assert paths.text(text) == expected


def test_a_path_of_the_image_lies_in_its_root(paths: PathMap) -> None:
    assert paths.text("/app/main.py") == str(paths.root / "app/main.py")
