"""The stage store: names that stay inside, and listings."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from local_account.catalog import Path as Name
from local_account.catalog import matches
from local_account.errors import SqlError
from local_account.objects import Stages, below, upload

STAGE = Name("D", "S", "ST")


@pytest.fixture
def stages(tmp_path: Path) -> Stages:
    return Stages(tmp_path)


def write(stages: Stages, key: str, content: bytes = b"x") -> None:
    with upload(stages.file(STAGE, key)) as partial:
        partial.write_bytes(content)


def write_half(stages: Stages, key: str) -> None:
    with upload(stages.file(STAGE, key)) as partial:
        partial.write_bytes(b"half")
        raise ConnectionError


@pytest.mark.parametrize("key", ["../x", "a/../../x", "..", "a/./b", "x\0y"])
def test_keys_that_leave_the_stage_are_refused(stages: Stages, key: str) -> None:
    with pytest.raises(SqlError):
        stages.file(STAGE, key)


def test_links_that_lead_out_are_refused(stages: Stages, tmp_path: Path) -> None:
    (stages.folder(STAGE) / "out").symlink_to("/etc")
    with pytest.raises(SqlError):
        below(stages.folder(STAGE), "out/passwd")


def test_what_is_no_file_of_the_stage_is_not_listed(stages: Stages, tmp_path: Path) -> None:
    write(stages, "kept")
    folder = stages.folder(STAGE)
    (tmp_path / "foreign").touch()
    (folder / "out").symlink_to(tmp_path / "foreign")
    (folder / "circle").symlink_to("circle")
    (folder / "gone").symlink_to("nowhere")
    (folder / "link").symlink_to("kept")
    os.mkfifo(folder / "pipe")
    assert [file.key for file in stages.list(STAGE)] == ["kept", "link"]


def test_links_in_a_circle_are_no_file(stages: Stages) -> None:
    (stages.folder(STAGE) / "circle").symlink_to("circle")
    assert stages.read(STAGE, "circle") is None


def test_files_appear_whole_or_not_at_all(stages: Stages) -> None:
    write(stages, "a/f", b"old")
    with pytest.raises(ConnectionError):
        write_half(stages, "a/f")
    assert stages.read(STAGE, "a/f") == b"old"
    assert [file.key for file in stages.list(STAGE)] == ["a/f"]


def test_prefix_and_pattern(stages: Stages) -> None:
    for key in ("a/1.csv", "ab/2.csv", "b/3.dat"):
        write(stages, key)
    assert [file.key for file in stages.list(STAGE, "a")] == ["a/1.csv", "ab/2.csv"]
    assert [file.key for file in stages.list(STAGE, "", ".*dat")] == ["b/3.dat"]
    with pytest.raises(SqlError):
        stages.list(STAGE, "", "(")


def test_removing_a_file_removes_the_folders_it_leaves_empty(stages: Stages) -> None:
    write(stages, "a/b/c")
    (file,) = stages.list(STAGE)
    stages.remove(STAGE, file)
    assert list(stages.folder(STAGE).iterdir()) == []


def test_no_two_stages_share_a_folder(stages: Stages) -> None:
    names = ["ST", "st", "S%74", "..", ".", "A/B", "A B"]
    folders = {stages.folder(Name("D", "S", name)) for name in names}
    assert len(folders) == len(names)
    assert {folder.parent for folder in folders} == {stages.folder(STAGE).parent}


@pytest.mark.parametrize(
    ("like", "name", "fits"),
    [("%", "ANY", True), ("a_c", "ABC", True), ("a\\_c", "ABC", False), ("a\\_c", "A_C", True), ("a.c", "ABC", False)],
)
def test_like(like: str, name: str, fits: bool) -> None:
    assert matches(name, like) is fits
