"""Arrow as the connectors expect it."""

from __future__ import annotations

from decimal import Decimal

import pyarrow as pa
import pytest

from local_account.arrow_wire import encode, rechunk
from local_account.statements.result import Column

FIXED = Column("N", "FIXED", precision=38, scale=0)


def sent(array: pa.Array, column: Column) -> pa.Array:
    """One column after encoding."""
    table = pa.ipc.open_stream(encode(pa.table({column.name: array}), [column])).read_all()
    return table.column(0).combine_chunks()


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([], pa.int8()),
        ([None], pa.int8()),
        ([-128, 127, None], pa.int8()),
        ([128], pa.int16()),
        ([-32769], pa.int32()),
        ([1 << 40], pa.int64()),
        ([-(1 << 63), (1 << 63) - 1], pa.int64()),
    ],
)
def test_whole_numbers_come_in_the_smallest_type(values: list[int | None], kind: pa.DataType) -> None:
    found = sent(pa.array(values, pa.int64()), FIXED)
    assert (found.type, found.to_pylist()) == (kind, values)


def test_decimals_come_unscaled_where_they_fit() -> None:
    column = Column("D", "FIXED", precision=10, scale=2)
    values = [Decimal("1.25"), None, Decimal("-0.01"), Decimal("-99999999.99")]
    array = pa.array([Decimal(0), *values], pa.decimal128(10, 2)).slice(1)
    assert sent(array, column).to_pylist() == [125, None, -1, -9999999999]
    wide = [Decimal(12345678901234567890), None]
    assert sent(pa.array(wide, pa.decimal128(38, 0)), FIXED).to_pylist() == wide


def test_times_before_1970_have_a_positive_fraction() -> None:
    found = sent(pa.array([-500_000, 1_500_000, None], pa.timestamp("us")), Column("T", "TIMESTAMP_NTZ", scale=9))
    assert found.to_pylist() == [{"epoch": -1, "fraction": 500000000}, {"epoch": 1, "fraction": 500000000}, None]


def test_pieces_grow_and_keep_every_row_in_order() -> None:
    batches = (pa.record_batch({"a": pa.array(range(i * 700, i * 700 + 700))}) for i in range(20))
    pieces = list(rechunk(batches))
    assert [piece.num_rows for piece in pieces] == [1024, 4096, 8192, 688]
    assert pa.concat_tables(pieces).column("a").to_pylist() == list(range(14000))


def test_wide_rows_make_smaller_pieces() -> None:
    text = "x" * 10_000
    batches = (pa.record_batch({"a": [text] * 1000}) for _ in range(6))
    assert all(piece.nbytes < 32 << 20 for piece in rechunk(batches))
