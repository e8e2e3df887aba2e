"""Results that are too large for this machine."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pytest

from local_account import results
from local_account.errors import SqlError
from local_account.statements.result import Column

COLUMNS = [Column("A", "FIXED", precision=38, scale=0)]
SCHEMA = pa.schema([("A", pa.int64())])


def batches(count: int) -> Iterator[pa.RecordBatch]:
    for _ in range(count):
        yield pa.RecordBatch.from_arrays([pa.array(range(8192), pa.int64())], schema=SCHEMA)


def test_a_result_does_not_fill_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=100_000))
    assert results.write(batches(2), SCHEMA, COLUMNS, tmp_path).total == 2 * 8192
    with pytest.raises(SqlError, match="half of the free disk space"):
        results.write(batches(20), SCHEMA, COLUMNS, tmp_path)
    assert len(list(tmp_path.iterdir())) == 1


def test_a_result_in_json_does_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "_MOST_VALUES", 10_000)
    assert len(results.in_memory(batches(1))) == 8192
    with pytest.raises(SqlError, match="ARROW"):
        results.in_memory(batches(2))
