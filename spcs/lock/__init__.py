"""Locks: what the pins ask for and all that comes along, each at one version, each artifact known by its hash."""

from spcs.lock.model import Inputs, Kind, Lock, Requirement, Unreadable, parse, text

__all__ = ["Inputs", "Kind", "Lock", "Requirement", "Unreadable", "parse", "text"]
