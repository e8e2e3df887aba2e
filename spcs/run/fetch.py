"""A run's outputs, from the stage to a folder here: several at a time, each checked, none that is here already.

GET brings whole files, so a fetch that was cut off goes on with the first file that is not whole. A file counts as here
if it has the MD5 that LIST gives; where LIST gives another kind of sum (large files go up in parts), its size and time.
"""

from __future__ import annotations

import fnmatch
import hashlib
import os
import queue
import shutil
import tempfile
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Protocol

from spcs.errors import NotReady
from spcs.run.account import Account
from spcs.run.model import Output, Run

AT_ONCE = 8
TOGETHER = 64 * 1024 * 1024
"""Bytes up to which the files of a folder come in one GET, which costs a statement; more are lost less at a time."""
_MD5 = frozenset("0123456789abcdef")


@dataclass(frozen=True)
class Transfer:
    """One GET: from `source`, a path on the stage, it brings these outputs, which all belong in `folder`."""

    source: str
    folder: PurePosixPath
    outputs: tuple[Output, ...]


class FetchView(Protocol):
    """Where a fetch is shown. Implemented by show/."""

    def arrived(self, count: int, size: int) -> None:
        """So many more files, so many bytes together, are here and whole."""

    def notice(self, text: str) -> None:
        """Something the reader should know, one short sentence."""


def chosen(found: Sequence[Output], only: str = "") -> list[Output]:
    """Return the outputs that are wanted: all, or those that `only` names. That is a path or a folder, with `*`, `?`
    and `[…]` as in a shell; without a slash it may be the name of a file in any folder."""
    if not only:
        return list(found)
    pattern = only.strip("/")
    return [each for each in found if any(fnmatch.fnmatchcase(name, pattern) for name in _names(each.path, pattern))]


def lacking(target: Path, wanted: Iterable[Output]) -> list[Output]:
    """Return the outputs that are not in the folder `target` as they are on the stage."""
    return [output for output in wanted if not is_here(target / output.path, output)]


def is_here(file: Path, output: Output) -> bool:
    """Tell whether a file has the contents of an output, as far as the stage says what these are."""
    try:
        there = file.stat()
    except OSError:
        return False
    if there.st_size != output.size:
        return False
    if _is_md5(output.md5):
        return md5(file) == output.md5.lower()
    return output.modified is not None and int(there.st_mtime) == int(output.modified.timestamp())


def transfers(run: Run, wanted: Iterable[Output], found: Iterable[Output]) -> list[Transfer]:
    """Return the GETs that bring `wanted`, of all that is `found` on the stage.

    GET takes a whole tree and drops its folders. So it is given a folder only where that has no folder below it and all
    of it is wanted; the files of any other folder come one by one.
    """
    there, asked = _by_folder(found), _by_folder(wanted)
    inner = {parent for folder in there for parent in folder.parents}
    plan: list[Transfer] = []
    for folder, outputs in sorted(asked.items()):
        whole = folder not in inner and len(outputs) == len(there[folder]) > 1
        if whole and sum(output.size for output in outputs) <= TOGETHER:
            prefix = "" if folder == PurePosixPath(".") else f"{folder}/"
            plan.append(Transfer(run.output + prefix, folder, tuple(outputs)))
        else:
            plan += [Transfer(run.output + output.path, folder, (output,)) for output in outputs]
    return sorted(plan, key=lambda transfer: -sum(output.size for output in transfer.outputs))


