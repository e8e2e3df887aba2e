"""What is there already, and so what is left to do: one of six answers, of which `docs/image.md` has the table."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Found:
    """It is there under its name: in the registry with that `digest`, or (`digest` is empty) with the engine."""

    image_id: str = ""
    digest: str = ""


@dataclass(frozen=True)
class NeedsLocalTag:
    """The engine has an image of the same inputs by another name, `other`: it gets this one too."""

    image_id: str
    other: str


@dataclass(frozen=True)
class NeedsRemoteTag:
    """The registry has it as `other` (`db/schema/repository/name`), with `digest`: naming it there sends nothing."""

    other: str
    digest: str


@dataclass(frozen=True)
class NeedsPush:
    """The engine has it, the registry does not."""

    image_id: str


@dataclass(frozen=True)
class NeedsBuild:
    """Nobody that was asked has it."""


@dataclass(frozen=True)
class Failed:
    """It could not be asked; `why` in words."""

    why: str


Outcome = Found | NeedsLocalTag | NeedsRemoteTag | NeedsPush | NeedsBuild | Failed
