"""`python -m benchmarks.leave FILE BATCHES`: leaves in the middle of a stream, as a run does that is told to stop.

With a third word it leaves without closing the stream: then most processes end by SIGABRT.
"""

from __future__ import annotations

import sys

from app import data
from app.config import Config
from app.runtime import single

if __name__ == "__main__":
    config = Config(data=sys.argv[1], batch_size=64)
    snapshot = data.open_snapshot(config, single())
    stream = data.stream(snapshot, config, single())
    for _ in range(int(sys.argv[2])):
        next(stream)
    if len(sys.argv) == 3:
        stream.close()
        snapshot.close()
