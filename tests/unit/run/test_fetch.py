from __future__ import annotations

import hashlib
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from spcs.run.fetch import TOGETHER, chosen, is_here, lacking, transfers
from spcs.run.model import Output, Run

RUN = Run("train_20260827_120005_bcdf", "DB", "S", "DB.S.RUNS")
AT = datetime(2026, 8, 27, 12, 0, 5, tzinfo=UTC)


def outputs(*paths: str) -> list[Output]:
    return [Output(path, 1) for path in paths]


def planned(*paths: str, of: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    found = transfers(RUN, outputs(*paths), outputs(*(of or paths)))
    return sorted((each.source.removeprefix(RUN.output), str(each.folder)) for each in found)


def test_a_flat_output_is_one_get() -> None:
    assert planned("metrics.json", "model.pt") == [("", ".")]


def test_a_folder_without_folders_is_one_get() -> None:
    assert planned("checkpoints/step-1/a", "checkpoints/step-1/b", "checkpoints/step-2/a") == [
        ("checkpoints/step-1/", "checkpoints/step-1"),
        ("checkpoints/step-2/a", "checkpoints/step-2"),
    ]


def test_a_folder_that_holds_folders_comes_file_by_file_because_get_flattens() -> None:
    assert planned("a.json", "b.json", "log/a.json", "log/b.json") == [
        ("a.json", "."),
        ("b.json", "."),
        ("log/", "log"),
    ]


def test_a_folder_of_which_some_is_here_or_not_wanted_comes_file_by_file() -> None:
    assert planned("log/a", "log/b", of=("log/a", "log/b", "log/c")) == [("log/a", "log"), ("log/b", "log")]


def test_a_folder_of_large_files_comes_file_by_file_the_largest_first() -> None:
    large = [Output("w/a", TOGETHER // 2), Output("w/b", TOGETHER)]
    assert [each.source.removeprefix(RUN.output) for each in transfers(RUN, large, large)] == ["w/b", "w/a"]


@pytest.mark.parametrize(
    ("only", "paths"),
    [
        ("", ["metrics.json", "log/metrics.json", "checkpoints/step-1/state.pt"]),
        ("metrics.json", ["metrics.json", "log/metrics.json"]),
        ("log/metrics.json", ["log/metrics.json"]),
        ("*.pt", ["checkpoints/step-1/state.pt"]),
        ("checkpoints", ["checkpoints/step-1/state.pt"]),
        ("checkpoints/step-*/", ["checkpoints/step-1/state.pt"]),
        ("*.json", ["metrics.json", "log/metrics.json"]),
        ("nothing", []),
    ],
)
def test_only_names_files_folders_and_patterns(only: str, paths: list[str]) -> None:
    found = outputs("metrics.json", "log/metrics.json", "checkpoints/step-1/state.pt")
    assert [output.path for output in chosen(found, only)] == paths


def test_a_file_is_here_if_its_sum_is_that_of_the_stage(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"new")
    same = hashlib.md5(b"new", usedforsecurity=False).hexdigest()
    assert is_here(file, Output("a", 3, same.upper()))
    assert not is_here(file, Output("a", 3, same[::-1]))
    assert not is_here(file, Output("a", 4, same))
    assert not is_here(tmp_path / "b", Output("b", 3, same))
    assert lacking(tmp_path, [Output("a", 3, same), Output("b", 3, same)]) == [Output("b", 3, same)]


@pytest.mark.parametrize("sum_of_parts", ["", "0123456789abcdef0123456789abcdef-7"])
def test_where_the_stage_has_no_md5_size_and_time_decide(tmp_path: Path, sum_of_parts: str) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"new")
    assert not is_here(file, Output("a", 3, sum_of_parts, AT))
    os.utime(file, (AT.timestamp(), AT.timestamp()))
    assert is_here(file, Output("a", 3, sum_of_parts, AT))
    assert not is_here(file, Output("a", 3, sum_of_parts))
