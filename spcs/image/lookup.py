"""Asking the engine and the registry what is there. The engine costs nothing to ask; the registry decides a push."""

from __future__ import annotations

from collections.abc import Iterable

from spcs.image.engines import Engine
from spcs.image.outcomes import Failed, Found, NeedsBuild, NeedsLocalTag, NeedsPush, NeedsRemoteTag, Outcome
from spcs.image.receipts import Receipt
from spcs.image.registry import RegistryRefusal
from spcs.image.repository import Repository


def before_build(engine: Engine, receipt: Receipt, repository: Repository | None) -> Outcome:
    """Is there an image to push, or has it been pushed, from here or from another machine?

    The registry is asked last: nothing is sent for an image that is here.
    """
    here = engine.find(receipt.ref)
    if here:
        return Found(here)
    alike = engine.find_alike(receipt.inputs)
    if alike:
        return NeedsLocalTag(*alike)
    return (_in(repository) if repository else None) or NeedsBuild()


def before_push(
    engine: Engine,
    receipt: Receipt,
    repository: Repository,
    places: Iterable[tuple[str, str]] = (),
    missed: bool = False,
) -> Outcome:
    """Has the registry the image, by its name or in one of `places` (repository and digest)? Has the engine, if not?

    With `missed` the registry has just said that it has none of that name.
    """
    there = _in(repository, places, missed)
    if there:
        return there
    here = engine.find(receipt.ref)
    if here:
        return NeedsPush(here)
    alike = engine.find_alike(receipt.inputs)
    return NeedsLocalTag(*alike) if alike else NeedsBuild()


def _in(
    repository: Repository, places: Iterable[tuple[str, str]] = (), missed: bool = False
) -> Found | NeedsRemoteTag | Failed | None:
    try:
        digest = None if missed else repository.digest()
        if digest:
            return Found(digest=digest)
        return next((NeedsRemoteTag(*place) for place in places if repository.has(*place)), None)
    except RegistryRefusal as refusal:
        return Failed(str(refusal))
