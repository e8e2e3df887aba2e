from __future__ import annotations

from pathlib import PurePosixPath

from spcs.run.files import downloads
from spcs.run.model import Output, Run

RUN = Run("train_20260827_120005_bcdf", "DB", "S", "DB.S.RUNS")


def planned(*paths: str) -> list[tuple[str, str]]:
    found = [Output(path, 1) for path in paths]
    return [(stage.removeprefix(RUN.output), str(local)) for stage, local in downloads(RUN, found)]


def test_a_flat_output_is_one_get() -> None:
    assert planned("metrics.json", "model.pt") == [("", ".")]


def test_a_folder_without_folders_is_one_get() -> None:
    assert planned("checkpoints/step-1/a", "checkpoints/step-1/b", "checkpoints/step-2/a") == [
        ("checkpoints/step-1/", "checkpoints/step-1"),
        ("checkpoints/step-2/", "checkpoints/step-2"),
    ]


def test_a_folder_that_holds_folders_comes_file_by_file_because_get_flattens() -> None:
    assert planned("metrics.json", "log/metrics.json") == [("metrics.json", "."), ("log/", "log")]


def test_the_folders_below_the_target_are_those_of_the_stage() -> None:
    (_, local), *_ = downloads(RUN, [Output("a/b/c.txt", 1)])
    assert local == PurePosixPath("a/b")
