"""What a run's record says beyond its specification: settings, seeds, versions, the state of the code."""

from __future__ import annotations

import dataclasses
import getpass
import hashlib
import platform
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from itertools import pairwise
from pathlib import Path
from typing import Any

from spcs.config import Job
from spcs.image import ImagePlan
from spcs.lock import text
from spcs.project import Project
from spcs.run.masks import MASK, is_secret, masked, secrets_of
from spcs.run.model import Run
from spcs.run.record import Code, Image, Record

DESK = ("invoke", "snowflake-connector-python")
"""The packages of the desk that have a say in what is sent."""
MOST_PATCH = 64 * 1024
MOST_UNTRACKED = 50


def record(
    project: Project, run: Run, job: Job, plan: ImagePlan, path: str, texts: Mapping[str, str], **more: Any
) -> Record:
    """The record of a run of `job` that is about to be submitted. `path` is the image as the specification names it,
    `texts` are the files the run is made of; `more` are fields of the record as they are."""
    secrets = secrets_of(job.env)
    lock = hashlib.sha256(text(plan.lock).encode()).hexdigest() if plan.lock else ""
    return Record(
        run=run,
        by=user(),
        settings=settings(project, job),
        seeds=seeds(job),
        versions={"desk": desk_versions(), "image": dict(project.pins(job))},
        image=Image(path, run.digest, plan.base, plan.platform, lock),
        code=code(project.root),
        texts={name: masked(text, secrets) for name, text in texts.items()},
        **more,
    )


def settings(project: Project, job: Job) -> dict[str, Any]:
    """The resolved settings that a run of the job is made of, with secrets masked."""
    whole = project.settings
    return {
        "connection": whole.connection,
        "job": masked_job(job),
        "pool": dataclasses.asdict(project.pool(job)),
        "snowflake": dataclasses.asdict(whole.snowflake),
        "image": dataclasses.asdict(whole.image),
        "pins": dict(project.pins(job)),
    }


def masked_job(job: Job) -> dict[str, Any]:
    """The job's settings, with secrets masked."""
    entry = dataclasses.asdict(job)
    entry["env"] = {name: MASK if is_secret(name) else masked(value) for name, value in job.env.items()}
    entry["args"] = [masked(word) for word in job.args]
    return entry


def seeds(job: Job) -> dict[str, int]:
    """The seeds that the job's arguments and environment name: `--seed 7`, `--data-seed=7`, `TRAIN_SEED`."""
    words = [part for word in (*job.command, *job.args) for part in word.split("=", 1)]
    named = [(word.lstrip("-"), value) for word, value in pairwise(words) if word.startswith("--")]
    found = {}
    for name, value in [*job.env.items(), *named]:
        key = name.lower().replace("-", "_").removeprefix("train_")
        if key.split("_")[-1] == "seed" and value.lstrip("-").isdecimal():
            found[key] = int(value)
    return found


def code(root: Path) -> Code:
    """Where the project's folder stands in git; empty outside of it."""
    revision = _git(root, "rev-parse", "HEAD").strip()
    if not revision:
        return Code()
    patch = _git(root, "diff", "HEAD", "--relative", "--no-color", "--no-ext-diff", most=MOST_PATCH + 1)
    untracked = _git(root, "ls-files", "--others", "--exclude-standard").splitlines()
    return Code(
        revision=revision,
        branch=_git(root, "branch", "--show-current").strip(),
        patch=masked(patch[:MOST_PATCH]),
        is_cut=len(patch.encode()) > MOST_PATCH,
        untracked=tuple(untracked[:MOST_UNTRACKED]),
    )


def _git(root: Path, *words: str, most: int = 10**6) -> str:
    """The beginning of what git says; empty where it says nothing, or is not there."""
    argv, null = ("git", "-C", str(root), *words), subprocess.DEVNULL
    try:
        with subprocess.Popen(argv, stdin=null, stdout=subprocess.PIPE, stderr=null) as asked:
            assert asked.stdout is not None
            said = asked.stdout.read(most)
            asked.stdout.close()  # a diff of gigabytes ends here
            return said.decode(errors="replace")
    except OSError:
        return ""


def desk_versions() -> dict[str, str]:
    """The versions of what submits runs from here."""
    found = {"python": platform.python_version()}
    for package in DESK:
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def user() -> str:
    """The name of the user of this machine; empty where it has none."""
    with suppress(OSError, KeyError, ImportError):
        return getpass.getuser()
    return ""
