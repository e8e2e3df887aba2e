"""The bill of materials beside a lock: what it lists, how it hangs together, and what it owns up to."""

from __future__ import annotations

import dataclasses
import json

from spcs.lock import Inputs, Lock, Requirement, bill

A, B = "a" * 64, "b" * 64
LOCK = Lock(
    Inputs("cpu", "3.11", "linux/amd64", ("torchdata==0.11.0",)),
    (
        Requirement("torch", "2.13.0+cpu", (f"sha256:{A}",), ("torchdata",)),
        Requirement("torchdata", "0.11.0", (f"sha256:{A}", f"sha256:{B}")),
    ),
)
BASE = f"python:3.11-slim@sha256:{B}"


def made(lock: Lock = LOCK) -> str:
    return bill.text(lock, name="training", base=BASE, apt=("libgomp1", "git=1:2.39.5"))


def test_it_lists_base_debian_packages_and_python_packages() -> None:
    found = json.loads(made())
    assert (found["bomFormat"], found["specVersion"]) == ("CycloneDX", "1.6")
    assert found["metadata"]["component"]["name"] == "training"
    assert [(each["type"], each["name"], each.get("version")) for each in found["components"]] == [
        ("container", "python:3.11-slim", f"sha256:{B}"),
        ("library", "libgomp1", None),
        ("library", "git", "1:2.39.5"),
        ("library", "torch", "2.13.0+cpu"),
        ("library", "torchdata", "0.11.0"),
    ]
    torch, torchdata = found["components"][-2:]
    assert torch["purl"] == "pkg:pypi/torch@2.13.0%2Bcpu"
    assert torchdata["hashes"] == [{"alg": "SHA-256", "content": A}, {"alg": "SHA-256", "content": B}]
    assert found["components"][2]["purl"] == "pkg:deb/debian/git@1%3A2.39.5"


def test_it_says_what_needs_what_and_what_it_does_not_know() -> None:
    found = json.loads(made())
    needs = {each["ref"]: each["dependsOn"] for each in found["dependencies"]}
    outside = [each["bom-ref"] for each in found["components"][:3]]
    assert needs["image"] == [*outside, "pkg:pypi/torchdata@0.11.0"]
    assert needs["pkg:pypi/torchdata@0.11.0"] == ["pkg:pypi/torch@2.13.0%2Bcpu"]
    assert needs["pkg:pypi/torch@2.13.0%2Bcpu"] == []
    assert found["compositions"] == [{"aggregate": "unknown", "assemblies": outside}]


def test_the_same_lock_gives_the_same_bytes_and_another_one_another_number() -> None:
    assert made() == made()
    other = json.loads(made(dataclasses.replace(LOCK, requirements=LOCK.requirements[1:])))
    assert other["serialNumber"] != json.loads(made())["serialNumber"]


def test_it_lies_beside_its_lock() -> None:
    assert bill.file_of("locks/cpu.txt") == "locks/cpu.cdx.json"
