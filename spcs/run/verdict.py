"""How a run ended and what to do next: gathered once, from the account, for the exit code and for the screen."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterable, Sequence

from spcs.errors import JobFailed, Problem
from spcs.run import files
from spcs.run.account import Account
from spcs.run.model import ContainerStatus, LogLine, Output, Run, Snapshot, State, Verdict

LAST_LINES = 20
METRICS = "metrics.json"

PREEMPTED, BAD_INPUT, DIVERGED = 75, 2, 3

#: What exit codes of app/ mean. 75 is a convention that a program of one's own may share.
MEANINGS = {BAD_INPUT: "in app/: wrong settings or data", DIVERGED: "in app/: the training diverged"}

_CHECKPOINT = re.compile(r"checkpoints/[^/]+/manifest\.json")

# What a container's message begins with when it ended, or never began, because another one failed.
_TOLD = ("Terminated", "Not started")


def conclude(
    account: Account,
    run: Run,
    snapshot: Snapshot,
    lines: Iterable[LogLine],
    doom: str = "",
    notes: Sequence[str] = (),
) -> Verdict:
    """Gather the verdict. `lines` is the end of the log (all containers); `doom` says why waiting was given up, `notes`
    what was special about how it ran."""
    blamed = culprit(snapshot)
    found = _outputs(account, run)
    return Verdict(
        run=run,
        state=snapshot.state,
        reason=doom or reason(run, snapshot.state, blamed, found),
        container=blamed,
        last_lines=last_lines(lines, blamed),
        remedy=remedy(run, snapshot.state, blamed, found, doom),
        seconds=_seconds(snapshot),
        metrics=files.read_table(account, run, METRICS, found),
        outputs=found,
        notes=tuple(notes),
        commands=next_commands(run, snapshot.state, found),
        snapshot=snapshot,
    )


def check(verdict: Verdict) -> None:
    """Raise JobFailed unless the run is done."""
    if verdict.succeeded:
        return
    why = [verdict.reason] if verdict.reason else []
    if verdict.last_lines:
        why += [f"the last {len(verdict.last_lines)} log lines:", *(f"  {line}" for line in verdict.last_lines)]
    elif verdict.state not in (State.CANCELLED, State.PENDING) and not never_started(verdict.container):
        why.append("it wrote no log lines")
    raise JobFailed(f"the run {verdict.run.name} {_ended(verdict.state)}", "\n".join(why), verdict.remedy)


def culprit(snapshot: Snapshot) -> ContainerStatus | None:
    """Return the container to blame: of those that ended badly, the first whose end says most about the cause."""
    failed = [c for c in snapshot.containers if c.exit_code not in (None, 0) or c.status == "FAILED"]
    return min(failed, key=_weight, default=None)


def _weight(container: ContainerStatus) -> int:
    """How little an end says of the cause. When one container fails, its siblings are told to stop, and replicas that
    wait for it fail with 1 or are aborted: an exit code of its own, or another signal, is nearer to it."""
    if container.signal == "SIGTERM" or container.message.startswith(_TOLD):
        return 4
    if container.signal == "SIGKILL":
        return 0 if out_of_memory(container) else 1
    return {PREEMPTED: 3, 1: 2, 128 + signal.SIGABRT: 2}.get(container.exit_code or 0, 0)


def never_started(container: ContainerStatus | None) -> bool:
    """Tell whether the container failed before its program began: then there is no exit code."""
    return container is not None and container.exit_code is None


def can_be_gone_on_from(run: Run, found: Sequence[Output]) -> bool:
    """Tell whether the outputs hold what a run goes on from. For app/ that is a whole checkpoint; of a program of one's
    own only itself knows, so any output may be."""
    whole = any(_CHECKPOINT.fullmatch(output.path) for output in found)
    return whole or (bool(found) and not run.runs_app)


def reason(run: Run, state: State, container: ContainerStatus | None, found: Sequence[Output] = ()) -> str:
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
    meaning = _meaning(run, container, found)
    by = f" ({meaning})" if meaning else ""
    return f"{where} ended with exit code {container.exit_code}{by}: {container.message}".rstrip(": ")


def _meaning(run: Run, container: ContainerStatus, found: Sequence[Output]) -> str:
    if container.exit_code == PREEMPTED:
        return "it was told to stop" + (" and had saved a checkpoint" if can_be_gone_on_from(run, found) else "")
    return container.signal or (MEANINGS.get(container.exit_code or 0, "") if run.runs_app else "")


def out_of_memory(container: ContainerStatus) -> bool:
    """Tell whether Snowflake says that the container was killed for its memory."""
    message = container.message.lower()
    return "oomkilled" in message or "out of memory" in message


def remedy(
    run: Run, state: State, container: ContainerStatus | None, found: Sequence[Output] = (), doom: str = ""
) -> str:
    """Return the edit or command that most likely mends it, given the run's outputs; empty for a run that is done."""
    if state is State.DONE:
        return ""
    if doom:
        return f"inv build push run --job {run.job}"
    stopped = container is not None and container.exit_code == PREEMPTED
    if stopped and can_be_gone_on_from(run, found):
        return f"inv run --resume {run.name}"
    if container is None or stopped or state is State.CANCELLED:
        return f"inv run --job {run.job}"
    if out_of_memory(container) or container.signal == "SIGKILL":
        doubt = "" if out_of_memory(container) else "if it ran out of memory, "
        return f"{doubt}raise jobs.{run.job}.resources.limits.memory in invoke.yaml, or lower the batch size"
    if never_started(container):
        return f"correct jobs.{run.job}.command in invoke.yaml, or whatever else that message names"
    if container.exit_code in (126, 127):
        return f"correct jobs.{run.job}.command in invoke.yaml: the image has no such program, or may not run it"
    return f"correct what the log says, then inv build push run --job {run.job}"


def last_lines(lines: Iterable[LogLine], blamed: ContainerStatus | None) -> tuple[str, ...]:
    """Return the last lines of the container to blame, or of all if none is or it said nothing."""
    everything = list(lines)
    own = [x for x in everything if blamed and (x.instance, x.container) == (blamed.instance, blamed.name)]
    return tuple(line.text for line in (own or everything)[-LAST_LINES:])


def next_commands(run: Run, state: State, found: Sequence[Output]) -> tuple[tuple[str, str], ...]:
    """Return (what for, command) pairs worth typing next, given the outputs `found`."""
    commands = [("fetch the outputs", f"inv fetch --run {run.name}")] if found else []
    if state.final and state is not State.DONE and any(_CHECKPOINT.fullmatch(output.path) for output in found):
        commands.append(("go on from its checkpoint", f"inv run --resume {run.name}"))
    commands.append(("read the log again", f"inv logs --run {run.name}"))
    if not state.final:
        commands.append(("stop it", f"inv cancel --run {run.name}"))
    return tuple(commands)


def _outputs(account: Account, run: Run) -> tuple[Output, ...]:
    # A verdict is given even when the stage cannot be read: the exit code must not hang on a listing.
    try:
        return files.outputs(account, run)
    except Problem:
        return ()


def _seconds(snapshot: Snapshot) -> float | None:
    if snapshot.created is None or snapshot.updated is None or not snapshot.state.final:
        return None
    return max(0.0, (snapshot.updated - snapshot.created).total_seconds())


def _ended(state: State) -> str:
    return {
        State.FAILED: "failed",
        State.CANCELLED: "was cancelled",
        State.CANCELLING: "is being cancelled",
        State.DELETED: "was dropped before its end was seen",
        State.INTERNAL_ERROR: "failed inside Snowflake",
        State.PENDING: "cannot start",
    }.get(state, f"is {state.word}")
