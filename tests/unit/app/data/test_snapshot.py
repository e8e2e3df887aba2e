"""The packed rows: the same ones from whatever files, in one process or several."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import tempfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from app import data
from app.config import Config, Problem
from app.data import snapshot as packing
from app.data.schema import Label, Schema
from app.runtime import Group, single

Settings = Callable[..., Config]
Snapshots = Callable[..., data.Snapshot]
Write = Callable[..., str]
Python = Callable[..., subprocess.Popen[str]]


def load(config: Config) -> data.Snapshot:
    return data.open_snapshot(config, single())


def test_the_digits_are_packed_row_by_row(settings: Settings) -> None:
    snapshot = load(settings())
    assert (snapshot.features.shape, snapshot.features.dtype) == ((1797, 64), torch.float32)
    assert snapshot.features.stride() == (64, 1)
    assert (snapshot.labels.shape, snapshot.labels.dtype) == ((1797,), torch.int64)
    table = pq.read_table(settings().data)
    assert snapshot.labels.tolist() == table["LABEL"].to_pylist()
    pixels = torch.tensor([table[name].to_pylist() for name in snapshot.columns]).T
    features = snapshot.schema["features"]
    mean, deviation = (torch.tensor([feature[word] for feature in features]) for word in ("mean", "deviation"))
    torch.testing.assert_close(snapshot.features * deviation + mean, pixels.float(), atol=1e-4, rtol=0)
    assert snapshot.features.mean(dim=0).abs().max() < 1e-3
    snapshot.close()
    snapshot.close()


def test_the_manifest_says_what_it_is_and_where_it_came_from(settings: Settings) -> None:
    snapshot = load(settings(features="PIXEL_20, PIXEL_3"))
    manifest = json.loads(json.dumps(snapshot.manifest))
    assert manifest["rows"] == len(snapshot) == 1797
    assert manifest["columns"] == list(snapshot.columns) == ["PIXEL_20", "PIXEL_3"]
    assert manifest["dtypes"] == {"features": "float32", "labels": "int64"}
    assert manifest["schema"] == snapshot.schema
    size = Path(settings().data).stat().st_size
    assert manifest["source"] == {"data": settings().data, "files": [{"path": settings().data, "bytes": size}]}
    assert manifest["sha256"] == snapshot.fingerprint
    assert (manifest["training"], manifest["held_out"]) == (len(snapshot.training), len(snapshot.held_out))


def test_nothing_is_left_on_the_disk(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    snapshot = load(settings())
    assert list(tmp_path.iterdir()) == []
    assert snapshot.features.sum().isfinite()
    with pytest.raises(Problem):
        load(settings(classes=5))
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_is_full_is_noticed_before_anything_is_written(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int, offset: int, length: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(Problem, match=r"0\.0 GiB do not fit into .*: No space left on device\nfix: set TMPDIR"):
        load(settings())


# The same rows ---------------------------------------------------------------------------------------------------


def test_rows_are_the_same_in_whatever_order_pieces_and_files_they_come(settings: Settings, tmp_path: Path) -> None:
    loaded = load(settings())
    table = pq.read_table(settings().data)
    shuffled = table.take(np.random.default_rng(0).permutation(len(table)))
    pq.write_table(shuffled, tmp_path / "shuffled.parquet", row_group_size=100)
    folder = tmp_path / "folder"
    (folder / "below").mkdir(parents=True)
    pq.write_table(table.slice(1000), folder / "a.parquet")
    pq.write_table(table.slice(0, 0), folder / "b.parquet")
    pq.write_table(table.slice(0, 1000), folder / "below" / "c.parquet", row_group_size=300)
    for path in (tmp_path / "shuffled.parquet", f"{folder}/"):
        again = load(settings(data=str(path)))
        assert again.fingerprint == loaded.fingerprint
        for name in ("training", "held_out"):
            one, other = (getattr(each, name) for each in (loaded, again))
            assert torch.equal(loaded.features[one], again.features[other])
            assert torch.equal(loaded.labels[one], again.labels[other])


def test_another_value_or_schema_is_another_fingerprint(snapshot: Snapshots) -> None:
    content = {"X": np.arange(50.0)}
    prints = {
        snapshot(content).fingerprint,
        snapshot({"Y": np.arange(50.0)}).fingerprint,
        snapshot({"X": np.arange(50.0) * 2}).fingerprint,
        snapshot(content | {"LABEL": np.ones(50, int)}).fingerprint,
        snapshot(content | {"ROW_ID": np.arange(1, 51)}).fingerprint,
        snapshot(content, columns='{"X": {"mean": 0}}').fingerprint,
    }
    assert len(prints) == 6
    assert snapshot(content).fingerprint in prints


@pytest.mark.parametrize("shuffle_gib", [8, 0])
def test_many_blocks_are_gone_through_as_one(
    snapshot: Snapshots, monkeypatch: pytest.MonkeyPatch, shuffle_gib: int
) -> None:
    ids = np.random.default_rng(1).permutation(200)

    def made(ids: Any) -> data.Snapshot:
        content = {"ROW_ID": ids, "X": np.arange(200)}
        return snapshot(content, columns='{"X": {"mean": 0}}', held_out=50, shuffle_gib=shuffle_gib)

    at_once = made(ids)
    monkeypatch.setattr(packing, "BLOCK_BYTES", 7 * 20)
    in_blocks = made(ids)
    assert in_blocks.fingerprint == at_once.fingerprint
    for name in ("training", "held_out"):
        assert torch.equal(getattr(in_blocks, name), getattr(at_once, name))
    assert sorted(in_blocks.training.tolist() + in_blocks.held_out.tolist()) == list(range(200))
    for first, second in ((12, 13), (13, 14), (13, 150)):  # within a block, where two meet, and far apart
        repeated = np.arange(200)
        repeated[second] = first
        with pytest.raises(Problem, match=f"ROW_ID {first} occurs twice"):
            made(repeated)


def test_rows_are_gone_through_by_id_or_by_place_where_they_are_many(snapshot: Snapshots) -> None:
    """By place, disks are read in long runs. The order is then part of what the data is."""
    ids = np.random.default_rng(1).permutation(200)
    by_id, by_place = (snapshot({"ROW_ID": ids, "X": ids}, shuffle_gib=limit) for limit in (8, 0))
    for one in (by_id.training, by_id.held_out):
        assert (by_id.features[one, 0].diff() > 0).all()
    for one in (by_place.training, by_place.held_out):
        assert (one.diff() > 0).all()
    assert set(by_id.training.tolist()) == set(by_place.training.tolist())
    assert by_id.fingerprint != by_place.fingerprint
    assert len({snapshot({"X": np.arange(200)}, shuffle_gib=limit).fingerprint for limit in (8, 0)}) == 1


def test_the_fingerprint_takes_little_memory_however_wide_the_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "BLOCK_BYTES", 2**16)
    wide, backwards = np.ones((1000, 1000), np.float32), np.arange(1000)[::-1]
    tracemalloc.start()
    packing.fingerprint(Schema("ROW_ID", Label("LABEL", 10), ()), [wide], backwards)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert 2**15 < peak < 2**18


# Held-out rows ---------------------------------------------------------------------------------------------------


def test_a_row_stays_on_its_side_when_others_come_and_go(snapshot: Snapshots) -> None:
    def sides(rows: int) -> tuple[set[int], set[int]]:
        made = snapshot({"X": np.arange(rows)}, held_out=20)
        return set(made.training.tolist()), set(made.held_out.tolist())

    training, held_out = sides(1000)
    fewer_training, fewer_held_out = sides(500)
    assert fewer_training < training
    assert fewer_held_out < held_out
    assert training | held_out == set(range(1000))
    assert not training & held_out


def test_about_the_share_asked_for_is_held_out_of_every_class(settings: Settings) -> None:
    snapshot = load(settings())
    counts = np.bincount(snapshot.labels[snapshot.held_out].numpy())
    assert 0.18 < len(snapshot.held_out) / 1797 < 0.22
    assert counts.min() > 0.1 * 178


def test_too_few_rows_are_refused(snapshot: Snapshots) -> None:
    with pytest.raises(Problem, match="do not fill one batch of 64"):
        snapshot({"X": np.arange(60)}, batch_size=64)
    with pytest.raises(Problem, match="none of the 2 rows is held out"):
        snapshot({"X": np.arange(2), "ROW_ID": [1, 2]}, held_out=1)


# Several processes -----------------------------------------------------------------------------------------------

RANK = """
import os, sys
import torch.distributed as dist
from app import data
from app.config import Config, Problem
from app.runtime import Group
import torch
rank, store, node = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
dist.init_process_group("gloo", init_method="file://" + store, rank=rank, world_size=3)
group = Group(rank, rank % node, 3, torch.device("cpu"))
try:
    config = Config(data=sys.argv[4], batch_size=63, classes=int(sys.argv[5]))
    snapshot = data.open_snapshot(config, group)
    print(snapshot.fingerprint, float(snapshot.features.numpy().sum()))
