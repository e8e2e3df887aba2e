from __future__ import annotations

import decimal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from app import data
from app.config import Config, Problem

Settings = Callable[..., Config]


def rows(count: int) -> data.Rows:
    """Rows whose one feature is their number."""
    ids = np.arange(count)
    return data.Rows(["N"], ids, torch.arange(count, dtype=torch.float32)[:, None], torch.zeros(count).long())


def numbers_of(batch: data.Batch) -> list[int]:
    return [int(number) for number in batch[0][:, 0]]


# Batches and stream ----------------------------------------------------------------------------------------------


def test_no_row_comes_twice_in_an_epoch_and_all_come_in_time() -> None:
    batches = data.Batches(rows(103), 10, seed=1)
    epochs = [[number for _ in range(10) for number in numbers_of(next(batches))] for _ in range(20)]
    assert all(len(set(epoch)) == 100 for epoch in epochs)
    assert set().union(*epochs) == set(range(103))
    assert len({tuple(epoch) for epoch in epochs}) == 20


def test_order_depends_on_the_seed_alone() -> None:
    first, same, other = (data.Batches(rows(50), 10, seed) for seed in (1, 1, 2))
    orders = [[numbers_of(next(batches)) for _ in range(12)] for batches in (first, same, other)]
    assert orders[0] == orders[1] != orders[2]


@pytest.mark.parametrize("stop", [0, 1, 4, 5, 6, 10, 13])
@pytest.mark.parametrize("kind", ["batches", "stream"])
def test_a_saved_state_goes_on_with_the_next_batch(settings: Settings, kind: str, stop: int) -> None:
    config = settings(batch_size=10)
    made: list[Any] = []

    def make() -> Any:
        made.append(data.stream(rows(53), config) if kind == "stream" else data.Batches(rows(53), 10, config.seed))
        return made[-1]

    whole = make()
    expected = [numbers_of(next(whole)) for _ in range(30)]
    stopped, resumed, again = make(), make(), make()
    before = [numbers_of(next(stopped)) for _ in range(stop)]
    resumed.reset(stopped.state_dict())
    between = [numbers_of(next(resumed)) for _ in range(7)]
    again.reset(resumed.state_dict())
    after = [numbers_of(next(again)) for _ in range(30 - 7 - stop)]
    assert before + between + after == expected
    for each in made:
        if kind == "stream":
            each.close()


def test_closing_a_stream_ends_its_thread(settings: Settings) -> None:
    before = set(threading.enumerate())
    stream = data.stream(rows(640), settings())
    stream.close()  # may come before the first batch
    next(stream)
    assert set(threading.enumerate()) - before
    stream.close()
    assert not set(threading.enumerate()) - before


# Held-out rows ---------------------------------------------------------------------------------------------------


def test_a_row_stays_on_its_side_when_others_come_and_go(settings: Settings) -> None:
    config = settings(batch_size=1)
    training, held_out = data.split(rows(1000), config)
    fewer_training, fewer_held_out = data.split(rows(500), config)
    assert set(fewer_training.ids) < set(training.ids)
    assert set(fewer_held_out.ids) < set(held_out.ids)
    assert len(training) + len(held_out) == 1000


def test_about_the_share_asked_for_is_held_out_of_every_class(settings: Settings) -> None:
    _, held_out = data.split(data.load(settings()), settings())
    counts = np.bincount(held_out.labels.numpy())
    assert 0.18 < len(held_out) / 1797 < 0.22
    assert counts.min() > 0.1 * 178


def test_too_few_rows_are_refused(settings: Settings) -> None:
    with pytest.raises(Problem, match="do not fill one batch of 64"):
        data.split(rows(60), settings(batch_size=64))
    with pytest.raises(Problem, match="none of the 2 rows is held out"):
        data.split(rows(3).where(np.array([False, True, True])), settings(held_out=1))


# Reading ---------------------------------------------------------------------------------------------------------


def test_rows_are_the_same_in_whatever_order_and_pieces_they_come(settings: Settings, tmp_path: Path) -> None:
    loaded = data.load(settings())
    table = pq.read_table(settings().data)
    shuffled = table.take(np.random.default_rng(0).permutation(len(table)))
    pq.write_table(shuffled, tmp_path / "shuffled.parquet", row_group_size=100)
    again = data.load(settings(data=str(tmp_path / "shuffled.parquet")))
    assert again.fingerprint() == loaded.fingerprint()
    assert torch.equal(again.features, loaded.features)
    assert (again.features.dtype, again.labels.dtype) == (torch.float32, torch.int64)


def test_another_value_is_another_fingerprint() -> None:
    changed = rows(10)
    changed.features[3] += 1
    assert changed.fingerprint() != rows(10).fingerprint()


