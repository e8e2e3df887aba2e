"""The settings. They were read before any check: one that is wrong ends the command with exit code 2."""

from __future__ import annotations

from spcs.doctor.model import Check, Finding, Ground, ok


def look(ground: Ground) -> Finding:
    settings = ground.settings
    return ok(f"invoke.yaml: job '{ground.name}' of {len(settings.jobs)}, connection '{settings.connection}'")


CHECK = Check("settings", "project", "invoke.yaml", look)
