"""How a run ended and what to do next: gathered once, from the account, for the exit code and for the screen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from spcs.errors import JobFailed, Problem
from spcs.run import files
from spcs.run.account import Account
from spcs.run.diagnosis import CHECKPOINT, diagnose, never_started
from spcs.run.model import LogLine, Output, Run, Snapshot, State, Verdict

METRICS = "metrics.json"


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
    found = _outputs(account, run)
    why = diagnose(run, snapshot, lines, found, doom)
    return Verdict(
        run=run,
        state=snapshot.state,
        reason=why.reason,
        container=why.container,
        traceback=why.traceback,
        last_lines=why.last_lines,
        remedy=why.remedy,
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
    why += _said(verdict)
    raise JobFailed(f"the run {verdict.run.name} {_ended(verdict.state)}", "\n".join(why), verdict.remedy)


def _said(verdict: Verdict) -> list[str]:
    """What the log says of it: the traceback picked out, and other last lines."""
    traceback = [f"  {line}" for line in verdict.traceback]
    last = [f"  {line}" for line in verdict.last_lines]
    if traceback:
        lines = "line" if len(last) == 1 else f"{len(last)} lines"
        return ["its traceback:", *traceback, *([f"the last {lines} besides:", *last] if last else [])]
    if last:
        return [f"the last {len(last)} log lines:", *last]
    silent = verdict.state not in (State.CANCELLED, State.PENDING) and not never_started(verdict.container)
    return ["it wrote no log lines"] if silent else []


def next_commands(run: Run, state: State, found: Sequence[Output]) -> tuple[tuple[str, str], ...]:
    """Return (what for, command) pairs worth typing next, given the outputs `found`."""
    commands = [("fetch the outputs", f"inv fetch --run {run.name}")] if found else []
    if state.final and state is not State.DONE and any(CHECKPOINT.fullmatch(output.path) for output in found):
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
