"""The lock that the job's image installs from, against the pins as they are now."""

from __future__ import annotations

from spcs.doctor.model import Check, Finding, Ground, ok
from spcs.lock import read, wanted_by


def look(ground: Ground) -> Finding:
    if ground.is_local and ground.engine().kind == "process":
        return ok("none is needed: an image that is made without an engine has no packages in it")
    return without_engine(ground)


def without_engine(ground: Ground) -> Finding:
    wanted = wanted_by(ground.settings, ground.job)
    if wanted is None:
        return ok(f"none is needed: job '{ground.name}' has no pins")
    found = read(ground.root, wanted)
    return ok(f"{wanted.file} fits the pins: {len(found.requirements)} packages, each artifact by its hash")


CHECK = Check(
    "lock", "project", "the lock of the job's pins, in locks/", look, helped_by=("engine",), alone=without_engine
)
