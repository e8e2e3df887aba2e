from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from app import data
from app.config import Config
from app.runtime import single

Settings = Callable[..., Config]


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., str]:
    """Writes columns to a Parquet file, of 100 rows a group, and returns its path."""

    def make(columns: dict[str, Any], name: str = "some.parquet") -> str:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table(columns), path, row_group_size=100)
        return str(path)

    return make


@pytest.fixture
def snapshot(settings: Settings, write: Callable[..., str]) -> Callable[..., data.Snapshot]:
    """A snapshot of these columns; ROW_ID counts, LABEL is 0, and a tenth of the rows is held out."""

    def make(content: dict[str, Any], /, **options: Any) -> data.Snapshot:
        rows = len(next(iter(content.values())))
        named = {"ROW_ID": np.arange(rows), "LABEL": np.zeros(rows, np.int8)} | content
        defaults = {"batch_size": 1, "held_out": 10}
        return data.open_snapshot(settings(data=write(named), **(defaults | options)), single())

    return make
