"""Why a run failed and what mends it: from the states of its containers, their messages, and the end of the log.

Pure: nothing is asked here. What the sentences of others mean is for `spcs.run.remedies` to know.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from spcs.errors import Meaning
from spcs.run import remedies, tracebacks
from spcs.run.model import ContainerStatus, LogLine, Output, Run, Snapshot, State
from spcs.run.tracebacks import Part, Traceback

LAST_LINES = 20
BESIDES = 8
"""How many last lines are shown where there is a traceback to be shown too."""

PREEMPTED, BAD_INPUT, DIVERGED = 75, 2, 3

#: What exit codes of app/ mean. 75 is a convention that a program of one's own may share.
MEANINGS = {BAD_INPUT: "in app/: wrong settings or data", DIVERGED: "in app/: the training diverged"}

CHECKPOINT = re.compile(r"checkpoints/[^/]+/manifest\.json")

#: Weights of ends (`_weight`): one as of a fellow's, and one of which the log says that it was that.
FELLOW, LOST = 2, 5

# What a container's message begins with when it ended, or never began, because another one failed.
_TOLD = ("Terminated", "Not started")


@dataclass(frozen=True)
class Diagnosis:
    """`container` is the one to blame, `reason` one sentence, `traceback` that of the process which failed first, cut
    to a screen, `last_lines` what else its log said last, `remedy` the edit or command that most likely mends it."""

    container: ContainerStatus | None
    reason: str
    traceback: tuple[str, ...] = ()
    last_lines: tuple[str, ...] = ()
    remedy: str = ""


def diagnose(
    run: Run, snapshot: Snapshot, lines: Iterable[LogLine], found: Sequence[Output] = (), doom: str = ""
) -> Diagnosis:
    """`lines` is the end of the log of all containers, `found` the run's outputs, `doom` why waiting was given up."""
    said, state = list(lines), snapshot.state
    blamed = culprit(snapshot, said)
    stopped = blamed is not None and (blamed.exit_code == PREEMPTED or _was_told(blamed))
    failed = state is State.FAILED and not stopped
    traceback = tracebacks.pick(_own(said, blamed)) if failed else None
    last = last_lines(said, blamed, besides=traceback)
    names = {"job": run.job, "run": run.name, "pool": snapshot.pool or run.pool}
    message = doom or (blamed.message if blamed else "")
    known = remedies.of_failure(message, traceback, last, **names) if failed or doom else None
    return Diagnosis(
        container=blamed,
        reason=doom or reason(run, state, blamed, found, known),
        traceback=traceback.lines if traceback else (),
        last_lines=last,
        remedy=remedy(run, state, blamed, found, known, doom=doom),
    )


def culprit(snapshot: Snapshot, lines: Sequence[LogLine] = ()) -> ContainerStatus | None:
    """Return the container to blame: of those that ended badly, the first whose end, and then whose log, says most
    about the cause."""
    failed = [c for c in snapshot.containers if c.exit_code not in (None, 0) or c.status == "FAILED"]
    return min(failed, key=lambda c: _rank(c, tracebacks.pick(_own(lines, c))), default=None)


def _rank(container: ContainerStatus, traceback: Traceback | None) -> tuple[int, Part, int]:
    """How little a container's end and then its log say of the cause, and when the log says it.

    One that says nothing may have lost another one. Of one that says so the other is nearer to the cause, even where it
    was told to stop before its own end had come.
    """
    weight = _weight(container)
    if traceback is None:
        return weight, Part.FOLLOWED, 0
    lost = traceback.part is Part.FOLLOWED and weight == FELLOW
    return LOST if lost else weight, traceback.part, traceback.time


def _weight(container: ContainerStatus) -> int:
    """How little an end says of the cause. When one container fails, its siblings are told to stop, and replicas that
    wait for it fail with 1 or are aborted: an exit code of its own, or another signal, is nearer to it."""
    if _was_told(container):
        return 4
    if container.signal == "SIGKILL":
        return 0 if out_of_memory(container) else 1
    return {PREEMPTED: 3, 1: FELLOW, 128 + signal.SIGABRT: FELLOW}.get(container.exit_code or 0, 0)


