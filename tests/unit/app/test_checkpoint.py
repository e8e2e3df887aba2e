from __future__ import annotations

import io
import shutil
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import torch

from app import checkpoint

Save = Callable[..., Path]


@pytest.fixture
def save(tmp_path: Path) -> Save:
    """Saves a checkpoint whose state tells its step, and returns its folder."""

    def make(step: int, best: int = 0, keep: int = 100, say: Callable[[str], None] = pytest.fail) -> Path:
        with closing(checkpoint.Writer(tmp_path / "checkpoints", keep, say)) as writer:
            writer.save(step, state(step), best, processes=1)
        folders = checkpoint.ordered(tmp_path / "checkpoints")
        return [folder for folder in folders if checkpoint.order(folder)[0] == step][-1]

    return make


def state(step: int) -> dict[str, Any]:
    return {"step": step, "weights": torch.full((3000,), float(step)), "more": [{"betas": (0.9, 0.99)}]}


def restored(tmp_path: Path) -> tuple[int | None, list[str]]:
    """The step of the state that is found, and what was said about others."""
    said: list[str] = []
    found = checkpoint.restore([tmp_path / "checkpoints"], said.append)
    return found["step"] if found else None, said


def names(tmp_path: Path) -> list[str]:
    return [folder.name for folder in checkpoint.ordered(tmp_path / "checkpoints")]


def cut(path: Path, size: int) -> None:
    path.write_bytes(path.read_bytes()[:size])


