"""`python -m benchmarks.image`: what `inv build push` costs when nothing has changed. Exit 1 if it is too much.

It runs in this project, on the account that invoke.yaml names, which needs `inv setup` first.
"""

from __future__ import annotations

import statistics
import sys
from pathlib import Path

from benchmarks.pairs import at_most, seconds

ROOT = Path(__file__).resolve().parent.parent
UNCHANGED = [str(Path(sys.prefix) / "bin" / "invoke"), "build", "push"]
BARE = [sys.executable, "-c", "import invoke"]


def main() -> int:
    seconds(UNCHANGED, ROOT)  # builds and pushes, if that is to be done
    pairs = [(seconds(UNCHANGED, ROOT), seconds(BARE, ROOT)) for _ in range(9)]
    print(f"image/unchanged-to-bare {statistics.median(ours / bare for ours, bare in pairs):.2f}")
    return 0 if at_most("image/unchanged-seconds", statistics.median(ours for ours, _ in pairs), 0.5) else 1


if __name__ == "__main__":
    sys.exit(main())
