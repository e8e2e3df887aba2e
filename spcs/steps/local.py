"""The local account: start, stop, ask, forget."""

from __future__ import annotations

import json
import sys

from spcs import local
from spcs.account import resolve
from spcs.errors import SettingsProblem
from spcs.project import Project
from spcs.show.console import say, write


def up(project: Project) -> None:
    """Start it; a running one is left as it is."""
    if project.dry:
        return project.tell("start the local account: python -m local_account up")
    project.start_local()


def down(project: Project) -> None:
    """Stop it; what it holds stays."""
    if project.dry:
        return project.tell("stop the local account: python -m local_account down")
    project.leave()
    local.command(project.root, "down")
    say("local account: stopped; its objects, tables and files stay")


def status(project: Project, as_json: bool) -> None:
    """Say where it listens; raises NotReady when it does not run."""
    server = local.command(project.root, "status")
    if as_json:
        return write(json.dumps(server))
    write(f"local account: http://{server['host']}:{server['port']}, {server['reason']}")


def reset(project: Project, yes: bool) -> None:
    """Delete all it holds, after a question on a terminal; raises SettingsProblem where nobody can be asked."""
    if project.dry:
        return project.tell("delete the local account's state: python -m local_account reset")
    if not yes:
        if not sys.stdin.isatty():
            raise SettingsProblem("this deletes all that the local account holds", fix="inv local.reset --yes")
        answer = input("delete all objects, tables, files, images and jobs of the local account? [y/N] ")
        if answer.strip().lower() not in ("y", "yes"):
            return say("nothing deleted")
    project.leave()
    local.command(project.root, "reset")
    say("local account: empty")


def connection(project: Project) -> None:
    """Print an entry for connections.toml. It holds the generated password, so it goes to stdout and nowhere else."""
    entries = resolve("local", project.root)
    write("[local]")
    for key, entry in entries.items():
        write(f"{key} = {json.dumps(entry)}")
