"""`inv bench`: the figures of benchmarks/, each a ratio against something bare that ran beside it."""

from __future__ import annotations

import subprocess
import sys

from spcs.errors import Problem, SettingsProblem, did_you_mean
from spcs.project import Project

GROUPS = {
    "startup": ("startup",),
    "image": ("image", "wheels"),
    "logs": ("logs",),
    "training": ("loader", "training"),
    "gpu": ("gpu",),
}
#: Of a call that names none: a machine without a GPU has no figures of that.
USUAL = ("startup", "image", "logs", "training")


def bench(project: Project, only: str) -> None:
    """Run a group of benchmarks, or all; then raises Problem (exit 1) if a figure fell short of its bar."""
    if only and only not in GROUPS:
        fix = did_you_mean(only, GROUPS) or f"choose from {', '.join(GROUPS)}"
        raise SettingsProblem(f"there is no group {only!r} of benchmarks", fix=fix)
    short = []
    for module in [module for group in ([only] if only else USUAL) for module in GROUPS[group]]:
        command = [sys.executable, "-m", f"benchmarks.{module}"]
        if project.dry:
            project.tell(" ".join(["python", *command[1:]]))
        elif subprocess.run(command, cwd=project.root, check=False).returncode:
            short.append(module)
    if short:
        fix = f"inv bench --only {only or 'GROUP'}, on an idle machine"
        raise Problem(f"benchmarks fell short: {', '.join(short)}", fix=fix)
