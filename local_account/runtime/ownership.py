"""Directories that a container writes to and this machine's user reads, changes and deletes afterwards.

The user inside a container is seldom the user that runs the account. A bound directory is therefore opened to all, and
given a default ACL under which whatever is made in it is open too (an umask does not count there). The state root
itself is closed to other users, so that this opens nothing to them. Where the file system has no ACLs only the top
directory is open: then a subdirectory that the container made can be emptied by its own user or by root alone.
"""

from __future__ import annotations

import contextlib
import errno
import os
import struct
from pathlib import Path

_DEFAULT_ACL = "system.posix_acl_default"
_ACL_VERSION = 2
_USER_OBJ, _GROUP_OBJ, _OTHER = 0x01, 0x04, 0x20
_ALL, _NO_ID = 7, 0xFFFFFFFF


def open_to_all(directory: Path, uid: int | None = None, gid: int | None = None) -> None:
    """Make a directory, if need be, and open it and what is in it to a container's user.

    `uid`/`gid` (of the specification's volume) become its owner where this process may do that, as root.
    """
    directory.mkdir(parents=True, exist_ok=True)
    _open(directory, uid, gid)
    for folder, names, files in os.walk(directory):
        for name in names:
            _open(Path(folder, name), uid, gid)
        for name in files:
            _open(Path(folder, name), uid, gid)


def _open(path: Path, uid: int | None, gid: int | None) -> None:
    if path.is_symlink():
        return
    folder = path.is_dir()
    # What another user made stays as it is: the default ACL has opened it already.
    with contextlib.suppress(PermissionError, FileNotFoundError):
        path.chmod(path.stat().st_mode | (0o777 if folder else 0o666))
        if folder:
            _set_default_acl(path)
        if os.geteuid() == 0 and (uid is not None or gid is not None):
            os.chown(path, -1 if uid is None else uid, -1 if gid is None else gid)


def _set_default_acl(path: Path) -> None:
    entries = b"".join(struct.pack("<HHI", tag, _ALL, _NO_ID) for tag in (_USER_OBJ, _GROUP_OBJ, _OTHER))
    if not hasattr(os, "setxattr"):
        return
    try:
        os.setxattr(path, _DEFAULT_ACL, struct.pack("<I", _ACL_VERSION) + entries)
    except OSError as error:
        if error.errno not in (errno.ENOTSUP, errno.EPERM, errno.EINVAL):
            raise
