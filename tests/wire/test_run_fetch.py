"""Outputs from the stage to a folder: whole, checked, and not twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from spcs.account import Account
from spcs.errors import NotReady
from spcs.run import fetch, files
from spcs.run.model import Run
from tests.wire.desk import Desk, desk

WRITES = """
import os, pathlib
out = pathlib.Path(os.environ["MOUNT_PATH"])
for path in ("metrics.json", "a/same.txt", "a/b/same.txt", "c d/same.txt", "w/1.bin", "w/2.bin"):
    (out / path).parent.mkdir(parents=True, exist_ok=True)
    (out / path).write_text(path * 1000)
"""
PATHS = ("metrics.json", "a/same.txt", "a/b/same.txt", "c d/same.txt", "w/1.bin", "w/2.bin")


class Seen:
    """A FetchView that keeps what it is shown."""

    def __init__(self) -> None:
        self.files = 0
        self.notices: list[str] = []

    def arrived(self, count: int, size: int) -> None:
        self.files += count

    def notice(self, text: str) -> None:
        self.notices.append(text)


class Damaged:
    """An account whose downloads are damaged on their way, as often as `times` says."""

    def __init__(self, account: Account, damage: Callable[[bytes], bytes], times: int) -> None:
        self._account, self._damage, self._times = account, damage, times
        self.list_stage = account.list_stage

    def get(self, stage_path: str, directory: Path, *, pattern: str = "") -> list[Path]:
        found = self._account.get(stage_path, directory, pattern=pattern)
        for file in found:
            if self._times > 0:
                self._times -= 1
                file.write_bytes(self._damage(file.read_bytes()))
        return found


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with desk(tmp_path_factory.mktemp("fetch")) as made:
        yield made


@pytest.fixture(scope="module")
def run(at: Desk) -> Run:
    started = at.start(WRITES)
    at.follow(started)
    return started


def fetched(at: Desk, run: Run, target: Path, account: Damaged | None = None) -> Seen:
    seen = Seen()
    there = files.outputs(at.account, run)
    fetch.fetch(
        account or at.account,  # type: ignore[arg-type] # as much of an account as a fetch takes
        target,
        fetch.transfers(run, fetch.lacking(target, there), there),
        seen,
    )
    return seen


def contents(target: Path) -> dict[str, str]:
    return {str(file.relative_to(target)): file.read_text() for file in target.rglob("*") if file.is_file()}


def test_outputs_come_with_their_folders_though_get_flattens_and_only_what_lacks(
    at: Desk, run: Run, tmp_path: Path
) -> None:
    whole = {path: path * 1000 for path in PATHS}
    assert fetched(at, run, tmp_path).files == len(PATHS)
    assert contents(tmp_path) == whole
    assert fetched(at, run, tmp_path).files == 0
    (tmp_path / "w" / "1.bin").write_text("cut off")
    (tmp_path / "a" / "same.txt").unlink()
    assert fetched(at, run, tmp_path).files == 2
    assert contents(tmp_path) == whole


def test_a_file_that_arrives_damaged_is_fetched_again(at: Desk, run: Run, tmp_path: Path) -> None:
    fetched(at, run, tmp_path, Damaged(at.account, lambda content: content[:-1], 3))
    assert contents(tmp_path) == {path: path * 1000 for path in PATHS}


def test_what_never_arrives_whole_is_an_error_and_the_rest_stays(at: Desk, run: Run, tmp_path: Path) -> None:
    with pytest.raises(NotReady, match="did not arrive as the stage has it"):
        fetched(at, run, tmp_path, Damaged(at.account, lambda content: content[:-1], 100))
    assert contents(tmp_path) == {}


def test_where_the_sum_is_not_of_the_file_two_downloads_that_agree_are_taken(
    at: Desk, run: Run, tmp_path: Path
) -> None:
    seen = fetched(at, run, tmp_path, Damaged(at.account, bytes.swapcase, 100))
    assert contents(tmp_path)["metrics.json"] == "METRICS.JSON" * 1000
    assert "metrics.json: the stage's sum is not that of the file" in " ".join(seen.notices)


class Interrupted(Seen):
    def arrived(self, count: int, size: int) -> None:
        raise KeyboardInterrupt


def test_ctrl_c_leaves_what_has_arrived_and_the_next_fetch_goes_on(at: Desk, run: Run, tmp_path: Path) -> None:
    there = files.outputs(at.account, run)
    with pytest.raises(KeyboardInterrupt):
        fetch.fetch(at.account, tmp_path, fetch.transfers(run, there, there), Interrupted())
    assert contents(tmp_path)
    fetched(at, run, tmp_path)
    assert contents(tmp_path) == {path: path * 1000 for path in PATHS}


def test_a_run_without_outputs_has_none(at: Desk) -> None:
    started = at.start("pass")
    at.follow(started)
    assert files.outputs(at.account, started) == ()
