"""`inv fetch`: a run's outputs, from the stage to `runs/<run>/`."""

from __future__ import annotations

from spcs.errors import Left, NotReady, did_you_mean
from spcs.project import Project
from spcs.run import fetch as transfer
from spcs.run import files
from spcs.run.model import readable_amount
from spcs.show import progress
from spcs.show.console import say
from spcs.steps.which import chosen


def fetch(project: Project, run: str, only: str) -> None:
    """Bring what is not here already of the outputs that `only` names. Raises NotReady where there are none."""
    found = chosen(project, run)
    target = project.root / "runs" / found.name
    if project.dry:
        project.account.list_stage(found.output)
        project.account.get(found.output, target)
        return
    there = files.outputs(project.account, found)
    if not there:
        raise NotReady(
            f"the run {found.name} has left no files",
            f"{found.output} is empty: the job writes there through the volume mounted in its container",
            f"inv logs --run {found.name}",
        )
    wanted = transfer.chosen(there, only)
    if not wanted:
        names = sorted({name for each in there for name in (each.path, each.path.partition("/")[0])})
        fix = did_you_mean(only, names) or f"choose from {', '.join(names[:12])}"
        raise NotReady(f"no output of {found.name} is called {only!r}", fix=fix)
    lacking = transfer.lacking(target, wanted)
    here = f"; {len(wanted) - len(lacking)} of {len(wanted)} are here already" if len(lacking) < len(wanted) else ""
    say(f"fetching {readable_amount(lacking)}{here}")
    try:
        with progress.shown(lacking) as view:
            transfer.fetch(project.account, target, transfer.transfers(found, lacking, there), view)
    except KeyboardInterrupt:
        rest = transfer.lacking(target, wanted)
        raise Left(
            f"left the fetch; {len(wanted) - len(rest)} of {len(wanted)} files are here",
            f"go on with: inv fetch --run {found.name}" + (f" --only {only}" if only else ""),
        ) from None
    say(f"outputs of {found.name} in {target.relative_to(project.root)}/")
