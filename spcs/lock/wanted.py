"""Which lock a job's image takes: one for each set of pins, base and kind of machine that the jobs have among them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from spcs import pins
from spcs.config import Job, Settings
from spcs.errors import SettingsProblem
from spcs.lock.model import Inputs
from spcs.spec import family

FOLDER = "locks"
# An official image, or a mirror's copy of one, says its Python: docker.io/library/python:3.11-slim@sha256:…
_OF_PYTHON = re.compile(r"(?:.*/)?python:(3\.\d+)(?!\d).*")


@dataclass(frozen=True)
class Wanted:
    """A lock that a job takes: its `file` (from the project's root), what it is made for, and the image's base."""

    file: str
    inputs: Inputs
    base: str


@dataclass(frozen=True)
class _Set:
    """What jobs must have alike to share their locks; `python` is empty where neither settings nor base say it."""

    pins: Mapping[str, str]
    base: str
    python: str


def wanted(settings: Settings) -> tuple[Wanted, ...]:
    """The locks that the jobs take, each once; raises SettingsProblem for a base whose Python is not known."""
    return tuple(dict.fromkeys(lock for job in settings.jobs.values() if (lock := wanted_by(settings, job))))


def wanted_by(settings: Settings, job: Job) -> Wanted | None:
    """The lock that the image of the job takes, None if it has no pins; raises SettingsProblem as `wanted` does.

    The project's own are called after the kind of machine. Others are called after the first job that has such pins and
    such a base, so jobs that have them alike share a lock, and an image.
    """
    its = _set(settings, job)
    if not its.pins:
        return None
    if not its.python:
        raise SettingsProblem(
            f"which Python the base image {its.base} has is not known",
            why="packages are locked for one Python, and only the official images of Python say theirs in their name",
            fix='name it beside the base, in image or in the job, such as python: "3.11"',
        )
    machine = family((job.compute_pool or settings.snowflake.compute_pool).instance_family)
    architecture = machine.architecture if machine else "amd64"
    inputs = Inputs(
        "cuda" if machine and machine.gpu_count else "cpu", its.python, f"linux/{architecture}", pins.lines(its.pins)
    )
    words = [*_owner(settings, its), inputs.kind, *([architecture] if architecture != "amd64" else [])]
    return Wanted(f"{FOLDER}/{'-'.join(words)}.txt", inputs, its.base)


def _set(settings: Settings, job: Job) -> _Set:
    image = settings.image
    base = job.base or image.base
    said = job.python or (None if job.base else image.python)
    found = _OF_PYTHON.fullmatch(base)
    named = found[1] if found else ""
    return _Set(settings.pins if job.pins is None else job.pins, base, said or named)


def _owner(settings: Settings, its: _Set) -> Iterator[str]:
    """The name of the first job with such a set, unless it is the project's."""
    if its != _set(settings, Job()):
        yield next(name for name, job in settings.jobs.items() if _set(settings, job) == its)
