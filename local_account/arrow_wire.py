"""Arrow data as Snowflake's connectors expect it: plain storage types, the logical type in each field's metadata."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from local_account.statements.result import Column

_FIRST_ROWS, _SECOND_ROWS, _MOST_ROWS, _MOST_BYTES = 1024, 4096, 131072, 16 << 20
_WIDTHS = ((pa.int8(), 7), (pa.int16(), 15), (pa.int32(), 31), (pa.int64(), 63))


def rechunk(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.Table]:
    """The same rows in growing pieces: a small one to answer with, then up to 131072 rows or 16 MB each.

    Snowflake's chunks grow in the same way; the small first ones let even a small table come in several batches.
    """
    target, waiting, count = _FIRST_ROWS, list[pa.RecordBatch](), 0
    for batch in batches:
        waiting.append(batch)
        count += batch.num_rows
        while count >= target:
            whole = pa.Table.from_batches(waiting)
            yield whole.slice(0, target)
            waiting, count = whole.slice(target).to_batches(), count - target
            target = min(max(2 * target, _SECOND_ROWS), _MOST_ROWS, max(_FIRST_ROWS, _fitting(whole)))
    if count:
        yield pa.Table.from_batches(waiting)


def _fitting(table: pa.Table) -> int:
    return int(_MOST_BYTES * table.num_rows // max(1, table.nbytes))


def encode(table: pa.Table, columns: list[Column]) -> bytes:
    """One Arrow IPC stream of one batch."""
    combined = table.combine_chunks()
    pairs = [_wire(_single(combined.column(i)), column) for i, column in enumerate(columns)]
    fields = [pa.field(c.name, a.type, True, _metadata(c, a.type)) for c, (a) in zip(columns, pairs, strict=True)]
    batch = pa.RecordBatch.from_arrays(pairs, schema=pa.schema(fields))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return bytes(sink.getvalue())


def _single(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks or [pa.array([], column.type)])


def _metadata(column: Column, kind: pa.DataType) -> dict[str, str]:
    found = {
        "logicalType": column.type,
        "precision": str(column.precision or 0),
        "scale": str(column.scale or 0),
        "charLength": str(column.length or 0),
        "byteLength": str(column.length or 0),
        "finalType": "T",
    }
    if column.type == "VECTOR":
        found["dimension"] = str(column.dimension)
    return found


def _wire(array: pa.Array, column: Column) -> pa.Array:
    if column.type == "FIXED":
        return _narrow(_unscaled(array, column.scale or 0))
    if column.type == "REAL":
        return array.cast(pa.float64())
    if column.type == "TIMESTAMP_NTZ" or column.type == "TIMESTAMP_LTZ":
        return _moment(array)
    if column.type == "TIMESTAMP_TZ":
        return _zoned(array)
    if column.type == "TIME":
        return pc.multiply(array.cast(pa.time64("us")).view(pa.int64()), 1000)
    if column.type == "VECTOR":
        return array.cast(pa.list_(pa.float32() if column.element == "REAL" else pa.int32(), column.dimension))
    if column.type in ("BOOLEAN", "DATE", "BINARY"):
        return array
    return array.cast(pa.string())


def _unscaled(array: pa.Array, scale: int) -> pa.Array:
    """Decimals -> whole numbers of 10^-scale where they fit 64 bits; else decimal128, which the connectors take too."""
    if not pa.types.is_decimal(array.type):
        return array
    wide = array.cast(pa.decimal128(38, scale))
    halves = pa.Array.from_buffers(pa.int64(), 2 * len(wide), [None, wide.buffers()[1]], offset=2 * wide.offset)
    pairs = pa.FixedSizeListArray.from_arrays(halves, 2)
    low, high = pc.list_element(pairs, 0), pc.list_element(pairs, 1)
    fits = pc.equal(high, pc.if_else(pc.less(low, 0), -1, 0))
    if len(wide) and not pc.all(pc.or_kleene(fits, wide.is_null())).as_py():
        return wide
    return pc.if_else(wide.is_valid(), low, pa.scalar(None, pa.int64()))


def _narrow(array: pa.Array) -> pa.Array:
    """The smallest integer type that holds this piece's values: Snowflake chooses per chunk, so a loader must cope."""
    if pa.types.is_decimal(array.type):
        return array
    if pa.types.is_uint64(array.type):
        array = array.cast(pa.int64())
    bounds = pc.min_max(array)
    low, high = bounds["min"].as_py(), bounds["max"].as_py()
    for kind, bits in _WIDTHS:
        if low is None or (-(1 << bits) <= low and high < 1 << bits):
            return array.cast(kind)
    return array


def _moment(array: pa.Array) -> pa.Array:
    """Scale 9: seconds and nanoseconds apart."""
    micros = array.cast(pa.timestamp("us", tz=array.type.tz)).view(pa.int64())
    seconds = _floor_divide(micros, 1_000_000)
    rest = pc.multiply(pc.subtract(micros, pc.multiply(seconds, 1_000_000)), 1000).cast(pa.int32())
    return _struct(array, {"epoch": seconds, "fraction": rest})


def _zoned(array: pa.Array) -> pa.Array:
    """Scale 9 with an offset of zero: the time zone itself is not kept (values are stored in UTC)."""
    moment = _moment(array)
    zone = pa.array([1440] * len(array), pa.int32())
    return _struct(array, {"epoch": moment.field("epoch"), "fraction": moment.field("fraction"), "timezone": zone})


def _struct(array: pa.Array, fields: dict[str, pa.Array]) -> pa.Array:
    mask = array.is_null()
    return pa.StructArray.from_arrays(list(fields.values()), names=list(fields), mask=mask)


def _floor_divide(array: pa.Array, by: int) -> pa.Array:
    quotient = pc.divide(array, by)
    return pc.subtract(quotient, pc.less(pc.subtract(array, pc.multiply(quotient, by)), 0).cast(pa.int64()))
