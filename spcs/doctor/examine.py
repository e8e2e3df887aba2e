"""Makes the checks: at once where they do not need each other, each on a thread that is given up when it is late."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from functools import partial

from spcs.doctor.model import Check, Finding, Ground, NotChecked, fail, skip, told
from spcs.errors import Problem

Look = Callable[[Ground], Finding]
Findings = Mapping[str, Future[Finding]]


def examine(checks: Sequence[Check], ground: Ground) -> Iterator[tuple[Check, Finding]]:
    """Give each check with its finding, in their order, as soon as it is known."""
    findings: Findings = {check.name: Future() for check in checks}
    for check in checks:
        _start(findings[check.name], partial(_settled, check, ground, findings))
    for check in checks:
        yield check, findings[check.name].result()


def _settled(check: Check, ground: Ground, findings: Findings) -> Finding:
    before = {name: findings[name].result() for name in (*check.needs, *check.helped_by) if name in findings}
    failed = [name for name, finding in before.items() if finding.status in ("fail", "skip")]
    for name in check.needs:
        if name in failed:
            return before[name] if before[name].status == "skip" else skip(f"{name} fails")
    return _in_time(check, check.alone if check.alone and failed else check.look, ground)


def _in_time(check: Check, look: Look, ground: Ground) -> Finding:
    # Not an executor's thread: those are waited for when the process ends, and this one may never come back.
    made: Future[Finding] = Future()
    _start(made, partial(_made, look, ground))
    seconds = check.seconds(ground)
    try:
        return made.result(seconds)
    except TimeoutError:
        return fail(f"gave no answer in {seconds:.0f} s", check.late)


def _made(look: Look, ground: Ground) -> Finding:
    try:
        return look(ground)
    except NotChecked as reason:
        return skip(str(reason))
    except Problem as problem:
        return told(problem)


def _start(result: Future[Finding], work: Callable[[], Finding]) -> None:
    def run() -> None:
        try:
            result.set_result(work())
        except BaseException as error:  # noqa: BLE001 - raised again by who asks for the result
            result.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
