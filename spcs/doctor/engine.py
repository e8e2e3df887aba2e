"""What builds images on this machine, and whether the account can run what it builds."""

from __future__ import annotations

from spcs.doctor.model import Check, Finding, Ground, fail, ok, warn

NEEDS_NONE = "set image.engine: wheels in invoke.yaml, which needs no engine"
INSTALL = "install Docker (https://docs.docker.com/engine/install/) or Podman (https://podman.io)"


def look(ground: Ground) -> Finding:
    engine = ground.engine()
    reason = ground.runtime or engine.reason
    if engine.kind != "process":
        return ok(reason)
    if not ground.is_local:
        return fail(f"{reason}: a real account cannot run such an image", f"{NEEDS_NONE}, or {INSTALL}")
    if ground.settings.image.engine == "none":
        return ok(reason)
    return warn(reason, f"{INSTALL}, or start it, then inv local.down; without one, jobs run as processes")


CHECK = Check("engine", "machine", "docker version, else podman version", look, late="restart the engine, or Docker")
