"""The data, in two phases: a source's rows are packed once into a snapshot on the local disk, then drawn from it in
batches. files or table -> schema -> plan -> convert -> snapshot -> batches.
"""

from app.data.batches import Batch, Stream, held_out, stream
from app.data.snapshot import Snapshot, open_snapshot
from app.data.table import connect

__all__ = ["Batch", "Snapshot", "Stream", "connect", "held_out", "open_snapshot", "stream"]
