"""The traceback worth reading in a log: of the process that failed first, the one that ended it, cut to a screen.

Processes that share a log are told apart by the mark that torch puts before their lines (`[rank1]: `). When one fails,
those that talk to it fail as well, and who started them says so in a traceback of its own: neither is the cause.
Of a group of exceptions, as an asyncio.TaskGroup raises it, one is shown with its frames, of the others what they say.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum

from spcs.run import boxes
from spcs.run.model import LogLine

MOST_FRAMES = 4
MOST_MESSAGE = 4
MOST_OTHERS = 5
"""Exceptions of a group besides the one with its frames."""
WIDEST = 300

_MARK = re.compile(r"(?:\[rank\d+\]: ?|\[[A-Za-z_]+\d+\]:)+")
_START = re.compile(r"(?:Original |Exception Group )?Traceback \(most recent call last\):\s*$")
_SYNTAX = re.compile(r'  File ".+", line \d+$')  # a mistake in the main file itself has no heading
_THROWN = re.compile(r"terminate called after throwing an instance of '.+'")  # what C++ says instead
_FRAME = re.compile(r'  File "(?P<file>.+?)", line \d+')
_EXCEPTION = re.compile(r"(?!(?:INFO|WARNING|ERROR|DEBUG|CRITICAL)\b)[A-Za-z_][\w.]*(?::|$)")
_OTHERS = re.compile(r"\s*$|\[|\d{4}-|[A-Z]\d{4} |\w+=|(?:INFO|WARNING|ERROR|DEBUG|CRITICAL)\b|frame #|={8}")
_LINKS = (
    "During handling of the above exception, another exception occurred:",
    "The above exception was the direct cause of the following exception:",
)
_LIBRARY = re.compile(r"/(?:site|dist)-packages/|/lib/python3|^<")
_HARMLESS = ("Exception ignored in", "Error in atexit")

_STARTER = re.compile(
    r"(?:[\w.]+\.)?(?:ChildFailedError|CalledProcessError|ProcessRaisedException|ProcessExitedException|SystemExit)\b"
)
_STARTERS_WORDS = re.compile(r"[A-Z]\d{4} \S+ .*torch/distributed/|(?:ERROR|WARNING|INFO):torch\.distributed\.elastic")
_FOLLOWED = re.compile(
    r"ncclRemoteError|Connection closed by remote peer|gloo/transport/.*(?:closed|reset) by peer|remote server shutdown"
    r"|Watchdog caught collective operation timeout|DistBackendError|DistNetworkError|DistStoreError"
    r"|SignalException|KeyboardInterrupt"
)


class Part(IntEnum):
    """What a traceback has to do with the failure."""

    CAUSE = 0
    FOLLOWED = 1
    """The process lost another one, which had failed before."""
    STARTER = 2
    """The program that started the processes says that one has failed."""


@dataclass(frozen=True)
class Traceback:
    """`lines` to be shown, a screen at most; `errors` are the exceptions' own words, the last one's first; `speaker` is
    the mark of the process (`rank1`), empty for one that has none; `time` as in LogLine."""

    lines: tuple[str, ...]
    errors: tuple[str, ...]
    part: Part
    time: int
    speaker: str = ""


@dataclass(frozen=True)
class _Block:
    """One traceback as it stands: its frames with their lines, the exception's words, and what links it to the one
    before. `first` and `end` are where it lies among the lines of its process. `inner` are the exceptions of a group,
    each with those that it came from before it."""

    heading: str
    frames: tuple[tuple[str, ...], ...]
    error: tuple[str, ...]
    first: int
    end: int
    link: str = ""
    inner: tuple[tuple[_Block, ...], ...] = ()


def pick(lines: Iterable[LogLine]) -> Traceback | None:
    """Return the traceback that tells the cause, None where there is none; lines of several containers may be mixed."""
    found = [(each, own[0]) for each, own in _all(list(lines)) if each.part is not Part.STARTER]
    causes = [(each, line) for each, line in found if each.part is Part.CAUSE]
    # Of one process, the last one ended it.
    last = {(line.instance, line.container, each.speaker): each for each, line in causes or found}
    return min(last.values(), key=lambda each: (each.part, each.time), default=None)


def besides(lines: Sequence[LogLine]) -> list[LogLine]:
    """Return the lines that belong to no traceback, are not the starter's, and are not empty."""
    taken = {id(line) for _, own in _all(lines) for line in own}
    rest = (line for line in lines if id(line) not in taken and line.text.strip())
    return [line for line in rest if not _STARTERS_WORDS.search(line.text)]


