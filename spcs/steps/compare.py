"""`inv diff RUN RUN`: how two runs differ, by their records."""

from __future__ import annotations

from difflib import unified_diff

from spcs.project import Project
from spcs.run import history, watch
from spcs.run.record import Record
from spcs.show import differences
from spcs.show.differences import Difference
from spcs.steps.follow import say_looks
from spcs.steps.which import chosen


def compare(project: Project, first: str, second: str, as_json: bool) -> None:
    """Show settings, image, code, outcome, metrics and files of both where they differ. Raises RunMissing for a run
    that neither the account nor the stage knows."""
    runs = [chosen(project, name) for name in (first, second)]
    if project.dry:
        for run in runs:
            say_looks(project, run)
        return
    one, other = (history.look(project.account, project.root, run) for run in runs)
    for record in (one, other):
        if record.submitted is None and record.end is None:
            watch.observe(project.account, record.run)
    differences.show(difference(one, other), as_json=as_json)


def difference(one: Record, other: Record) -> Difference:
    """What two records have that differs; the run's own name in its texts is no difference."""
    names = (one.run.name, other.run.name)
    texts = {file: (one.texts.get(file, ""), other.texts.get(file, "")) for file in {**one.texts, **other.texts}}
    texts["uncommitted changes"] = (one.code.patch, other.code.patch)
    patches = {}
    for file, (was, now) in texts.items():
        was = was.replace(*names)
        headers = (f"{names[0]}/{file}", f"{names[1]}/{file}")
        if lines := tuple(unified_diff(was.splitlines(), now.splitlines(), *headers, lineterm="")):
            patches[file] = lines
    return Difference((one, other), patches)
