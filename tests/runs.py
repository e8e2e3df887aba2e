"""A run that ended, as tests of what is said of it need it."""

from __future__ import annotations

from spcs.run.model import ContainerStatus, Run

RUN = Run("train_20260827_120005_bcdf", "DB", "S", "DB.S.RUNS", runs_app=True)
USER_ERROR = "User application error, check container logs"


def ended(code: int | None, message: str = USER_ERROR, name: str = "main", instance: int = 0) -> ContainerStatus:
    return ContainerStatus(instance, name, "DONE" if code == 0 else "FAILED", message, code)
