from __future__ import annotations

import os
from pathlib import Path

import pytest

from app.runtime import cpus, quota


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("DOT", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    return folder


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"cpuDOTmax": "150000 100000"}, 1.5),
        ({"cpuDOTmax": "max 100000"}, None),
        ({"cpu__cpuDOTcfs_quota_us": "400000", "cpu__cpuDOTcfs_period_us": "100000"}, 4.0),
        ({"cpu__cpuDOTcfs_quota_us": "-1", "cpu__cpuDOTcfs_period_us": "100000"}, None),
        ({}, None),
    ],
)
def test_quota_is_read_from_both_cgroup_versions(tmp_path: Path, files: dict[str, str], expected: float | None) -> None:
    assert quota(write(tmp_path, **files)) == expected


def test_threads_are_whole_at_least_one_and_no_more_than_there_are(tmp_path: Path) -> None:
    there = len(os.sched_getaffinity(0))
    assert cpus(write(tmp_path / "small", cpuDOTmax="50000 100000")) == 1
    assert cpus(write(tmp_path / "large", cpuDOTmax="99900000 100000")) == there
    assert cpus(tmp_path / "absent") == there