except Problem as problem:
    print(str(problem).splitlines()[0])
dist.destroy_process_group()
"""


def ranks(python: Python, store: Path, *words: object) -> list[str]:
    started = [python("-c", RANK, str(rank), str(store), *map(str, words)) for rank in range(3)]
    said = [process.communicate(timeout=240) for process in started]
    assert [process.returncode for process in started] == [0, 0, 0], said
    return [out.strip() for out, _ in said]


def test_three_processes_on_two_nodes_open_the_same_snapshot(
    python: Python, settings: Settings, tmp_path: Path
) -> None:
    alone = load(settings())
    said = ranks(python, tmp_path / "store", 2, settings().data, 10)
    assert said == [f"{alone.fingerprint} {float(alone.features.numpy().sum())}"] * 3


def test_what_one_process_cannot_read_ends_all_of_them(python: Python, settings: Settings, tmp_path: Path) -> None:
    said = ranks(python, tmp_path / "store", 3, settings().data, 5)
    assert [line.split("error: ")[1][-24:] for line in said] == ["LABEL holds 5, outside 0..4"[-24:]] * 3
    assert "rank 0: " in said[1]


def test_nodes_that_have_read_different_rows_are_refused(settings: Settings) -> None:
    class Two(Group):
        """The first of two nodes; the second packs something else."""

        def gather(self, item: Any) -> list[Any]:
            if not isinstance(item, tuple):
                return [item, item]
            packed, told = item
            other = (packed[0], packed[1] | {"sha256": "other"}) if isinstance(packed, tuple) else packed
            return [item, (other, told)]

    with pytest.raises(Problem, match="the nodes have read different rows") as problem:
        data.open_snapshot(settings(), Two(0, 0, 2, torch.device("cpu")))
    assert problem.value.code == 1


def test_a_batch_that_cannot_be_shared_evenly_is_refused(settings: Settings) -> None:
    with pytest.raises(Problem, match="a batch of 64 rows cannot be shared out evenly to 3 processes"):
        data.open_snapshot(settings(), Group(0, 0, 3, torch.device("cpu")))
