"""The data set that the repository ships is what its page says."""

from __future__ import annotations

import hashlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tests.support import REPO

FILE = REPO / "data" / "digits.parquet"


def test_file_is_small_and_the_one_its_page_describes() -> None:
    content = FILE.read_bytes()
    assert len(content) < 1_000_000
    assert hashlib.sha256(content).hexdigest() in (REPO / "data" / "README.md").read_text()


def test_columns_and_values_are_as_described() -> None:
    table = pq.read_table(FILE)
    assert table.column_names == ["ROW_ID", "LABEL", *(f"PIXEL_{i}" for i in range(64))]
    assert table["ROW_ID"].to_pylist() == list(range(1797))
    assert np.bincount(table["LABEL"].to_numpy()).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    pixels = np.stack([table[f"PIXEL_{i}"].to_numpy() for i in range(64)])
    assert (pixels.min(), pixels.max()) == (0, 16)
    assert {field.type for field in table.schema} == {pa.int32(), pa.int8()}
    assert not any(field.nullable for field in table.schema)
