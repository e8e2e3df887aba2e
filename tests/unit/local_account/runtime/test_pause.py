"""The hand-written program that holds an instance's network."""

from __future__ import annotations

import platform
import subprocess
from pathlib import Path

import pytest

from local_account.runtime import pause


@pytest.mark.skipif(platform.system() != "Linux", reason="the program is for Linux")
def test_the_program_starts_and_sleeps(tmp_path: Path) -> None:
    path = tmp_path / "pause"
    path.write_bytes(pause.program())
    path.chmod(0o755)
    with subprocess.Popen([path]) as process:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.2)
        process.kill()


def test_both_machines_have_a_program() -> None:
    assert pause.program("x86_64")[:4] == pause.program("arm64")[:4] == b"\x7fELF"
    assert pause.program("amd64")[18:20] == b"\x3e\x00"
    assert pause.program("aarch64")[18:20] == b"\xb7\x00"
