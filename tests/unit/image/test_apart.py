"""Engines by what they report, told by a small program in their place."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Literal

import pytest

from spcs.image.apart import is_apart
from spcs.image.engines import Client

OURS = socket.gethostname()


@pytest.mark.parametrize(
    ("dialect", "told", "apart"),
    [
        ("docker", f"{OURS}\tDebian GNU/Linux 12 (bookworm)", False),
        ("docker", "docker-desktop\tDocker Desktop", True),
        ("docker", f"{OURS}\tDocker Desktop", True),
        ("docker", "orbstack\tOrbStack", True),
        ("docker", "colima\tUbuntu 24.04.1 LTS", True),
        ("docker", "lima-rancher-desktop\tAlpine Linux v3.20", True),
        ("docker", "", False),
        ("podman", f"{OURS}\t", False),
        ("podman", f"{OURS}\tremote", True),
        ("podman", "localhost.localdomain\tremote", True),
    ],
)
def test_engine_that_runs_on_another_host_is_apart(
    dialect: Literal["docker", "podman"], told: str, apart: bool, tmp_path: Path
) -> None:
    program = tmp_path / dialect
    program.write_text(f"#!/bin/sh\n[ \"$1 $2\" = 'info --format' ] && printf '%s\\n' '{told}'\n")
    program.chmod(0o755)
    assert is_apart(Client(str(program), dialect, "28.2.2", "28.2.2")) is apart


def test_engine_that_does_not_answer_counts_as_near(tmp_path: Path) -> None:
    assert not is_apart(Client(str(tmp_path / "none"), "docker", "28.2.2", "28.2.2"))
