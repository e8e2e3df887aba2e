"""The order of the rows: the same however often a run is interrupted, and by however many processes it is shared."""

from __future__ import annotations

import random
import subprocess
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch

from app import data
from app.config import Config
from app.data import batches
from app.data.batches import Batches, Order
from app.runtime import Group, single

Settings = Callable[..., Config]
Snapshots = Callable[..., data.Snapshot]
Python = Callable[..., subprocess.Popen[str]]
# As they are; no normalisation, so that a row is known by its number.
PLAIN = '{"N": {"mean": 0}}'


@pytest.fixture
def counted(snapshot: Snapshots) -> Callable[[int], data.Snapshot]:
    """A snapshot whose one feature is the row's number."""
    return lambda rows: snapshot({"N": np.arange(rows)}, columns=PLAIN)


def numbers_of(batch: data.Batch) -> list[int]:
    return [int(number) for number in batch[0][:, 0]]


def member(rank: int, world: int) -> Group:
    return Group(rank, rank, world, torch.device("cpu"))


# By rows, and by blocks.
ORDERS = pytest.mark.parametrize(
    "order", [lambda rows, seed: Order(rows, seed, len(rows)), lambda rows, seed: Order(rows, seed, 7, 3)]
)


@ORDERS
def test_an_epoch_has_each_row_once_whatever_the_batches(order: Any) -> None:
    for count in (1, 6, 7, 20, 21, 22, 62, 63, 64, 100):
        rows = torch.arange(count) * 2
        whole = order(rows, 5)(3, 0, count)
        assert sorted(whole.tolist()) == rows.tolist()
        again = order(rows, 5)
        for size in (1, 5, 8, 30):
            parts = [again(3, first, min(first + size, count)) for first in range(0, count, size)]
            assert torch.cat(parts).tolist() == whole.tolist()


@ORDERS
def test_order_differs_by_epoch_and_by_seed_alone(order: Any) -> None:
    one = order(torch.arange(100), 1)
    first = [one(epoch, 0, 100).tolist() for epoch in range(4)]
    assert len({tuple(each) for each in first}) == 4
    assert order(torch.arange(100), 1)(2, 0, 100).tolist() == first[2]
    assert order(torch.arange(100), 2)(2, 0, 100).tolist() != first[2]