def fetch(account: Account, target: Path, plan: Sequence[Transfer], view: FetchView) -> None:
    """Carry out the transfers, into `target`. What has arrived stays, whatever happens to the others.

    Raises NotReady if a file does not arrive as the stage has it, also at the second try; KeyboardInterrupt at once.
    """
    target.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=".fetching-", dir=target))
    try:
        for transfer in _at_once(lambda each: _bring(account, target, aside, each, view), plan):
            view.arrived(len(transfer.outputs), sum(output.size for output in transfer.outputs))
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def md5(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _bring(account: Account, target: Path, aside: Path, transfer: Transfer, view: FetchView) -> None:
    before: dict[str, str] = {}
    wrong: Sequence[Output] = transfer.outputs
    for _ in range(2):
        place = Path(tempfile.mkdtemp(dir=aside))
        account.get(transfer.source, place)
        wrong = [output for output in wrong if not _take(place, target, output, before, view)]
        shutil.rmtree(place, ignore_errors=True)
        if not wrong:
            return
        wrong = _as_now(account, transfer.source, wrong)
    raise NotReady(
        f"{wrong[0].path} did not arrive as the stage has it",
        f"{wrong[0].size} bytes with the sum {wrong[0].md5 or 'unknown'} were to come; the job may be writing it",
        "inv fetch again: what has arrived is not fetched again",
    )


def _as_now(account: Account, source: str, outputs: Iterable[Output]) -> list[Output]:
    """The outputs as LIST has them now: a job that goes on writes its files anew."""
    there = {PurePosixPath(file.name).name: file for file in account.list_stage(source)}
    found = ((output, there.get(PurePosixPath(output.path).name)) for output in outputs)
    return [
        replace(output, size=now.size, md5=now.md5, modified=now.modified) if now else output for output, now in found
    ]


def _take(place: Path, target: Path, output: Output, before: dict[str, str], view: FetchView) -> bool:
    """Move a file that has arrived to where it belongs, if it is whole."""
    arrived, final = place / PurePosixPath(output.path).name, target / output.path
    if not arrived.exists() or arrived.stat().st_size != output.size:
        return is_here(final, output)  # the one before brought it
    if _is_md5(output.md5) and (found := md5(arrived)) != output.md5.lower():
        seen, before[output.path] = before.get(output.path), found
        if seen != found:
            return False
        view.notice(f"{output.path}: the stage's sum is not that of the file, but two downloads are the same")
    final.parent.mkdir(parents=True, exist_ok=True)
    if output.modified:
        os.utime(arrived, (output.modified.timestamp(), output.modified.timestamp()))
    arrived.replace(final)
    return True


def _at_once(work: Callable[[Transfer], None], plan: Sequence[Transfer]) -> Iterator[Transfer]:
    """Do the work for each, several at a time, and yield each as it is done. The first error ends it.

    By threads that end with the process: who presses Ctrl-C does not wait for a download of gigabytes.
    """
    todo: queue.SimpleQueue[Transfer] = queue.SimpleQueue()
    done: queue.SimpleQueue[tuple[Transfer, BaseException | None]] = queue.SimpleQueue()
    for transfer in plan:
        todo.put(transfer)

    def worker() -> None:
        with suppress(queue.Empty):
            while True:
                each = todo.get_nowait()
                try:
                    work(each)
                    done.put((each, None))
                except BaseException as error:  # noqa: BLE001 - raised again below
                    done.put((each, error))

    for _ in range(min(AT_ONCE, len(plan))):
        threading.Thread(target=worker, daemon=True).start()
    try:
        for _ in plan:
            transfer, error = _next(done)
            if error:
                raise error
            yield transfer
    finally:
        with suppress(queue.Empty):
            while True:
                todo.get_nowait()


def _next(done: queue.SimpleQueue[tuple[Transfer, BaseException | None]]) -> tuple[Transfer, BaseException | None]:
    while True:
        with suppress(queue.Empty):
            return done.get(timeout=0.2)  # a wait without end can't be interrupted on Windows


def _by_folder(outputs: Iterable[Output]) -> dict[PurePosixPath, list[Output]]:
    folders: dict[PurePosixPath, list[Output]] = defaultdict(list)
    for output in outputs:
        folders[PurePosixPath(output.path).parent].append(output)
    return folders


def _names(path: str, pattern: str) -> list[str]:
    """What of a path a pattern may match: the whole, a folder that holds it, and, without a slash, its last part."""
    folders = [str(parent) for parent in PurePosixPath(path).parents][:-1]
    return [path, *folders, *([] if "/" in pattern else [PurePosixPath(path).name])]


def _is_md5(text: str) -> bool:
    return len(text) == 32 and set(text.lower()) <= _MD5
