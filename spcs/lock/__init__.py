"""Locks: what the pins ask for and all that comes along, each at one version, each artifact known by its hash."""

from spcs.lock.changes import Move, moves
from spcs.lock.files import read
from spcs.lock.model import Inputs, Kind, Lock, Requirement, Unreadable, parse, text
from spcs.lock.wanted import Wanted, wanted, wanted_by

__all__ = [
    "Inputs",
    "Kind",
    "Lock",
    "Move",
    "Requirement",
    "Unreadable",
    "Wanted",
    "moves",
    "parse",
    "read",
    "text",
    "wanted",
    "wanted_by",
]
