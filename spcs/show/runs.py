"""A run as it is followed, and its verdict."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from spcs.run.model import State, readable_amount
from spcs.show.console import Tone, asked, emit, is_terminal, say, write
from spcs.show.tables import aligned

if TYPE_CHECKING:
    from spcs.run.model import LogLine, Run, Snapshot, Verdict

#: From how many seconds on it is said how long a run has waited.
LONG = 20
TONES: Mapping[State, Tone] = {State.DONE: "good", State.RUNNING: "good", State.PENDING: "quiet"}


class RunView:
    """Shows a run while it goes: log lines on stdout, everything else on stderr. Implements `spcs.run.model.View`."""

    def __init__(self, *, as_json: bool = False) -> None:
        self._as_json = as_json
        self._several = False

    def state(self, snapshot: Snapshot) -> None:
        """Say the state, unless it is final: that is the verdict's to say."""
        self._several = self._several or len(snapshot.containers) > 1
        if not snapshot.state.final:
            word = "waiting" if snapshot.state is State.PENDING else snapshot.state.word
            if snapshot.waited and snapshot.waited >= LONG:
                word += f" for {duration(snapshot.waited)}"
            notes = "; ".join(dict.fromkeys(c.note for c in snapshot.containers if c.note))
            said = snapshot.waits_for or notes or snapshot.message
            say(": ".join(filter(None, (word, said))), TONES.get(snapshot.state, "warn"))

    def line(self, line: LogLine) -> None:
        """Put a log line on stdout; with its container in front where there are several."""
        if self._as_json:
            emit({"time": line.stamp, "instance": line.instance, "container": line.container, "text": line.text})
        else:
            write(self.written(line))

    def written(self, line: LogLine) -> str:
        return f"{line.instance}/{line.container} | {line.text}" if self._several else line.text

    def notice(self, text: str) -> None:
        say(text, "warn")

    def close(self) -> None:
        """Nothing is left to be shown."""


def stop_or_leave(run: Run) -> bool:
    """Ask, after Ctrl-C, whether to stop the run; False where nobody can be asked."""
    if not (is_terminal(sys.stdin) and is_terminal(sys.stderr)):
        return False
    say("")
    return asked(f"stop {run.name}? [y/N, Enter leaves it running] ").lower() in ("y", "yes")


def submitted(run: Run) -> None:
    """Say that a run was started, and its name."""
    say(f"started {run.name} in pool {run.pool}", "name")


def verdict(verdict: Verdict, *, as_json: bool = False) -> None:
    """Show how a run ended, what it left and what to do next. Why it failed is for `verdict.check` to say."""
    if as_json:
        emit(_entry(verdict))
        return
    took = f" in {duration(verdict.seconds)}" if verdict.seconds is not None else ""
    say(f"{verdict.state.word}: {verdict.run.name}{took}", TONES.get(verdict.state, "bad"))
    facts = [
        (name, number(value)) for name, value in (verdict.metrics or {}).items() if not isinstance(value, list | dict)
    ]
    facts.append(("outputs", _outputs(verdict)))
    facts += [("note", note) for note in verdict.notes]
    say(_indented(facts))
    if verdict.commands:
        next_commands(verdict.commands)


def next_commands(commands: Sequence[tuple[str, str]]) -> None:
    """Say what can be done next: (what for, command) pairs."""
    say("next:")
    say(_indented([(command, what) for what, command in commands]))


def duration(seconds: float) -> str:
    """Write a time span as one says it: `0.7 s`, `41 s`, `3 min 12 s`, `2 h 5 min`."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def number(value: object) -> str:
    """Write a metric: floats to four significant digits, the rest as it is."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _outputs(verdict: Verdict) -> str:
    if not verdict.outputs:
        return "none"
    return f"{readable_amount(verdict.outputs)}, in {verdict.run.output}"


def _indented(rows: list[tuple[str, str]]) -> str:
    return "\n".join(f"  {line}" for line in aligned(rows).splitlines())


def _entry(verdict: Verdict) -> dict[str, Any]:
    container = verdict.container
    return {
        "run": verdict.run.name,
        "state": verdict.state.value,
        "reason": verdict.reason,
        "container": container.name if container else None,
        "instance": container.instance if container else None,
        "exit_code": container.exit_code if container else (0 if verdict.succeeded else None),
        "signal": container.signal if container else "",
        "remedy": verdict.remedy,
        "seconds": verdict.seconds,
        "metrics": verdict.metrics,
        "notes": list(verdict.notes),
        "output": verdict.run.output,
        "outputs": [{"path": each.path, "size": each.size} for each in verdict.outputs],
        "traceback": list(verdict.traceback),
        "last_lines": list(verdict.last_lines),
    }
