"""Paths of a container, as paths of this machine: the process runtime has no file system of its own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

# A path begins a word, or follows `=`, `:`, `,` or a quote, as in `--data=/x`, `/x:/y` and `sh -c "cat '/x'"`.
_PATH = re.compile(r"""(?<![^\s=:,;"'(])/[^\s:,;"')]*""")


@dataclass(frozen=True)
class PathMap:
    """`mounts` sends mount paths to directories; another path that exists in `root`, the unpacked image, goes there."""

    mounts: Mapping[str, Path]
    root: Path

    def text(self, text: str) -> str:
        """Return the text with every path of the container replaced."""
        return _PATH.sub(lambda match: self.path(match.group()), text)

    def path(self, path: str) -> str:
        """Return where a path of the container lies on this machine; itself if the container has none such."""
        for target in sorted(self.mounts, key=len, reverse=True):
            if path == target or path.startswith(f"{target.rstrip('/')}/"):
                return f"{self.mounts[target]}{path[len(target.rstrip('/')) :]}"
        inside = self.root / path.lstrip("/")
        return str(inside) if path.strip("/") and inside.exists() else path
