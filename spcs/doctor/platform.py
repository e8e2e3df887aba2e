"""The platform that images are built for, against this machine's processor."""

from __future__ import annotations

import platform
import sys
from pathlib import Path

from spcs.doctor.model import Check, Finding, Ground, fail, ok, warn
from spcs.image.engines import EMULATE

ARCHITECTURES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
EMULATORS = {"amd64": "qemu-x86_64", "arm64": "qemu-aarch64"}
BINFMT = Path("/proc/sys/fs/binfmt_misc")


def look(ground: Ground) -> Finding:
    engine, wanted = ground.engine(), ground.plan().platform.rpartition("/")[2]
    here = ARCHITECTURES.get(platform.machine().lower(), platform.machine())
    if engine.kind == "process":
        return ok("without an engine the program runs with this machine's own Python, whatever its processor")
    if engine.builder == "none":
        return ok(f"the image is for linux/{wanted}, as {ground.pool.instance_family} needs; nothing of it runs here")
    return judge(wanted, here, ground.pool.instance_family, engine.name, can_emulate=_can_emulate(wanted))


def judge(wanted: str, here: str, family: str, engine: str, *, can_emulate: bool) -> Finding:
    if wanted == here:
        return ok(f"images are built for linux/{wanted}, as {family} needs; so is this machine")
    if can_emulate:
        return warn(f"{family} needs linux/{wanted} and this machine is {here}: builds are emulated, and slow")
    return fail(
        f"{family} needs linux/{wanted}, and this machine ({here}) cannot run it: builds end with 'exec format error'",
        EMULATE.format(engine=engine, architecture=wanted),
    )


def _can_emulate(wanted: str) -> bool:
    """Docker Desktop and podman's machine bring their emulators; a Linux kernel says what it has."""
    if sys.platform != "linux":
        return True
    try:
        return (BINFMT / EMULATORS.get(wanted, wanted)).read_text().startswith("enabled")
    except OSError:
        return False


CHECK = Check("platform", "project", "the pool's processor against this machine's", look, needs=("engine", "templates"))
