"""Everything that a run needs, looked at before it: one file a check, all in one flat list."""

from spcs.doctor import (
    builder,
    capacity,
    connection,
    data,
    disk,
    engine,
    family,
    grants,
    image,
    integrations,
    lock,
    login,
    name,
    packages,
    platform,
    pool,
    python,
    registry,
    repository,
    role,
    schema,
    secrets,
    settings,
    stage,
    templates,
    warehouse,
)
from spcs.doctor.examine import examine
from spcs.doctor.model import Check, Finding, Ground, NotChecked

CHECKS: tuple[Check, ...] = (
    python.CHECK,
    packages.CHECK,
    engine.CHECK,
    builder.CHECK,
    disk.CHECK,
    settings.CHECK,
    lock.CHECK,
    templates.CHECK,
    name.CHECK,
    platform.CHECK,
    connection.CHECK,
    login.CHECK,
    role.CHECK,
    schema.CHECK,
    warehouse.CHECK,
    grants.CHECK,
    pool.CHECK,
    family.CHECK,
    capacity.CHECK,
    repository.CHECK,
    registry.CHECK,
    image.CHECK,
    stage.CHECK,
    data.CHECK,
    secrets.CHECK,
    integrations.CHECK,
)
"""In the order in which they are told, group by group."""

__all__ = ["CHECKS", "Check", "Finding", "Ground", "NotChecked", "examine"]