def _was_told(container: ContainerStatus) -> bool:
    """Tell whether it ended because it was asked to."""
    return container.signal == "SIGTERM" or container.message.startswith(_TOLD)


def never_started(container: ContainerStatus | None) -> bool:
    """Tell whether the container failed before its program began: then there is no exit code."""
    return container is not None and container.exit_code is None


def can_be_gone_on_from(run: Run, found: Sequence[Output]) -> bool:
    """Tell whether the outputs hold what a run goes on from. For app/ that is a whole checkpoint; of a program of one's
    own only itself knows, so any output may be."""
    whole = any(CHECKPOINT.fullmatch(output.path) for output in found)
    return whole or (bool(found) and not run.runs_app)


def reason(
    run: Run,
    state: State,
    container: ContainerStatus | None,
    found: Sequence[Output] = (),
    known: Meaning | None = None,
) -> str:
    """Say in one sentence why a run ended as it did, given its outputs; empty for one that is done."""
    if state is State.DONE:
        return ""
    if container is None:
        return {State.INTERNAL_ERROR: "Snowflake could not run it (internal error)"}.get(state, "")
    where = f"container {container.name} of instance {container.instance}"
    if out_of_memory(container):
        return f"{where} ran out of memory and was killed: {container.message or 'exit code 137'}"
    if container.exit_code is None:
        return f"{where} never started: {container.message or container.status.lower()}"
    code = _of_code(run, container, found)
    by = f" ({code})" if code else ""
    why = known.means if known else container.message
    return f"{where} ended with exit code {container.exit_code}{by}: {why}".rstrip(": ")


def _of_code(run: Run, container: ContainerStatus, found: Sequence[Output]) -> str:
    if container.exit_code == PREEMPTED:
        return "it was told to stop" + (" and had saved a checkpoint" if can_be_gone_on_from(run, found) else "")
    return container.signal or (MEANINGS.get(container.exit_code or 0, "") if run.runs_app else "")


def out_of_memory(container: ContainerStatus) -> bool:
    """Tell whether Snowflake says that the container was killed for its memory."""
    message = container.message.lower()
    return "oomkilled" in message or "out of memory" in message


def remedy(
    run: Run,
    state: State,
    container: ContainerStatus | None,
    found: Sequence[Output] = (),
    known: Meaning | None = None,
    *,
    doom: str = "",
) -> str:
    """Return the edit or command that most likely mends it, given the run's outputs; empty for a run that is done."""
    if state is State.DONE:
        return ""
    if doom:
        return known.fix if known else f"inv build push run --job {run.job}"
    stopped = container is not None and container.exit_code == PREEMPTED
    if stopped and can_be_gone_on_from(run, found):
        return f"inv run --resume {run.name}"
    if container is None or stopped or state is State.CANCELLED:
        return f"inv run --job {run.job}"
    if known:
        return known.fix
    if container.signal == "SIGKILL":
        more = f"raise jobs.{run.job}.resources.limits.memory in invoke.yaml, or lower the batch size"
        return f"if it ran out of memory, {more}"
    if never_started(container):
        return f"correct jobs.{run.job}.command in invoke.yaml, or whatever else that message names"
    if container.exit_code in (126, 127):
        return f"correct jobs.{run.job}.command in invoke.yaml: the image has no such program, or may not run it"
    return f"correct what the log says, then inv build push run --job {run.job}"


def last_lines(
    lines: Iterable[LogLine], blamed: ContainerStatus | None, besides: Traceback | None = None
) -> tuple[str, ...]:
    """Return the last lines of the container to blame, or of all if none is or it said nothing; with a traceback to be
    shown too, only those that are in none."""
    everything = list(lines)
    own = _own(everything, blamed) or everything
    shown = tracebacks.besides(own)[-BESIDES:] if besides else own[-LAST_LINES:]
    return tuple(line.text for line in shown)


def _own(lines: Iterable[LogLine], container: ContainerStatus | None) -> list[LogLine]:
    whose = (container.instance, container.name) if container else None
    return [line for line in lines if (line.instance, line.container) == whose]
