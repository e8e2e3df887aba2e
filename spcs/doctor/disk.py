"""Free space where images are built and where what is pushed to the local account is kept."""

from __future__ import annotations

import shutil
from pathlib import Path

from spcs.doctor.model import Check, Finding, Ground, fail, ok, warn
from spcs.image import Engine
from spcs.image.commands import ask
from spcs.image.docker import ContainerEngine
from spcs.image.engines import MAKE_ROOM
from spcs.spec import family

GIB = 1024**3
CODE_ONLY, CPU, GPU = 1, 6, 24
"""GiB that a first build leaves behind, with the layers packed for the push; CUDA is most of the last."""
LEAST = 1


def look(ground: Ground) -> Finding:
    engine = ground.engine()
    folders = {"this project": ground.root} | _engines_own(engine)
    free = {name: shutil.disk_usage(path).free / GIB for name, path in folders.items()}
    return judge(free, wanted(engine.kind, ground.pool.instance_family), prune=MAKE_ROOM.format(engine=engine.name))


def wanted(kind: str, instance_family: str) -> int:
    """GiB to have free."""
    if kind == "process":
        return CODE_ONLY
    machine = family(instance_family)
    return GPU if machine and machine.gpu_count else CPU


def judge(free: dict[str, float], wanted: int, *, prune: str) -> Finding:
    """`free` GiB by the name of the place."""
    name, least = min(free.items(), key=lambda place: place[1])
    remedy = prune if name != "this project" else "free some space, or move the project to another disk"
    if least < LEAST:
        return fail(f"{least:.1f} GiB are free for {name}: builds end with 'no space left on device'", remedy)
    if least < wanted:
        return warn(f"{least:.1f} GiB are free for {name}; a first build takes about {wanted} GiB", remedy)
    return ok(", ".join(f"{space:.0f} GiB are free for {place}" for place, space in free.items()))


def _engines_own(engine: Engine) -> dict[str, Path]:
    """Where the engine keeps images, unless that is in a virtual machine of its own."""
    if not isinstance(engine, ContainerEngine):
        return {}
    form = "{{.DockerRootDir}}" if engine.name == "docker" else "{{.Store.GraphRoot}}"
    root = Path(ask([engine.client.program, "info", "--format", form], timeout=4).out.strip() or "/nowhere")
    try:
        return {f"images of {engine.name}": root} if root.is_dir() else {}
    except PermissionError:  # above it somebody else's folder, on a disk of this machine
        return {}


CHECK = Check("disk", "machine", "free space for builds", look, needs=("engine",), late="restart the engine")
