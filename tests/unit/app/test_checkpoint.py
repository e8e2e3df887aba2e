from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from app import checkpoint

Save = Callable[[int], Path]


@pytest.fixture
def save(tmp_path: Path) -> Save:
    """Saves a checkpoint whose state tells its step."""
    local = tmp_path / "local"
    local.mkdir()

    def make(step: int) -> Path:
        (local / "state.pt").write_bytes(f"state of {step} ".encode() * 1000)
        (local / "metrics.jsonl").write_text("{}\n")
        return checkpoint.save(tmp_path / "checkpoints", step, [local / "state.pt", local / "metrics.jsonl"])

    return make


def restored(tmp_path: Path) -> tuple[str | None, list[str]]:
    """The state that is found, and what was said about others."""
    into = tmp_path / "into"
    into.mkdir(exist_ok=True)
    said: list[str] = []
    found = checkpoint.restore(tmp_path / "checkpoints", into, said.append)
    return (into / "state.pt").read_text().partition(" state")[0] if found else None, said


def cut(path: Path, size: int) -> None:
    path.write_bytes(path.read_bytes()[:size])


def flip(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def test_newest_is_restored_with_all_its_files(save: Save, tmp_path: Path) -> None:
    for step in (100, 1_000_000, 200):
        save(step)
    assert restored(tmp_path) == ("state of 1000000", [])
    assert (tmp_path / "into" / "metrics.jsonl").read_text() == "{}\n"


def test_nothing_is_found_where_nothing_is(tmp_path: Path) -> None:
    assert restored(tmp_path) == (None, [])


DAMAGES: dict[str, Callable[[Path], object]] = {
    "a flipped byte": lambda folder: flip(folder / "state.pt", 5000),
    "a cut file": lambda folder: cut(folder / "state.pt", 100),
    "a missing file": lambda folder: (folder / "metrics.jsonl").unlink(),
    "no manifest": lambda folder: (folder / "manifest.json").unlink(),
    "half a manifest": lambda folder: cut(folder / "manifest.json", 40),
    "another manifest": lambda folder: (folder / "manifest.json").write_text("[]"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_passed_over_with_a_line(save: Save, tmp_path: Path, damage: str) -> None:
    save(100)
    DAMAGES[damage](save(200))
    state, said = restored(tmp_path)
    assert state == "state of 100"
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
        assert state in ("state of 100", "state of 200")


def test_a_name_is_never_used_again(save: Save, tmp_path: Path) -> None:
    broken = save(200)
    (broken / "manifest.json").unlink()
    assert [save(200).name, save(200).name] == ["step-000200.1", "step-000200.2"]
    assert not (broken / "manifest.json").exists()
    assert restored(tmp_path) == ("state of 200", [])


def test_a_copy_refuses_a_name_that_is_taken(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("new")
    (tmp_path / "b").write_text("old")
    with pytest.raises(FileExistsError):
        checkpoint.copy(tmp_path / "a", tmp_path / "b")
    checkpoint.replace(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b").read_text() == "new"


def test_pruning_keeps_the_saved_one_and_those_before_it(save: Save, tmp_path: Path) -> None:
    saved = [save(step) for step in (100, 200, 300, 400)]
    checkpoint.prune(saved[0], 3, pytest.fail)
    checkpoint.prune(saved[2], 5, pytest.fail)
    assert all(folder.exists() for folder in saved)
    checkpoint.prune(saved[3], 2, pytest.fail)
    assert [folder.exists() for folder in saved] == [False, False, True, True]


def test_pruning_leaves_what_was_passed_over_and_what_was_restored(save: Save, tmp_path: Path) -> None:
    good, broken, more = save(100), save(300), save(400)
    for folder in (broken, more):
        flip(folder / "state.pt", 0)
    checkpoint.prune(save(200), 2, pytest.fail)
    assert good.exists()
    assert restored(tmp_path)[0] == "state of 200"


def test_a_prune_that_fails_only_says_so(save: Save, tmp_path: Path) -> None:
    old, new = save(100), save(200)
    (old / "folder").mkdir()
    said: list[str] = []
    checkpoint.prune(new, 2, said.append)
    assert not said
    checkpoint.prune(save(300), 2, said.append)
    assert [line.split(":")[0] for line in said] == ["checkpoint step-000100 could not be removed"]
