"""The three texts of a run: whether they render, whether the code is there, whether the specification is valid."""

from __future__ import annotations

from spcs.doctor.model import Check, Finding, Ground, ok


def look(ground: Ground) -> Finding:
    ground.plan()
    ground.service()
    ground.setup_sql()
    return ok(f"Dockerfile, spec.yaml and setup.sql of job '{ground.name}' render, and the specification is valid")


CHECK = Check(
    "templates", "project", "Dockerfile, spec.yaml and setup.sql, as inv render makes them", look, needs=("lock",)
)
