"""`python -m benchmarks.startup`: what `inv --list` costs against importing Invoke alone. Exit 1 if it is too much."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.pairs import at_most, median_ratio, seconds

ROOT = Path(__file__).resolve().parent.parent
LIST = [str(Path(sys.prefix) / "bin" / "invoke"), "--list"]
BARE = [sys.executable, "-c", "import invoke"]


def main() -> int:
    ratio = median_ratio(lambda: seconds(LIST, ROOT), lambda: seconds(BARE, ROOT), pairs=15)
    return 0 if at_most("startup/list", ratio, 1.35) else 1


if __name__ == "__main__":
    sys.exit(main())
