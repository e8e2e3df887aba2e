"""The service specification of a run: a job's settings, through its template, to text that has been checked."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from spcs.config import ComputePool, Job, Settings, Volume, secret_path
from spcs.config.model import Amounts
from spcs.errors import SettingsProblem, did_you_mean
from spcs.render import render
from spcs.spec import FAMILIES, Service, SpecError, check_fit, family, parse, parse_memory

CONTAINER = "main"
EARLIER_MOUNT = "/opt/earlier-output"
"""Where a resumed run sees the outputs of the run it goes on from; RESUME_PATH says so to the program."""
SHARED_MEMORY = 0.3
USER_ID = 1000
"""The user of the image (see Dockerfile.j2); a stage volume belongs to it, or it could not be written."""


def specification(
    root: Path, settings: Settings, name: str, job: Job, *, image: str, output: str, earlier: str = ""
) -> str:
    """The text of `spec.yaml` for the job called `name`.

    `image` is the path that the specification names (`/db/schema/repository/image:tag`), `output` the stage location
    of the run's outputs, `earlier` that of a run that this one goes on from. Raises SettingsProblem where the template,
    a field, or the size of the machines says no.
    """
    text, service = parsed(root, settings, name, job, image=image, output=output, earlier=earlier)
    pool = job.compute_pool or settings.snowflake.compute_pool
    machine = family(pool.instance_family)
    try:
        if machine:
            check_fit(service, machine)
    except SpecError as error:
        raise _invalid(error, name, job, pool, _volumes(settings, job, output, earlier)) from error
    return text


def parsed(
    root: Path, settings: Settings, name: str, job: Job, *, image: str, output: str, earlier: str = ""
) -> tuple[str, Service]:
    """As `specification`, with what the text says, and without asking whether it fits the machines."""
    text = render(root, job.template, _values(settings, name, job, image, output, earlier))
    try:
        return text, parse(text)
    except SpecError as error:
        pool = job.compute_pool or settings.snowflake.compute_pool
        raise _invalid(error, name, job, pool, _volumes(settings, job, output, earlier)) from error


def unknown_family(pool: ComputePool) -> str:
    """What to say of an instance family that is not in our table: it may be new, it may be mistyped."""
    if family(pool.instance_family):
        return ""
    hint = did_you_mean(pool.instance_family.upper(), FAMILIES)
    return f"instance family {pool.instance_family} is not known here, so its size is not checked" + (
        f"; {hint}" if hint else ""
    )


def _values(settings: Settings, name: str, job: Job, image: str, output: str, earlier: str) -> dict[str, Any]:
    resumed = {"RESUME_PATH": EARLIER_MOUNT} if earlier else {}
    resources = {"requests": _amounts(job.resources.requests), "limits": _amounts(job.resources.limits)}
    return {
        "settings": settings,
        "snowflake": settings.snowflake,
        "name": name,
        "job": job,
        "container": CONTAINER,
        "image": image,
        "output": output,
        "env": {"MOUNT_PATH": job.output, "MOUNT_STAGE": output.rstrip("/"), **resumed, **job.env},
        "resources": {kind: amounts for kind, amounts in resources.items() if amounts},
        "volumes": _volumes(settings, job, output, earlier),
        "secrets": [(secret_path(settings.snowflake, secret), secret) for secret in job.secrets],
        "uid": USER_ID,
        "gid": USER_ID,
    }


def _amounts(amounts: Amounts) -> Mapping[str, Any]:
    named = {"cpu": amounts.cpu, "memory": amounts.memory, "nvidia.com/gpu": amounts.gpu}
    return {key: amount for key, amount in named.items() if amount is not None}


def _volumes(settings: Settings, job: Job, output: str, earlier: str) -> list[Volume]:
    volumes = [Volume("output", job.output, "stage", stage=output)]
    if earlier:
        volumes.append(Volume("earlier", EARLIER_MOUNT, "stage", stage=earlier))
    if shm := job.shm or _shared_memory(settings, job):
        volumes.append(Volume("dshm", "/dev/shm", "memory", size=shm))
    return [*volumes, *job.volumes]


def _shared_memory(settings: Settings, job: Job) -> str | None:
    """The size of /dev/shm for a job of many processes, which pass each other data there: as much of the container's
    memory as Snowflake's own ML jobs give it. None for other jobs, and where the memory is not known.
    """
    if job.replicas == 1 and (job.resources.limits.gpu or 0) < 2:
        return None
    machine = family((job.compute_pool or settings.snowflake.compute_pool).instance_family)
    asked = job.resources.limits.memory or (f"{machine.memory_gib}Gi" if machine else None)
    try:
        return f"{math.ceil(SHARED_MEMORY * parse_memory(asked) / 1024**3)}Gi" if asked else None
    except ValueError:
        return None  # the check of the whole specification says it with its place


def _invalid(error: SpecError, name: str, job: Job, pool: ComputePool, volumes: Sequence[Volume]) -> SettingsProblem:
    line = f", line {error.line} of what it makes" if error.line else ""
    return SettingsProblem(
        f"the specification of job '{name}' is not valid ({job.template}{line})",
        why=error.message,
        fix=_remedy(error, name, job, pool, volumes),
    )


def _remedy(error: SpecError, name: str, job: Job, pool: ComputePool, volumes: Sequence[Volume]) -> str:
    if error.hint:
        return error.hint
    if "exceeds compute pool" in error.message:
        return f"ask for less in jobs.{name}.resources, or for a larger instance_family than {pool.instance_family}"
    if setting := _of_resources(error.path, job) or _of_volume(error.path, job, volumes):
        return f"correct jobs.{name}.{setting} in invoke.yaml"
    return f"correct {error.path or 'it'} in {job.template}, or the setting of jobs.{name} that it is made of"


def _of_resources(path: str, job: Job) -> str:
    """The setting of the job that stands at a path of its specification; empty for what the template alone says."""
    found = re.fullmatch(r"spec\.containers\[0\]\.resources\.(requests|limits)\.(cpu|memory|nvidia\.com/gpu)", path)
    if not found:
        return ""
    kind, amount = found[1], found[2].removeprefix("nvidia.com/")
    return f"resources.{kind}.{amount}" if getattr(getattr(job.resources, kind), amount) is not None else ""


def _of_volume(path: str, job: Job, volumes: Sequence[Volume]) -> str:
    """As `_of_resources`. `volumes` are those that the template is given: the job's own are the last of them."""
    found = re.fullmatch(r"spec\.(?:volumes|containers\[0\]\.volumeMounts)\[(\d+)\]\.?([\w.]*)", path)
    if not found or int(found[1]) >= len(volumes):
        return ""
    own = int(found[1]) - (len(volumes) - len(job.volumes))
    if own < 0:
        return "shm" if job.shm and volumes[int(found[1])].mount == "/dev/shm" else ""
    key = {"mountPath": "mount", "stageConfig.name": "stage"}.get(found[2], found[2])
    return f"volumes.{own}.{key}" if key in ("name", "mount", "source", "size", "stage") else f"volumes.{own}"
