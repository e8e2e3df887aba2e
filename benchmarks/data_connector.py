"""The other side of `benchmarks/loader.py`: snowflake-ml-python's DataConnector, in an environment of its own.

`python data_connector.py rows.parquet SIZE`: for each line on stdin, draws shuffled batches of SIZE rows as its
documentation shows, from a table in memory, which is what a query becomes there; it says how many rows it made in a
second of this process's time.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Iterator
from itertools import islice
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import torch
from snowflake.ml.data._internal.arrow_ingestor import ArrowIngestor  # type: ignore[import-not-found,import-untyped,unused-ignore]
from snowflake.ml.data.data_connector import DataConnector  # type: ignore[import-not-found,import-untyped,unused-ignore]
from torch.utils.data import DataLoader


def main(path: str, size: int) -> None:
    warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
    torch.set_num_threads(1)
    pa.set_cpu_count(1)
    table = pq.read_table(path)

    class InMemory(ArrowIngestor):  # type: ignore[misc,unused-ignore]  # it is not installed where types are checked
        def _get_dataset(self, shuffle: bool) -> Any:
            return ds.dataset(table)

    connector = DataConnector(InMemory(None, []))
    batches = endless(DataLoader(connector.to_torch_dataset(batch_size=size, shuffle=True), batch_size=None))
    next(batches)
    for _ in sys.stdin:
        started, count = time.process_time(), table.num_rows // size // 2
        for _ in islice(batches, count):
            pass
        print(count * size / (time.process_time() - started), flush=True)


def endless(loader: Any) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Its columns come one by one; a model wants them side by side."""
    while True:
        for batch in loader:
            columns = [column for name, column in batch.items() if name.startswith("X_")]
            yield torch.cat(columns, dim=1), batch["LABEL"]


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
