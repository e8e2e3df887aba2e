"""What the program says: key=value lines on stdout, and the same numbers in full as JSON lines in a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


class Report:
    """Writes to a local file, which may be appended to; the output volume gets whole copies of it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.touch()

    def metrics(self, **values: Any) -> None:
        """One measurement: shown, and kept."""
        say(**values)
        with self.path.open("a") as file:
            file.write(json.dumps(values) + "\n")


def say(**values: Any) -> None:
    # Flushed at once: behind a pipe, as in a container, Python would hold back kilobytes of it.
    print(" ".join(f"{name}={shown(value)}" for name, value in values.items()), flush=True)


def note(text: str) -> None:
    say(note=text)


def shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if not text or set(text) & set(' "=\n') else text