def _all(lines: Sequence[LogLine]) -> Iterator[tuple[Traceback, Sequence[LogLine]]]:
    """Every traceback, chained ones as one, with the lines it is made of."""
    for speaker, own in _processes(lines):
        texts = [_MARK.sub("", line.text, count=1) for line in own]
        for chain in _chains(list(_blocks(texts)), texts):
            first, end = chain[0].first, chain[-1].end
            shown, errors = _screen(chain, speaker), tuple(map(_cut, _words(chain)))
            yield Traceback(shown, errors, _part(errors[0]), own[first].time, speaker), own[first:end]


def _processes(lines: Sequence[LogLine]) -> Iterator[tuple[str, list[LogLine]]]:
    streams: dict[tuple[int, str, str], list[LogLine]] = {}
    for line in lines:
        mark = _MARK.match(line.text)
        speaker = mark.group().split("[")[-1].partition("]")[0] if mark else ""
        streams.setdefault((line.instance, line.container, speaker), []).append(line)
    for (_, _, speaker), own in streams.items():
        yield speaker, own


def _blocks(texts: Sequence[str]) -> Iterator[_Block]:
    place = 0
    while place < len(texts):
        block = _block(texts, place)
        if block:
            yield block
        place = block.end if block else place + 1


def _block(texts: Sequence[str], place: int) -> _Block | None:
    if _THROWN.match(texts[place]):
        return _thrown(texts, place)
    if boxes.STARTS.match(texts[place]):
        return _group(texts, place)
    return _raised(texts, place) if _START.match(texts[place]) or _SYNTAX.match(texts[place]) else None


def _raised(texts: Sequence[str], first: int) -> _Block | None:
    """Read on from a heading. Lines of others among the frames are passed over; without an exception it is none."""
    heading = texts[first] if _START.match(texts[first]) else ""
    frames: list[list[str]] = []
    for place in range(first + bool(heading), len(texts)):
        text = texts[place]
        if _START.match(text) or boxes.STARTS.match(text):
            return None
        if _FRAME.match(text):
            frames.append([text])
        elif text.startswith(" ") and frames:
            frames[-1].append(text)
        elif _EXCEPTION.match(text):
            end = _end(texts, place)
            return _Block(heading, tuple(map(tuple, frames)), tuple(texts[place:end][: 1 + MOST_MESSAGE]), first, end)
    return None


def _end(texts: Sequence[str], place: int) -> int:
    """Where the words of the exception at `place` end; the starter's go on to the end of their box."""
    if "ChildFailedError" in texts[place]:
        rules = [at for at in range(place, min(place + 100, len(texts))) if set(texts[at].strip()) == {"="}]
        return rules[1] + 1 if len(rules) > 1 else place + 1
    end = place + 1
    while end < len(texts) and end - place <= MOST_MESSAGE:
        text = texts[end]
        if text in _LINKS or any(begins.match(text) for begins in (_OTHERS, _START, _THROWN, boxes.STARTS)):
            break
        end += 1
    return end


def _group(texts: Sequence[str], first: int) -> _Block | None:
    box, end = boxes.read(texts, first)
    block = next(_drawn(box), None)
    return replace(block, heading=texts[first], first=first, end=end) if block else None


def _drawn(box: boxes.Box) -> Iterator[_Block]:
    """The tracebacks in a box, each group with its exceptions: they are drawn between it and the next traceback."""
    blocks = list(_blocks(box.texts))
    starts = [*(block.first for block in blocks), len(box.texts) + 1]
    for block, after in zip(blocks, starts[1:], strict=True):
        inner = (chain for at, each in box.inner if block.first < at < after for chain in _exceptions(each))
        yield replace(block, inner=tuple(inner))


