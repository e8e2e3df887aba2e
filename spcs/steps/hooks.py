"""Programs of the project's own that are run at certain moments, as git runs its hooks: an executable file in `hooks/`.

What happened is in its environment. What it says goes to stderr, so that stdout stays what was asked for; how it ends
changes nothing but a warning.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping

from spcs.project import Project
from spcs.run.model import Verdict
from spcs.run.record import Record
from spcs.show.console import say

RUN_DONE = "hooks/run-done"


def run_done(project: Project, ended: Verdict, record: Record) -> None:
    """Run the project's `hooks/run-done`, if there is one, for a run whose end this command has seen."""
    if not ended.state.final:
        return
    hook = project.root / RUN_DONE
    if not hook.is_file():
        return
    if not os.access(hook, os.X_OK):
        return say(f"{RUN_DONE} was not run, as it is not executable; fix: chmod +x {RUN_DONE}", "warn")
    try:
        done = subprocess.run(
            [str(hook)], cwd=project.root, env={**os.environ, **facts(ended, record)}, stdout=2, check=False
        )
    except OSError as error:
        return say(f"{RUN_DONE} could not be run: {error.strerror}", "warn")
    if done.returncode:
        say(f"{RUN_DONE} ended with exit code {done.returncode}", "warn")


def facts(ended: Verdict, record: Record) -> Mapping[str, str]:
    """Return what is known of the end, as environment variables; those that are not known are empty."""
    run, container = ended.run, ended.container
    known = {
        "RUN": run.name,
        "JOB": run.job,
        "STATE": ended.state.value,
        "REASON": ended.reason,
        "REMEDY": ended.remedy,
        "EXIT_CODE": container.exit_code if container else (0 if ended.succeeded else None),
        "SECONDS": None if ended.seconds is None else round(ended.seconds, 3),
        "METRICS": json.dumps(dict(ended.metrics)) if ended.metrics is not None else None,
        "OUTPUT": run.output,
        "CONNECTION": run.connection,
        "DATABASE": run.database,
        "SCHEMA": run.schema,
        "POOL": run.pool,
        "IMAGE": record.image.path or run.image,
        "REVISION": record.code.revision,
        "LAST_LINES": "\n".join(ended.traceback or ended.last_lines),
    }
    # A variable holds no zero byte, and an empty one is how nothing is said.
    return {f"SPCS_{name}": "" if text is None else str(text).replace("\0", "") for name, text in known.items()}
