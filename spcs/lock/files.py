"""Locks as files of the project: reading the one that an image takes, and whether it still fits the settings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from spcs.errors import NotReady
from spcs.lock.model import Inputs, Lock, Unreadable, parse
from spcs.lock.wanted import Wanted


def read(root: Path, wanted: Wanted, mend: str = "inv lock") -> Lock:
    """The lock, made for what is wanted now; raises NotReady if it is missing, was made for something else, or is none.

    `mend` is the command that mends it. No index is asked, so this costs a few milliseconds and holds on any machine.
    """
    try:
        lock = parse((root / wanted.file).read_text())
    except FileNotFoundError:
        why = "an image installs what a lock names, artifact by artifact, and nothing else"
        raise NotReady(f"there is no {wanted.file}, the lock of the pins", why, mend) from None
    except Unreadable as error:
        raise NotReady(f"{wanted.file} is no lock as inv lock writes it", str(error), mend) from error
    except (OSError, UnicodeDecodeError) as error:
        raise NotReady(f"{wanted.file} cannot be read", str(error), mend) from error
    differs = "\n".join(differences(lock.inputs, wanted.inputs))
    if differs:
        raise NotReady(f"{wanted.file} was made for other pins than the settings have now", differs, mend)
    return lock


def differences(locked: Inputs, now: Inputs) -> Iterator[str]:
    """What the settings have changed since the lock was made, a line each."""
    for name in ("kind", "python", "platform"):
        was, is_now = getattr(locked, name), getattr(now, name)
        if was != is_now:
            yield f"{name}: {was} when it was made, {is_now} now"
    before, after = (dict(pin.split("==", 1) for pin in inputs.pins) for inputs in (locked, now))
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name):
            yield f"{name}: {before.get(name, 'not there')} when it was made, {after.get(name, 'not there')} now"
