"""Arrow columns to numbers, as the schema says. The type a column comes in says little: Snowflake sends the same column
as int8 in one batch and int32 in the next. What does not fit is refused, never rounded or filled in silently.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as types
from numpy.typing import NDArray

from app.config import Problem
from app.data.schema import MEND, Feature, Label, Schema, kind_by

EXACT_IN_FLOAT32 = 2**24
# The kind of a column (see schema.Column), by what Arrow calls its type.
KINDS = {
    "numeric": r"u?int\d+|halffloat|float|double|decimal.*",
    "boolean": "bool",
    "timestamp": r"(timestamp|date\d+)\[.*",
    "text": "(large_)?string",
    "vector": "(large_|fixed_size_)?(list<|binary).*",
}


def kind_of(kind: pa.DataType) -> str:
    return kind_by(KINDS, str(kind.value_type if types.is_dictionary(kind) else kind))


def features(part: pa.Table, schema: Schema, into: NDArray[np.float32]) -> None:
    """Fills [rows, F]. Raises Problem for what would be something else than was meant."""
    for feature in schema.features:
        column, last = plain(part, feature.name), feature.first + feature.width
        if column.null_count and feature.null == "refuse":
            fix = f"fill them, say what stands for them, or leave the column out: {MEND}"
            raise Problem(f"{feature.name} holds {column.null_count} nulls", fix)
        with np.errstate(over="ignore", invalid="ignore"):
            # In the column's own precision: seconds since 1970 are beyond what float32 tells apart.
            target = into[:, feature.first : last]
            target[:] = (values(column, feature) - feature.mean) / feature.deviation
        if feature.indicator:
            into[:, last] = column.is_null().to_numpy()
        if not np.isfinite(target).all():
            raise Problem(f"{feature.name} holds NaN or infinity", f"mend it in the table, or leave it out: {MEND}")


def values(column: pa.ChunkedArray, feature: Feature) -> NDArray[Any]:
    """[rows, width]; nulls filled in."""
    if feature.kind == "category":
        return indices(column, feature.name, feature.vocabulary)[:, None] + 1
    if feature.kind == "vector":
        return vectors(column, feature)
    refuse_rounding(column, feature.name)
    scalar = scalars(column, feature.name)
    filled: NDArray[Any] = (scalar if feature.null == "refuse" else scalar.fill_null(feature.null)).to_numpy()
    return filled[:, None]


def scalars(column: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    """As float64, nulls left where they are. Of timestamps and dates: the seconds since 1970; what is finer than a
    microsecond is dropped."""
    if kind_of(column.type) != "timestamp":
        return numbers(column, name, pa.float64())
    instants = column.cast(pa.timestamp("us", getattr(column.type, "tz", None)), safe=False).cast(pa.int64())
    return pc.divide(instants.cast(pa.float64(), safe=False), 1e6)


def vectors(column: pa.ChunkedArray, feature: Feature) -> NDArray[Any]:
    """[rows, width], from lists of numbers, from bytes, or from JSON's text for a list."""
    try:
        if "binary" in str(column.type):
            flat: NDArray[Any] = np.frombuffer(b"".join(column.to_pylist()), np.uint8)
            widths = pc.binary_length(column)
        else:
            lists = column
            if kind_of(column.type) == "text":
                lists = pc.split_pattern(pc.replace_substring_regex(column, r"[\[\]\s]", ""), ",")
            items, widths = pc.list_flatten(lists), pc.list_value_length(lists)
            flat = items.cast(pa.float32(), safe=False).to_numpy()
            if (np.abs(flat) >= EXACT_IN_FLOAT32).any():  # else the items need no second look, which takes long
                refuse_rounding(items, feature.name)
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid) as error:
        raise unfit(feature.name, "vectors", f"its type is {column.type}") from error
    if len(wrong := widths.filter(pc.not_equal(widths, feature.width))):
        what = f"{feature.name} holds a vector of {wrong[0]} numbers, not {feature.width}"
        raise Problem(what, f"mend it in the table, or leave it out: {MEND}")
    return flat.reshape(-1, feature.width).astype(np.float32, copy=False)