def _exceptions(box: boxes.Box) -> Iterator[tuple[_Block, ...]]:
    """The exception in a box after those that it came from; of a group the ones in it."""
    chains = _chains(list(_drawn(box)), box.texts)
    if chains and chains[-1][-1].inner:
        yield from chains[-1][-1].inner
    elif chains:
        yield tuple(chains[-1])
    elif box.texts:  # it was never raised, or its frames are too deep to be drawn
        error = tuple(box.texts[: 1 + MOST_MESSAGE])
        yield (_Block("", (), error, 0, len(error)),)


def _thrown(texts: Sequence[str], first: int) -> _Block:
    said = texts[first + 1].strip() if first + 1 < len(texts) and "what():" in texts[first + 1] else ""
    error = said.removeprefix("what():").strip() or texts[first]
    return _Block(texts[first], (), (error,), first, first + 1 + bool(said))


def _chains(blocks: Sequence[_Block], texts: Sequence[str]) -> list[list[_Block]]:
    chains: list[list[_Block]] = []
    for block in blocks:
        before = next((text for text in reversed(texts[max(0, block.first - 3) : block.first]) if text.strip()), "")
        if before.startswith(_HARMLESS):
            continue
        if before.strip() in _LINKS and chains:
            chains[-1].append(replace(block, link=before.strip()))
        else:
            chains.append([block])
    return chains


def _part(error: str) -> Part:
    if _STARTER.match(error):
        return Part.STARTER
    return Part.FOLLOWED if _FOLLOWED.search(error) else Part.CAUSE


def _words(chain: Sequence[_Block]) -> Iterator[str]:
    """What the exceptions say, the last one first; before a group its own, and of those the ones that are the cause."""
    for block in reversed(chain):
        for inner in sorted(block.inner, key=_part_of):
            yield from _words(inner)
        yield " ".join(block.error)


def _part_of(chain: Sequence[_Block]) -> Part:
    return _part(next(_words(chain)))


def _screen(chain: Sequence[_Block], speaker: str) -> tuple[str, ...]:
    """The last exception with its frames, and the mark of its process; of those before, only what was raised."""
    lines: list[str] = []
    for block in chain[-3:-1]:
        lines += [*block.error[:1], ""]
    last = chain[-1]
    lines += [last.link] if last.link and lines else []
    lines += [f"[{speaker}]: {last.heading}" if speaker else last.heading] if last.heading else []
    frames = _frames(last.frames, 1 if last.inner else MOST_FRAMES)
    lines += [f"  | {line}" if last.inner else line for line in (*frames, *last.error)]
    return tuple(map(_cut, [*lines, *_boxed(last.inner)]))


def _boxed(inner: Sequence[Sequence[_Block]]) -> Iterator[str]:
    """The exceptions of a group, drawn as Python draws them: the first that is a cause, of the others what they say."""
    told = min(range(len(inner)), key=lambda at: _part_of(inner[at]), default=0)
    shown = [at for at in range(len(inner)) if at == told or at < MOST_OTHERS]
    for at in shown:
        yield f"{'    +' if at else '  +-+'}{'-' * 16} {at + 1} {'-' * 16}"
        yield from (f"    | {line}" for line in (_screen(inner[at], "") if at == told else inner[at][-1].error[:1]))
    if len(shown) < len(inner):
        yield from (f"    +{'-' * 16} ... {'-' * 16}", "    | and more exceptions")
    if inner:
        yield f"    +{'-' * 36}"


def _frames(frames: Sequence[tuple[str, ...]], most: int) -> Iterator[str]:
    """The user's frames, the innermost `most` of them, and the one that raised; between them how many were left out."""
    own = [at for at, frame in enumerate(frames) if not _is_library(frame[0])]
    kept = sorted({*own[-most:], *range(max(0, len(frames) - (1 if own else most)), len(frames))})
    before = -1
    for at in kept:
        if at > before + 1:
            yield f"  … {_calls(at - before - 1)}"
        yield from frames[at][:4] if at == len(frames) - 1 else frames[at][:2]
        before = at


def _calls(count: int) -> str:
    return "1 call left out" if count == 1 else f"{count} calls left out"


def _is_library(heading: str) -> bool:
    frame = _FRAME.match(heading)
    return bool(frame and _LIBRARY.search(frame["file"]))


def _cut(line: str) -> str:
    return line if len(line) <= WIDEST else f"{line[:WIDEST]} …"
