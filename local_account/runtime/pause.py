"""A process that sleeps for ever, as an image of a few hundred bytes.

Containers of one instance share a network, and a network dies with the container that it was made for. So where there
are several containers, a process that never ends holds it. It is written here by hand because no image may be pulled
from elsewhere, and the job's own images need not contain anything that sleeps.
"""

from __future__ import annotations

import io
import platform
import struct
import tarfile

_LOAD_ADDRESS = 0x400000
_HEADERS = 64 + 56
_CODE = {
    # mov eax, 34 (pause); syscall; jmp back
    ("x86_64", 62): bytes.fromhex("b822000000 0f05 ebf7"),
    # again: mov x0..x3, 0; mov x8, 73 (ppoll); svc 0; b again
    ("aarch64", 183): bytes.fromhex("000080d2 010080d2 020080d2 030080d2 280980d2 010000d4 faffff17"),
}
_ALIASES = {"amd64": "x86_64", "arm64": "aarch64"}


def program(machine: str | None = None) -> bytes:
    """Return a static ELF program that sleeps, for `x86_64` or `aarch64` (default: this machine)."""
    wanted = machine or platform.machine().lower()
    wanted = _ALIASES.get(wanted, wanted)
    (number, code), *_ = [(number, code) for (name, number), code in _CODE.items() if name == wanted]
    size = _HEADERS + len(code)
    entry = _LOAD_ADDRESS + _HEADERS
    identity = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9)
    header = struct.pack("<16sHHIQQQIHHHHHH", identity, 2, number, 1, entry, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, _LOAD_ADDRESS, _LOAD_ADDRESS, size, size, 0x1000)
    return header + segment + code


def archive() -> bytes:
    """Return the root file system of the image as a tar archive: the one file `/pause`."""
    content = program()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        entry = tarfile.TarInfo("pause")
        entry.size, entry.mode = len(content), 0o755
        tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()
