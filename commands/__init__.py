"""The words a user types, a file a subject: name, options and help, and one call each; no logic.

`tasks.py` lists them. What they call is imported when it is called: `inv --list` is to cost no more than Invoke itself.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from invoke import Context

if TYPE_CHECKING:
    from spcs.project import Project

JOB = "which entry of `jobs:` in invoke.yaml (default: the setting `job`)"
RUN = "which run (default: the last one)"
JSON = "print one JSON object a line on stdout"
ENGINE = "auto, docker, podman, wheels (no engine, a whole image) or none (default: image.engine)"


def project(c: Context) -> Project:
    """The project this folder is, opened once per process."""
    from spcs.project import open_project

    return open_project(c.config, Path(__file__).parents[1])