def test_blocks_are_read_in_runs_and_rows_mixed_within_a_window() -> None:
    order = Order(torch.arange(10_000), 0, block=100, window=10)(0, 0, 10_000).numpy()
    for window in order.reshape(10, 1000):
        blocks = set(window // 100)
        assert len(blocks) == 10
        assert blocks != set(range(min(blocks), min(blocks) + 10))
        assert (np.diff(window) != 1).mean() > 0.9


def test_the_order_of_a_seed_stays_what_it_was() -> None:
    """Checkpoints outlive versions of torch: a resumed run must see the rows that an older one would have."""
    assert Order(torch.arange(10), 0, block=10)(0, 0, 10).tolist() == [7, 0, 9, 2, 1, 3, 8, 4, 6, 5]
    assert Order(torch.arange(10), 0, block=2, window=2)(0, 0, 10).tolist() == [3, 5, 4, 2, 7, 6, 1, 0, 8, 9]


@pytest.mark.parametrize(("rows", "small"), [(2**31 - 3, True), (2**40, False)])
def test_positions_are_as_wide_as_they_have_to_be(rows: int, small: bool) -> None:
    last = torch.arange(rows, rows + 3)
    assert sorted(Order(last, 0, 3, small=small)(0, 0, 3).tolist()) == last.tolist()


def test_no_row_comes_twice_in_an_epoch_and_all_come_in_time(
    counted: Callable[[int], data.Snapshot], settings: Settings
) -> None:
    snapshot = counted(113)
    rows = set(snapshot.training.tolist())
    stream = data.stream(snapshot, settings(batch_size=10), single())
    count = len(rows) // 10
    epochs = [[number for _ in range(count) for number in numbers_of(next(stream))] for _ in range(20)]
    stream.close()
    assert all(len(set(epoch)) == 10 * count for epoch in epochs)
    assert set().union(*epochs) == rows


@pytest.mark.parametrize("shuffle_gib", [8, 0])
def test_200_interrupted_streams_equal_one_that_never_was(
    counted: Callable[[int], data.Snapshot], settings: Settings, monkeypatch: pytest.MonkeyPatch, shuffle_gib: int
) -> None:
    """Over 1 to 4 ranks, with and without prefetching, stopped at random places and at the ends of epochs: always the
    same global batches. 200 trials each, of the order by rows and of the one by blocks."""
    monkeypatch.setattr(batches, "BLOCK", 7)
    snapshot, chance, config = counted(60), random.Random(0), settings(batch_size=12, shuffle_gib=shuffle_gib)

    def part(rank: int, world: int, start: int) -> Batches:
        return Batches(snapshot, config, member(rank, world), start)

    whole = part(0, 1, 0)
    epoch, length = whole.per_epoch, 6 * whole.per_epoch
    expected = [numbers_of(next(whole)) for _ in range(length)]
    for trial in range(200):
        done: list[list[int]] = []
        while len(done) < length:
            at_the_end = epoch * chance.randint(len(done) // epoch + 1, length // epoch)
            stop = chance.choice([at_the_end, chance.randint(len(done) + 1, length)])
            ranks = range(chance.choice([1, 2, 3, 4]))
            parts: list[Any] = [part(rank, len(ranks), len(done)) for rank in ranks]
            if prefetched := trial % 20 == 0:
                parts = [data.Stream(each, pin=False) for each in parts]
            made = [[number for each in parts for number in numbers_of(next(each))] for _ in range(stop - len(done))]
            assert {each.state_dict()["batch"] for each in parts} == {stop}
            if prefetched:
                with ThreadPoolExecutor() as pool:  # each waits for its thread
                    list(pool.map(data.Stream.close, parts))
            done += made
        assert done == expected


def test_labels_come_with_their_rows(snapshot: Snapshots, settings: Settings) -> None:
    made = snapshot({"N": np.arange(50), "LABEL": np.arange(50) % 7}, columns=PLAIN, classes=7)
    stream = data.stream(made, settings(batch_size=8), single())
    for _ in range(20):
        features, labels = next(stream)
        assert torch.equal(features[:, 0].long() % 7, labels)
    stream.close()


def test_a_batch_is_a_copy(counted: Callable[[int], data.Snapshot], settings: Settings) -> None:
    snapshot = counted(40)
    stream = data.stream(snapshot, settings(batch_size=8), single())
    features, _ = next(stream)
    stream.close()
    features.zero_()
    assert snapshot.features[:, 0].tolist() == list(range(40))


def test_closing_a_stream_ends_its_thread(counted: Callable[[int], data.Snapshot], settings: Settings) -> None:
    before = set(threading.enumerate())
    stream = data.stream(counted(640), settings(), single())
    stream.close()  # may come before the first batch
    next(stream)
    assert set(threading.enumerate()) - before
    stream.close()
    stream.close()
    assert not set(threading.enumerate()) - before


def test_the_ranks_share_the_held_out_rows_without_one_left_out_or_doubled(
    counted: Callable[[int], data.Snapshot],
) -> None:
    snapshot = counted(500)
    for world in (1, 2, 3, 7):
        parts = [list(data.held_out(snapshot, member(rank, world), rows=10)) for rank in range(world)]
        assert max(len(batch[0]) for part in parts for batch in part) <= 10
        assert [n for part in parts for batch in part for n in numbers_of(batch)] == snapshot.held_out.tolist()


def test_a_rank_may_have_no_held_out_row(counted: Callable[[int], data.Snapshot]) -> None:
    snapshot = counted(40)
    assert 0 < len(snapshot.held_out) < 7
    parts = [list(data.held_out(snapshot, member(rank, 7))) for rank in range(7)]
    assert [] in parts
    assert [n for part in parts for batch in part for n in numbers_of(batch)] == snapshot.held_out.tolist()


def test_batches_alone_can_be_saved_and_set_back(counted: Callable[[int], data.Snapshot], settings: Settings) -> None:
    snapshot = counted(60)
    one, other = (Batches(snapshot, settings(batch_size=10), single(), start=3) for _ in range(2))
    for _ in range(7):
        next(one)
    other.reset(one.state_dict())
    assert [numbers_of(next(one)) for _ in range(9)] == [numbers_of(next(other)) for _ in range(9)]


def test_data_beyond_the_limit_is_shuffled_in_blocks(
    counted: Callable[[int], data.Snapshot], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "BLOCK", 7)
    snapshot = counted(60)
    blocks = [
        Batches(snapshot, settings(batch_size=10, shuffle_gib=limit), single(), 0).order.block for limit in (8, 0)
    ]
    assert blocks == [len(snapshot.training), 7]


# Leaving in the middle -------------------------------------------------------------------------------------------

EXITS = 8  # benchmarks/loader.py has 50


def test_a_process_that_closes_its_stream_leaves_with_0(python: Python, settings: Settings) -> None:
    for first in range(1, EXITS, 2):
        pair = [python("-m", "benchmarks.leave", settings().data, str(first + i)) for i in range(2)]
        said = [process.communicate(timeout=240) for process in pair]
        assert [(process.returncode, err) for process, (_, err) in zip(pair, said, strict=True)] == [(0, "")] * 2