def flip(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def test_the_newest_is_restored(save: Save, tmp_path: Path) -> None:
    for step in (100, 1_000_000, 200):
        save(step)
    assert restored(tmp_path) == (1_000_000, [])
    found = checkpoint.restore([tmp_path / "checkpoints"], pytest.fail)
    assert found
    assert found["weights"].equal(state(1_000_000)["weights"])
    assert {**found, "weights": 0} == {**state(1_000_000), "weights": 0}


def test_nothing_is_found_where_nothing_is(tmp_path: Path) -> None:
    assert restored(tmp_path) == (None, [])


DAMAGES: dict[str, Callable[[Path], object]] = {
    "a flipped byte": lambda folder: flip(folder / "state.pt", 5000),
    "a cut file": lambda folder: cut(folder / "state.pt", 100),
    "a missing file": lambda folder: (folder / "state.pt").unlink(),
    "no manifest": lambda folder: (folder / "manifest.json").unlink(),
    "half a manifest": lambda folder: cut(folder / "manifest.json", 40),
    "another manifest": lambda folder: (folder / "manifest.json").write_text("[]"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_passed_over_with_a_line(save: Save, tmp_path: Path, damage: str) -> None:
    save(100)
    DAMAGES[damage](save(200))
    state, said = restored(tmp_path)
    assert state == 100
    assert len(said) == 1
    assert said[0].startswith("checkpoint step-000200 passed over: ")


def test_every_flipped_byte_of_a_manifest_is_harmless(save: Save, tmp_path: Path) -> None:
    save(100)
    manifest = save(200) / "manifest.json"
    whole = manifest.read_bytes()
    for at in range(len(whole)):
        manifest.write_bytes(whole)
        flip(manifest, at)
        state, _ = restored(tmp_path)
        assert state in (100, 200)


def test_a_name_is_never_used_again(save: Save, tmp_path: Path) -> None:
    broken = save(200)
    (broken / "manifest.json").unlink()
    again, more = save(200), save(200)
    assert broken.name == "step-000200"
    assert len({broken.name, again.name, more.name}) == 3
    assert names(tmp_path) == [again.name, more.name]
    assert restored(tmp_path) == (200, [])


def test_a_file_is_only_put_under_a_new_name(tmp_path: Path) -> None:
    (tmp_path / "b").write_text("old")
    with pytest.raises(FileExistsError):
        checkpoint.put(tmp_path / "b", io.BytesIO(b"new"))
    checkpoint.publish(tmp_path / "b", b"new")
    assert (tmp_path / "b").read_text() == "new"


def test_pruning_keeps_the_saved_one_those_before_it_and_the_best(save: Save, tmp_path: Path) -> None:
    for step in (100, 200, 300, 400, 500):
        save(step, best=200)
    save(600, best=200, keep=3)
    assert names(tmp_path) == ["step-000200", "step-000400", "step-000500", "step-000600"]
    save(700, best=700, keep=2)
    assert names(tmp_path) == ["step-000600", "step-000700"]


def test_what_is_no_whole_checkpoint_is_removed_and_not_counted(save: Save, tmp_path: Path) -> None:
    """After a crash there may be several; the older whole ones are what is left if the newest is damaged, too."""
    for step in (100, 200, 300, 400):
        save(step)
    for step in (300, 400):
        (tmp_path / "checkpoints" / f"step-000{step}" / "manifest.json").unlink()
    save(500, best=400, keep=3)
    assert names(tmp_path) == ["step-000100", "step-000200", "step-000500"]


def test_a_folder_of_another_name_is_none_of_ours(save: Save, tmp_path: Path) -> None:
    for name in ("step-old", "step-"):
        (tmp_path / "checkpoints" / name).mkdir(parents=True)
    save(100, keep=2)
    assert restored(tmp_path) == (100, [])
    assert (tmp_path / "checkpoints" / "step-old").exists()


def test_pruning_leaves_what_was_passed_over_and_what_was_restored(save: Save, tmp_path: Path) -> None:
    good, broken, more = save(100), save(300), save(400)
    for folder in (broken, more):
        flip(folder / "state.pt", 0)
    save(200, keep=2)
    assert good.exists()
    assert restored(tmp_path)[0] == 200


def test_a_prune_that_fails_only_says_so(save: Save, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(folder: Path) -> None:
        raise PermissionError("not now")

    first = save(100)
    save(200, keep=2)
    monkeypatch.setattr(shutil, "rmtree", refuse)
    said: list[str] = []
    save(300, keep=2, say=said.append)
    assert said == ["checkpoint step-000100 could not be removed: not now"]
    assert not (first / "manifest.json").exists()


def test_a_snapshot_is_a_copy_in_memory_that_is_used_again() -> None:
    weights = torch.ones(4)
    first = checkpoint.snapshot({"weights": weights, "list": [weights, (1, "text")], "none": None})
    weights.zero_()
    assert first["weights"].tolist() == first["list"][0].tolist() == [1] * 4
    again = checkpoint.snapshot({"weights": weights, "list": [weights, (2, "text")], "none": None}, first)
    assert again["weights"].data_ptr() == first["weights"].data_ptr()
    assert again["weights"].tolist() == [0] * 4
    assert again["list"][1] == (2, "text")
    other = checkpoint.snapshot({"weights": torch.ones(5), "list": []}, again)
    assert other["weights"].tolist() == [1] * 5


def test_only_copies_that_are_waited_for_are_left_to_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only CUDA's: MPS would copy on while the state is written."""
    asked, copy = list[bool](), torch.Tensor.copy_

    def seen(self: torch.Tensor, source: torch.Tensor, non_blocking: bool = False) -> torch.Tensor:
        asked.append(non_blocking)
        return copy(self, source, non_blocking)

    monkeypatch.setattr(torch.Tensor, "copy_", seen)
    checkpoint.snapshot(torch.ones(2))
    assert asked == [False]


def test_what_changes_after_a_save_is_not_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The write is held back until the state has gone on."""
    went_on = threading.Event()
    write = checkpoint.Writer.write

    def later(self: checkpoint.Writer, *args: Any) -> None:
        assert went_on.wait(30)
        write(self, *args)

    monkeypatch.setattr(checkpoint.Writer, "write", later)
    told: list[str] = []
    with closing(checkpoint.Writer(tmp_path, 2, pytest.fail, lambda: told.append("whole"))) as writer:
        now = state(5)
        writer.save(5, now)
        now["weights"].zero_()
        assert told == []
        went_on.set()
    assert told == ["whole"]
    found = checkpoint.restore([tmp_path], pytest.fail)
    assert found
    assert found["weights"][0] == 5


def test_it_is_told_when_one_more_save_would_take_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A container has 30 seconds. The clock is turned on while a write is under way."""
    may_end, now = threading.Event(), [0.0]
    monkeypatch.setattr(checkpoint, "prune", lambda *_: may_end.wait(30))
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    said = list[str]()
    with closing(checkpoint.Writer(tmp_path, 2, said.append)) as writer:
        writer.save(1, state(1))
        assert not writer.late()
        now[0] = 15
        assert not writer.late()
        now[0] = 21
        assert writer.late()
        may_end.set()
        writer.wait()
        assert not writer.late()
        assert said == ["the checkpoint took 21 s to write; a container that is stopped has 30"]
        may_end.clear()
        writer.save(2, state(2))
        assert writer.late()
        may_end.set()


def test_the_best_checkpoint_is_taken_over_from_an_earlier_run(save: Save, tmp_path: Path) -> None:
    best, later, said = save(30), tmp_path / "later", list[str]()
    save(35)
    (later / best.name).mkdir(parents=True)  # of a process that was killed while it did this
    for step in (40, 50, 60):
        with closing(checkpoint.Writer(later, 2, pytest.fail, earlier=[tmp_path / "checkpoints"])) as writer:
            writer.save(step, state(step), best=30)
    assert [checkpoint.order(folder)[0] for folder in checkpoint.ordered(later)] == [30, 50, 60]
    found = checkpoint.restore([later], pytest.fail, 30)
    assert found
    assert found["step"] == 30

    (best / "state.pt").unlink()
    with closing(checkpoint.Writer(tmp_path / "last", 2, said.append, earlier=[tmp_path / "checkpoints"])) as writer:
        for step in (40, 50):
            writer.save(step, state(step), best=30)
    assert said[0].startswith("checkpoint step-000030 passed over: ")
    assert said[1:] == ["the earlier run no longer has its best checkpoint, of step 30"]


def test_a_write_that_fails_comes_up_at_the_next_call(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").write_text("a file is in the way")
    writer = checkpoint.Writer(tmp_path / "checkpoints", 2, pytest.fail)
    writer.save(1, state(1))
    with pytest.raises(OSError, match="checkpoints"):
        writer.save(2, state(2))
    writer.close()


def test_a_file_that_is_not_all_there_after_its_close_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "copyfileobj", lambda source, target, size: source.read())
    with pytest.raises(OSError, match="has 0 bytes after writing 3"):
        checkpoint.put(tmp_path / "a", io.BytesIO(b"abc"))


def test_a_step_is_found_in_any_of_the_places_and_the_first_has_precedence(save: Save, tmp_path: Path) -> None:
    save(7)
    save(8)
    with closing(checkpoint.Writer(tmp_path / "later", 2, pytest.fail)) as writer:
        writer.save(5, state(5) | {"step": "five"})
    places = [tmp_path / "later", tmp_path / "checkpoints"]
    found = [checkpoint.restore(places, pytest.fail, step) for step in (7, 5, None, 6)]
    assert [state and state["step"] for state in found] == [7, "five", "five", None]
