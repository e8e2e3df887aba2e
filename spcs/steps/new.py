"""`inv new`: a job that loads, renders and runs as it is, to be made one's own."""

from __future__ import annotations

from pathlib import Path

from spcs import scaffold
from spcs.config import Job, check_job_name
from spcs.errors import NotReady, SettingsProblem
from spcs.project import Project
from spcs.render import source
from spcs.scaffold import SETTINGS, NewEntry
from spcs.show.console import say
from spcs.show.runs import next_commands


def new(project: Project, name: str, like: str) -> None:
    """Write the job's template and put its entry into invoke.yaml; raises SettingsProblem before either is touched."""
    check_job_name(name)
    template = scaffold.template_of(name)
    if name in project.settings.jobs:
        raise SettingsProblem(f"there is a job '{name}' already", fix="choose another name")
    if (project.root / template).exists():
        raise SettingsProblem(f"there is a file {template} already", fix="choose another name, or remove that file")
    text = _template(project.root, project.job(like)[1] if like else Job())
    entry = scaffold.add(_settings(project), name, table=project.settings.data.table, like=like)
    if project.dry:
        return project.tell(f"-- {template}\n{text}\n-- {SETTINGS}, under jobs\n{entry.text}")
    _write(project.root, template, text, entry)
    say(f"wrote {template}")
    say(f"wrote the entry of '{name}' into {SETTINGS}")
    next_commands([("see what it makes", f"inv render --job {name}"), ("run it", f"inv build push run --job {name}")])


def _template(root: Path, like: Job) -> str:
    """The text of a job's own template; where it has none, one that fills no block yet."""
    return scaffold.TEMPLATE if like.template == Job().template else source(root, like.template)


def _settings(project: Project) -> str:
    """The text of invoke.yaml with the line ends that it has."""
    file = project.root / SETTINGS
    if not file.is_file():
        raise SettingsProblem(f"there is no {SETTINGS} to put the job into", fix=f"touch {SETTINGS}")
    return file.read_bytes().decode()


def _write(root: Path, template: str, text: str, entry: NewEntry) -> None:
    """Write both, or neither: an entry without its template would not render."""
    file = root / template
    try:
        file.parent.mkdir(exist_ok=True)
        with file.open("x") as out:
            out.write(text)
    except OSError as error:
        raise _unwritten(template, error) from error
    try:
        (root / SETTINGS).write_bytes(entry.settings.encode())
    except OSError as error:
        file.unlink()
        raise _unwritten(SETTINGS, error) from error


def _unwritten(file: str, error: OSError) -> NotReady:
    why = (error.strerror or str(error)).lower()
    return NotReady(f"{file} cannot be written", why, "make it writable, then run the same command")
