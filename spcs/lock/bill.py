"""The bill of materials of an image, in CycloneDX's JSON: what `locks/cpu.cdx.json` lists beside `locks/cpu.txt`.

It lists what the settings and the lock put into the image: the base, by its digest, the Debian packages by name, and
each Python package with the hashes of its artifacts and what it needs. What the base itself holds it does not know, and
says so (`compositions`). The same lock gives the same bytes, so there is no date in it.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from spcs import pins
from spcs.lock.model import Lock, Requirement

SCHEMA = "http://cyclonedx.org/schema/bom-1.6.schema.json"
IMAGE = "image"
_NAMESPACE = uuid.UUID("5f1d1f5a-3a0e-5b5e-9d5e-6c3d4b9a2f10")

Component = Mapping[str, Any]


def file_of(lock_file: str) -> str:
    """The name of the bill beside a lock."""
    return f"{lock_file.removesuffix('.txt')}.cdx.json"


def text(lock: Lock, *, name: str, base: str, apt: Sequence[str] = ()) -> str:
    """The bill of the image called `name` as a file."""
    outside = [_base(base), *map(_debian, apt)]
    needs = _needs(lock)
    asked_for = [_purl(each) for each in lock.requirements if _is_pin(each, lock)]
    content = {
        "metadata": {"component": {"type": "container", "bom-ref": IMAGE, "name": name}},
        "components": [*outside, *map(_package, lock.requirements)],
        "dependencies": [
            {"ref": IMAGE, "dependsOn": [*(each["bom-ref"] for each in outside), *asked_for]},
            *({"ref": ref, "dependsOn": sorted(needs[ref])} for ref in sorted(needs)),
        ],
        "compositions": [{"aggregate": "unknown", "assemblies": [each["bom-ref"] for each in outside]}],
    }
    number = uuid.uuid5(_NAMESPACE, json.dumps(content, sort_keys=True)).urn
    head = {"$schema": SCHEMA, "bomFormat": "CycloneDX", "specVersion": "1.6", "serialNumber": number, "version": 1}
    return json.dumps({**head, **content}, indent=1, ensure_ascii=False) + "\n"


def _package(requirement: Requirement) -> Component:
    """The hashes are those of all artifacts of this version; the image has the one for its platform."""
    purl = _purl(requirement)
    hashes = [{"alg": "SHA-256", "content": each.removeprefix("sha256:")} for each in requirement.hashes]
    named = {"name": requirement.name, "version": requirement.version}
    return {"type": "library", "bom-ref": purl, **named, "purl": purl, "hashes": hashes}


def _base(base: str) -> Component:
    name, _, digest = base.partition("@")
    version = {"version": digest} if digest else {}
    hashes = {"hashes": [{"alg": "SHA-256", "content": digest.removeprefix("sha256:")}]} if digest else {}
    return {"type": "container", "bom-ref": f"base:{base}", "name": name, **version, **hashes}


def _debian(package: str) -> Component:
    name, _, version = package.partition("=")
    known = {"version": version} if version else {}
    purl = f"pkg:deb/debian/{quote(name, safe='')}" + (f"@{quote(version, safe='')}" if version else "")
    return {"type": "library", "bom-ref": purl, "name": name, **known, "purl": purl}


def _needs(lock: Lock) -> dict[str, set[str]]:
    """Each package by its name in the bill, and those that it needs: the lock says it the other way round."""
    refs = {each.name: _purl(each) for each in lock.requirements}
    needs: dict[str, set[str]] = {ref: set() for ref in refs.values()}
    for each in lock.requirements:
        for asking in each.via:
            needs[refs[asking]].add(refs[each.name])
    return needs


def _is_pin(requirement: Requirement, lock: Lock) -> bool:
    return requirement.name in map(pins.plain, lock.inputs.pins)


def _purl(requirement: Requirement) -> str:
    return f"pkg:pypi/{requirement.name}@{quote(requirement.version, safe='')}"
