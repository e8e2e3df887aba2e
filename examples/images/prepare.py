"""Makes digits.parquet: the pictures of data/digits.parquet with their 64 pixels in one column, a byte each.

python -m examples.images.prepare
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

PIXELS = [f"PIXEL_{i}" for i in range(64)]


def main() -> None:
    source = pq.read_table("data/digits.parquet")
    pixels = np.stack([source[name].to_numpy() for name in PIXELS], axis=1).astype(np.uint8)
    images = pa.array([row.tobytes() for row in pixels], pa.binary())
    table = source.select(["ROW_ID", "LABEL"]).append_column("IMAGE", images)
    pq.write_table(table, Path(__file__).with_name("digits.parquet"))


if __name__ == "__main__":
    main()
