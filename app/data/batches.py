"""The snapshot's rows as batches, in an order that follows from the seed alone: not from where a run was interrupted,
nor from how many processes share the work.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torchdata.nodes import BaseNode, PinMemory, Prefetcher

from app.config import Config
from app.data.snapshot import Snapshot, in_blocks, shut
from app.runtime import Group

Batch = tuple[Tensor, Tensor]
AHEAD = 4
EVALUATION_ROWS = 8192
BLOCK, WINDOW = 4096, 64  # rows in a block that is read in one go; blocks whose rows are mixed


class Order:
    """Each epoch's order of the row positions `rows` [N] int64, made from the seed and the epoch's number. `small` says
    that int32 can hold them.

    Blocks of them are permuted, then the rows of each window of blocks. For data larger than memory: disks are read in
    long runs, and neither the order nor the rows of more than a window are held. One block of all is a permutation.
    """

    def __init__(self, rows: Tensor, seed: int, block: int, window: int = WINDOW, small: bool = False) -> None:
        self.rows, self.seed, self.block, self.window, self.small = rows, seed, block, window, small
        self.epoch = self.opened = -1

    def __call__(self, epoch: int, first: int, last: int) -> Tensor:
        """Those that come first..last-1 in the epoch."""
        if epoch != self.epoch:
            self.begin(epoch)
        pieces = []
        while first < last:
            number = bisect_right(self.ends, first)
            start = self.ends[number - 1] if number else 0
            if number != self.opened:
                self.open(number)
            pieces.append(self.mixed[first - start : last - start])
            first = self.ends[number]
        return pieces[0] if len(pieces) == 1 else torch.cat(pieces)

    def begin(self, epoch: int) -> None:
        total = len(self.rows)
        blocks = permutation(-(-total // self.block), self.seed, epoch).tolist()
        starts = [number * self.block for number in blocks]
        self.windows = [starts[i : i + self.window] for i in range(0, len(starts), self.window)]
        # Where each ends; the one block that is shorter than the others may be in any of them.
        self.ends = list(accumulate(sum(min(self.block, total - start) for start in window) for window in self.windows))
        self.epoch, self.opened = epoch, -1

    def open(self, number: int) -> None:
        blocks = [self.rows[start : start + self.block] for start in self.windows[number]]
        here = torch.cat(blocks) if len(blocks) > 1 else blocks[0]  # one is not copied: it may be all rows
        self.mixed = torch.empty(0)  # not to have two of them in memory
        # Whole, not batch by batch: rows looked up in one go cost a third. In int32 they cost half of that again.
        chosen = permutation(len(here), self.seed, self.epoch, number)
        self.mixed = (here.int() if self.small else here).index_select(0, chosen)
        self.opened = number


def permutation(count: int, *seeds: int) -> Tensor:
    """Of 0..count-1; of the seeds alone. Twice as fast in int32."""
    mixed = np.random.SeedSequence(seeds).generate_state(1, np.uint64)
    generator = torch.Generator().manual_seed(int(mixed[0] >> np.uint64(1)))
    return torch.randperm(count, generator=generator, dtype=torch.int32 if count < 2**31 else torch.int64)


class Batches(BaseNode[Batch]):  # type: ignore[misc]  # torchdata carries no types
    """Endless whole batches: in each epoch, batch k is the k-th slice of its order, and rank r has the r-th part of the
    slice. No row comes twice in an epoch; the few left over differ from epoch to epoch. The state is one integer.
    """

    def __init__(self, snapshot: Snapshot, config: Config, group: Group, start: int) -> None:
        super().__init__()
        block = BLOCK if in_blocks(snapshot.features, config) else len(snapshot.training)
        self.order = Order(snapshot.training, config.seed, block, small=len(snapshot.features) < 2**31)
        self.snapshot, self.size, self.start = snapshot, config.batch_size, start
        self.share = config.batch_size // group.world
        self.offset = group.rank * self.share
        self.per_epoch = len(snapshot.training) // config.batch_size

    def reset(self, initial_state: dict[str, Any] | None = None) -> None:
        super().reset(initial_state)
        self.batch = int(initial_state["batch"]) if initial_state else self.start

    def next(self) -> Batch:
        epoch, number = divmod(self.batch, self.per_epoch)
        first = number * self.size + self.offset
        rows = self.order(epoch, first, first + self.share)
        self.batch += 1
        return self.snapshot.features.index_select(0, rows), self.snapshot.labels.index_select(0, rows)

    def get_state(self) -> dict[str, Any]:
        return {"batch": self.batch}


class Stream:
    """An iterator over this rank's batches, made ahead by a thread. Close it: a thread alive at exit aborts the process
    (SIGABRT), and a job that succeeded would count as failed. torchdata's `Loader` is not used, as its state is stale
    for a whole epoch after resuming at an epoch's end; what this one has handed out, it counts itself.
    """

    def __init__(self, batches: Batches, pin: bool) -> None:
        self.batch = batches.start
        self.made = PinMemory(batches, snapshot_frequency=0) if pin else batches
        self.ahead = Prefetcher(self.made, prefetch_factor=AHEAD, snapshot_frequency=0)

    def __iter__(self) -> Stream:
        return self

    def __next__(self) -> Batch:
        made: Batch = next(self.ahead)
        self.batch += 1
        return made

    def state_dict(self) -> dict[str, int]:
        """How many global batches lie behind; a stream made with `start` at it goes on with the next."""
        return {"batch": self.batch}

    def close(self) -> None:
        """May be called again, and before the first batch."""
        shut(self.ahead)
        shut(self.made)


def stream(snapshot: Snapshot, config: Config, group: Group, start: int = 0) -> Stream:
    """Endless [batch_size / world] rows at a time, from global batch `start` on, whatever the world size was before."""
    return Stream(Batches(snapshot, config, group, start), pin=group.device.type == "cuda")


def held_out(snapshot: Snapshot, group: Group, rows: int = EVALUATION_ROWS) -> Iterator[Batch]:
    """This rank's share of the held-out rows, `rows` at a time: each row once over all ranks, so sums are exact."""
    total = len(snapshot.held_out)
    first, last = (total * rank // group.world for rank in (group.rank, group.rank + 1))
    for start in range(first, last, rows):
        chosen = snapshot.held_out[start : min(start + rows, last)]
        yield snapshot.features.index_select(0, chosen), snapshot.labels.index_select(0, chosen)
