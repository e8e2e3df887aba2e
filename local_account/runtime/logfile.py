"""Reads logs from files: the keeper's, from its end (a follower asks for its newest lines often), and podman's."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path

from local_account.runtime import logtext
from local_account.runtime.model import LogLine

_STREAMS = {"o": "stdout", "e": "stderr"}


def read(path: Path, since_ns: int | None, until_ns: int | None, tail: int | None) -> list[LogLine]:
    """Return the lines of a time span (both ends inclusive), at most the newest `tail` of them, in order of time."""
    found: list[LogLine] = []
    for line in _backwards(path):
        if (since_ns is not None and line.time_ns < since_ns) or len(found) == tail:
            break
        if until_ns is None or line.time_ns <= until_ns:
            found.append(line)
    found.reverse()
    return found


def read_podman(path: Path, since_ns: int | None, until_ns: int | None, tail: int | None) -> list[LogLine]:
    """Return the same of podman's `k8s-file`: lines `time stream F text`, with `P` for pieces of a line.

    `podman logs` is no help: it writes a time before each piece of a line.
    """
    found: list[LogLine] = []
    begun: dict[str, LogLine] = {}
    for line in path.read_bytes().decode(errors="replace").split("\n"):
        entry = logtext.parse_line(line, "")
        stream, _, rest = entry.text.partition(" ") if entry else ("", "", "")
        kind, _, text = rest.partition(" ")
        if entry is None or kind not in ("F", "P"):
            continue
        piece = begun.pop(stream, LogLine(entry.time_ns, stream, ""))
        whole = LogLine(piece.time_ns, stream, piece.text + text)
        if kind == "P":
            begun[stream] = whole
        else:
            found.append(whole)
    found += begun.values()
    kept = [
        line
        for line in sorted(found, key=lambda line: line.time_ns)
        if (since_ns is None or line.time_ns >= since_ns) and (until_ns is None or line.time_ns <= until_ns)
    ]
    return kept if tail is None else kept[max(len(kept) - tail, 0) :]


def _backwards(path: Path) -> Iterator[LogLine]:
    if path.stat().st_size == 0:
        return
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        # What follows the last newline is a line that is being written.
        end = data.rfind(b"\n")
        while end >= 0:
            start = data.rfind(b"\n", 0, end)
            line = logtext.parse_line(data[start + 1 : end].decode(errors="replace"), "")
            if line is not None:
                yield LogLine(line.time_ns, _STREAMS.get(line.text[:1], "stdout"), line.text[2:])
            end = start
