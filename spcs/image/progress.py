"""How far a push is, layer by layer."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Layer:
    """One layer of a push: `name` is the beginning of a digest, `done` and `total` are bytes (`total` 0: not known).

    `sent` and `there` (the registry has it, from now or from before) are its last states.
    """

    name: str
    state: Literal["sending", "sent", "there"]
    done: int = 0
    total: int = 0


Watch = Callable[[Layer], None]
"""Hears of a layer whenever it is a bit further."""


def short(digest: str) -> str:
    """The twelve digits by which engines, too, name a layer."""
    return digest.removeprefix("sha256:")[:12]


class Tally:
    """A Watch that passes on what it hears, and knows in the end how many layers went over."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._last: dict[str, Layer] = {}
        self._lock = threading.Lock()  # several layers may be under way

    def __call__(self, layer: Layer) -> None:
        with self._lock:
            before = self._last.get(layer.name)
            self._last[layer.name] = layer
            if before != layer:
                self._watch(layer)

    def __str__(self) -> str:
        """`1 of 9 layers sent`; empty if nothing was heard of."""
        ended = [layer.state for layer in self._last.values() if layer.state != "sending"]
        return f"{ended.count('sent')} of {len(ended)} layers sent" if ended else ""