def refuse_rounding(column: pa.ChunkedArray, name: str) -> None:
    """Raises Problem for whole numbers, also in JSON's text, that float32 cannot tell from their neighbours."""
    kind = column.type
    if kind_of(kind) == "text":
        column = column.filter(pc.match_substring_regex(column, r"^-?\d+$")).cast(pa.float64())
    elif not types.is_integer(kind) and not (types.is_decimal(kind) and kind.scale == 0):
        return
    if any(abs(end or 0) > EXACT_IN_FLOAT32 for end in pc.min_max(column).as_py().values()):
        what = f"{name} holds whole numbers beyond 2^24, which float32 rounds"
        raise Problem(what, f"make it a category, or leave it out if it only names the row: {MEND}")


def labels(part: pa.Table, label: Label) -> NDArray[Any]:
    """[rows] int64, or float32 where the label is a number."""
    column = without_nulls(part, label.name)
    if label.vocabulary:
        classes = indices(column, label.name, label.vocabulary)
        if (classes < 0).any():
            stray = column[int(np.argmin(classes))].as_py()
            raise Problem(f"{label.name} holds {stray!r}, which its vocabulary does not", "add it: see --columns")
        return classes
    if label.classes == 1:
        refuse_rounding(column, label.name)
        amounts: NDArray[Any] = numbers(column, label.name, pa.float64()).to_numpy().astype(np.float32)
        if not np.isfinite(amounts).all():
            raise Problem(f"{label.name} holds NaN or infinity", "mend it in the table")
        return amounts
    classes = whole_numbers(part, label.name)
    if (outside := classes[(classes < 0) | (classes >= label.classes)]).size:
        what = f"{label.name} holds {outside[0]}, outside 0..{label.classes - 1}"
        raise Problem(what, f"set --classes to one more than the largest label, or mend {label.name}")
    return classes


def whole_numbers(part: pa.Table, name: str) -> NDArray[np.int64]:
    whole: NDArray[np.int64] = numbers(without_nulls(part, name), name, pa.int64()).to_numpy()
    return whole


def without_nulls(part: pa.Table, name: str) -> pa.ChunkedArray:
    if nulls := part.column(name).null_count:
        raise Problem(f"{name} holds {nulls} nulls", "mend it in the table: every row needs one")
    return plain(part, name)


def plain(part: pa.Table, name: str) -> pa.ChunkedArray:
    """The column's values themselves, where a file lists them once and numbers them."""
    column = part.column(name)
    return column.cast(column.type.value_type) if types.is_dictionary(column.type) else column


def numbers(column: pa.ChunkedArray, name: str, kind: pa.DataType) -> pa.ChunkedArray:
    """The column as `kind`, nulls left where they are."""
    if kind_of(column.type) not in ("numeric", "boolean"):
        raise unfit(name, "numbers", f"its type is {column.type}")
    try:
        return column.cast(kind, safe=not types.is_floating(kind))
    except pa.ArrowInvalid as error:
        raise unfit(name, "whole numbers", str(error)) from error


def indices(column: pa.ChunkedArray, name: str, vocabulary: Sequence[Any]) -> NDArray[np.int64]:
    """Of each value in the vocabulary; -1 if it is not there."""
    words = pa.array(vocabulary)
    try:
        index = pc.index_in(column.cast(words.type), value_set=words).fill_null(-1)
    except pa.ArrowInvalid as error:
        raise unfit(name, f"what its vocabulary lists ({words.type})", str(error)) from error
    return np.asarray(index, np.int64)


def unfit(name: str, expected: str, reason: str) -> Problem:
    return Problem(f"{name} does not hold {expected}: {reason}", f"choose other columns: {MEND}, --label, --row-id")
