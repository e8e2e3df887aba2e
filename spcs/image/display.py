"""What docker and podman show of a push on a terminal, read back: which layer is how far.

Their words for a pipe hold no bytes, and docker's socket would have to be found for every kind of context. On a
terminal both have named layer, bytes and total in the same words for years; a line that is not understood costs its
progress only.
"""

from __future__ import annotations

import re
from typing import Final, Literal

from spcs.image.commands import Say
from spcs.image.progress import Layer, Watch, short

_SIZE = r"[\d.]+ ?[kKMGT]?i?[bB]"
DOCKER: Final = re.compile(
    rf"(?P<name>[0-9a-f]{{12}}): (?P<state>[A-Z][^\[]*?)(?: *\[.*\])?(?: +(?P<done>{_SIZE})(?:/(?P<total>{_SIZE}))?)?"
)
PODMAN: Final = re.compile(
    rf"Copying blob (?:sha256:)?(?P<name>[0-9a-f]{{12,64}})(?: +\[.*\] +(?P<done>{_SIZE}) */ *(?P<total>{_SIZE}).*)?"
    r"(?: *(?P<state>done|skipped: already exists).*)?"
)
DIGEST: Final = re.compile(r"\S+: digest: (sha256:[0-9a-f]{64}) size: \d+")
DOCKER_RETRIES: Final = re.compile(r"Retrying in (\d+) seconds?")
PODMAN_RETRIES: Final = re.compile(r"[Ff]ailed, retrying in ")
#: Of no interest: what is pushed has been said, and what it is called comes from the registry.
SILENT: Final = re.compile(r"The push refers to|Getting image source sig|Copying config|Writing manifest|Storing sig")
UNITS: Final = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}


class Reader:
    """Takes the lines one by one and tells `watch` of the layers; what the engine tries again by itself is said."""

    def __init__(self, dialect: Literal["docker", "podman"], say: Say, watch: Watch) -> None:
        self._pattern = DOCKER if dialect == "docker" else PODMAN
        self._say, self._watch = say, watch
        self._totals: dict[str, int] = {}
        self._waits: dict[str, int] = {}
        self.digest: str | None = None

    def __call__(self, line: str) -> bool:
        """Read a line; False if it says something else, as complaints do."""
        if digest := DIGEST.fullmatch(line):
            self.digest = digest[1]
        elif found := self._pattern.fullmatch(line):
            name = short(found["name"])
            self._layer(name, found["state"] or "Pushing", size(found["done"]), size(found["total"]))
        elif PODMAN_RETRIES.search(line):
            self._say(line)
        else:
            return SILENT.match(line) is not None
        return True

    def _layer(self, name: str, state: str, done: int, total: int) -> None:
        self._totals[name] = total = total or self._totals.get(name, 0)
        if state in ("Pushed", "done"):
            self._watch(Layer(name, "sent", total, total))
        elif state == "Pushing":
            self._watch(Layer(name, "sending", done, total))
        elif state.startswith(("Layer already exists", "Mounted from", "skipped")):
            self._watch(Layer(name, "there"))
        elif retries := DOCKER_RETRIES.match(state):
            self._retries(name, int(retries[1]))

    def _retries(self, name: str, seconds: int) -> None:
        """Said when the wait begins; the engine counts it down."""
        if seconds > self._waits.get(name, 0):
            self._say(f"layer {name}: the registry dropped; the engine tries again in {seconds} s")
        self._waits[name] = seconds if seconds > 1 else 0


def size(text: str | None) -> int:
    """Bytes: `62.91MB` counts in thousands, `60.0MiB` in 1024s."""
    found = re.fullmatch(r"([\d.]+) ?([kKMGT]?)(i?)[bB]", text or "")
    if found is None:
        return 0
    return int(float(found[1]) * (1024 if found[3] else 1000) ** UNITS[found[2].lower()])