def test_shards_of_different_widths_fit_together(settings: Settings) -> None:
    tens = [decimal.Decimal("0.5"), decimal.Decimal("2.0")]
    parts = [
        {"ROW_ID": pa.array([1, 2], pa.int8()), "LABEL": pa.array([0, 1], pa.int8()), "X": pa.array(tens)},
        {"ROW_ID": pa.array([300], pa.int16()), "LABEL": pa.array([2.0]), "X": pa.array([True])},
    ]
    shards = [data.Shard("s", len(part["X"]), lambda part=part: pa.table(part)) for part in parts]  # type: ignore[misc]
    packed = data.pack(["ROW_ID", "LABEL", "X"], shards, settings())
    assert packed.features.flatten().tolist() == [0.5, 2.0, 1.0]
    assert packed.labels.tolist() == [0, 1, 2]


def test_features_can_be_chosen(settings: Settings) -> None:
    loaded = data.load(settings(features="PIXEL_20, PIXEL_3"))
    assert loaded.columns == ["PIXEL_20", "PIXEL_3"]
    assert torch.equal(loaded.features[:, 1], data.load(settings()).features[:, 3])


GOOD: dict[str, Any] = {"ROW_ID": [0, 1, 2], "LABEL": [0, 1, 2], "X": [0.5, 1.5, 2.5]}


@pytest.mark.parametrize(
    ("columns", "options", "what"),
    [
        ({"X": [0.5, None, 2.5]}, {}, "X holds 1 nulls"),
        ({"LABEL": [0, None, 1]}, {}, "LABEL holds 1 nulls"),
        ({"X": [0.5, float("nan"), 2.5]}, {}, "X holds NaN or infinity"),
        ({"X": [0.5, 1e300, 2.5]}, {}, "X holds NaN or infinity"),
        ({"X": [1, 2, 2**24 + 1]}, {}, "X holds whole numbers beyond 2^24"),
        ({"X": [1, 2, -(2**62)]}, {}, "X "),
        ({"X": ["a", "b", "c"]}, {}, "X does not hold numbers: its type is string"),
        ({"LABEL": ["1", "2", "3"]}, {}, "LABEL does not hold whole numbers: its type is string"),
        ({"LABEL": [0.5, 1.0, 2.0]}, {}, "LABEL does not hold whole numbers"),
        ({"LABEL": [0, 1, 10]}, {}, "LABEL holds 10, outside 0..9"),
        ({"LABEL": [0, 1, -1]}, {}, "LABEL holds -1, outside 0..9"),
        ({"ROW_ID": [1, 1, 2]}, {}, "ROW_ID 1 occurs twice"),
        ({"ROW_ID": [], "LABEL": [], "X": []}, {}, "has no rows"),
        ({}, {"label": "LABL"}, "has no column LABL (--label)\nfix: did you mean LABEL?"),
        ({}, {"row_id": "ID"}, "has no column ID (--row-id)\nfix: choose from ROW_ID, LABEL, X"),
        ({}, {"features": "X,Y"}, "has no column Y (--features)"),
        ({}, {"label": "X", "row_id": "ROW_ID", "features": ""}, "X does not hold whole numbers"),
    ],
)
def test_data_that_would_train_on_something_else_is_refused(
    settings: Settings, tmp_path: Path, columns: dict[str, Any], options: dict[str, str], what: str
) -> None:
    pq.write_table(pa.table(GOOD | columns), tmp_path / "some.parquet")
    with pytest.raises(Problem) as problem:
        data.load(settings(data=str(tmp_path / "some.parquet"), **options))
    assert what in str(problem.value)
    assert "\nfix: " in str(problem.value)
    assert problem.value.code == 2


def test_a_table_without_features_is_refused(settings: Settings) -> None:
    with pytest.raises(Problem, match="no column to learn from"):
        data.feature_columns(["ROW_ID", "LABEL"], settings())


@pytest.mark.parametrize("content", [None, pa.table({"X": [1] * 500})])
def test_a_short_shard_is_refused(content: pa.Table | None) -> None:
    with pytest.raises(Problem, match=r"DIGITS batch 3 holds (0|500) rows of 1000"):
        data.read(data.Shard("DIGITS batch 3", 1000, lambda: content))


def test_the_first_shard_is_read_by_the_main_thread_alone() -> None:
    readers: list[threading.Thread] = []

    def read() -> pa.Table:
        readers.append(threading.current_thread())
        return pa.table({"X": [1]})

    contents = data.fetch([data.Shard("empty", 0, lambda: None)] + [data.Shard("s", 1, read) for _ in range(5)])
    next(contents)
    assert readers == [threading.main_thread()]
    assert len(list(contents)) == 4
    assert threading.main_thread() not in readers[1:]


def test_a_file_that_cannot_be_read_is_named(settings: Settings, tmp_path: Path) -> None:
    broken = tmp_path / "broken.parquet"
    with pytest.raises(Problem, match=r"broken\.parquet: there is no such file"):
        data.load(settings(data=str(broken)))
    broken.write_bytes(b"no Parquet at all")
    with pytest.raises(Problem, match=r"cannot read .*broken\.parquet"):
        data.load(settings(data=str(broken)))


def test_a_table_without_a_way_to_it_says_what_to_add(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SNOWFLAKE_HOST", raising=False)
    with pytest.raises(Problem, match="add --connection NAME") as problem:
        data.load(settings(data="DIGITS"))
    assert problem.value.code == 2
