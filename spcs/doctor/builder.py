"""The builder that the container client has: BuildKit keeps caches that the legacy one does not know."""

from __future__ import annotations

from spcs.doctor.model import Check, Finding, Ground, ok, warn


def look(ground: Ground) -> Finding:
    engine = ground.engine()
    if engine.builder == "none":
        return ok("none is needed: Python alone puts the image together")
    if engine.builder == "legacy":
        return warn(
            f"{engine.name} has the legacy builder only: no cache of downloads, and all files are sent at every build",
            "install the buildx plugin (https://docs.docker.com/build/install-buildx/)"
            if engine.name == "docker"
            else "install podman 4 or newer",
        )
    return ok(f"{engine.name} builds with {engine.builder}")


CHECK = Check("builder", "machine", "docker buildx version", look, needs=("engine",), late="restart the engine")
