"""The stage store: a stage is a folder of plain files, so a container can have it mounted as it is."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import stat
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from local_account import catalog
from local_account.errors import SqlError

#: folder beside the databases for stages that belong to a user (`@~`) or a table (`@%t`)
_USERS = "~"
_TABLES = "~TABLES"
_UPLOAD = ".upload-"


@dataclass(frozen=True)
class StageFile:
    """`key` is relative to the stage, with forward slashes. `modified` is seconds since 1970."""

    key: str
    path: Path
    size: int
    modified: float

    @property
    def md5(self) -> str:
        """OSError if the file is gone or may not be read."""
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "md5").hexdigest()


class Stages:
    """Files of all stages below one folder. Keys that would leave their stage are refused with SqlError 1008."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def folder(self, stage: catalog.Path) -> Path:
        """The folder of a stage, made if it is not there."""
        folder = self._folder / _safe(stage.database) / _safe(stage.schema) / _safe(stage.name)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def user_stage(self, user: str) -> catalog.Path:
        return catalog.Path(_USERS, _USERS, user)

    def table_stage(self, table: catalog.Path) -> catalog.Path:
        return catalog.Path(table.database, f"{table.schema}{_TABLES}", table.name)

    def file(self, stage: catalog.Path, key: str) -> Path:
        """Where a file of a stage is, or would be."""
        folder = self.folder(stage)
        return below(folder, key)

    def read(self, stage: catalog.Path, key: str) -> bytes | None:
        """The bytes of a file, or None if there is none."""
        path = self.file(stage, key)
        return path.read_bytes() if path.is_file() else None

    def list(self, stage: catalog.Path, prefix: str = "", pattern: str | None = None) -> list[StageFile]:
        """Files whose key starts with `prefix`, by key. `pattern` is a regular expression over the whole key."""
        expression = _regex(pattern) if pattern else None
        files = [file for file in _walk(self.folder(stage)) if _under(file.key, prefix)]
        if expression:
            files = [
                file
                for file in files
                if expression.fullmatch(f"{stage.name.lower()}/{file.key}") or expression.fullmatch(file.key)
            ]
        return sorted(files, key=lambda file: file.key)

    def remove(self, stage: catalog.Path, file: StageFile) -> None:
        """Delete one file, and the folders that it leaves empty."""
        folder = self.folder(stage)
        file.path.unlink(missing_ok=True)
        for parent in file.path.parents:
            if parent == folder:
                break
            try:
                parent.rmdir()
            except OSError:  # there is something in it, or came into it while we looked
                break

    def drop(self, stage: catalog.Path) -> None:
        shutil.rmtree(self.folder(stage), ignore_errors=True)

    def drop_schema(self, database: str, schema: str | None = None) -> None:
        """Delete all stages of a schema, or of a database."""
        folder = self._folder / _safe(database)
        if schema is None:
            shutil.rmtree(folder, ignore_errors=True)
            return
        for name in (schema, f"{schema}{_TABLES}"):
            shutil.rmtree(folder / _safe(name), ignore_errors=True)


def below(folder: Path, key: str) -> Path:
    """`folder/key`, or SqlError if that is not inside `folder` (`..`, absolute paths, links that lead out)."""
    parts = [part for part in key.split("/") if part]
    path = folder.joinpath(*parts)
    if any(part in (".", "..") or "\0" in part for part in parts) or not _inside(path, os.path.realpath(folder)):
        raise SqlError(1008, "22023", f"SQL compilation error:\ninvalid value [{key}] for parameter 'path'")
    return path


@contextlib.contextmanager
def unseen(folder: Path) -> Iterator[Path]:
    """A name in `folder` for files that are not listed; those whose names begin with it are deleted at the end."""
    folder.mkdir(parents=True, exist_ok=True)
    name = folder / f"{_UPLOAD}{uuid.uuid4().hex}"
    try:
        yield name
    finally:
        for left in folder.glob(f"{name.name}*"):
            left.unlink()


@contextlib.contextmanager
def upload(target: Path) -> Iterator[Path]:
    """A new file that takes the place of `target` when the block ends well: readers see the old one or the new one."""
    with unseen(target.parent) as partial:
        yield partial
        partial.replace(target)


def _walk(folder: Path) -> Iterator[StageFile]:
    """The files of a stage. A job may make anything in its mount: links that lead out, pipes and the like are no files
    of the stage."""
    top = os.path.realpath(folder)
    for root, _, names in os.walk(folder):
        for name in names:
            path = Path(root, name)
            if name.startswith(_UPLOAD) or (path.is_symlink() and not _inside(path, top)):
                continue
            with contextlib.suppress(OSError):  # removed by someone while we look
                found = path.stat()
                if stat.S_ISREG(found.st_mode):
                    yield StageFile(path.relative_to(folder).as_posix(), path, found.st_size, found.st_mtime)


def _inside(path: Path, top: str) -> bool:
    # Not Path.resolve(): it raises RuntimeError for links that lead in a circle.
    return Path(os.path.realpath(path)).is_relative_to(top)


def _under(key: str, prefix: str) -> bool:
    return key.startswith(prefix)


def _regex(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as problem:
        raise SqlError(100048, "2201B", f"Invalid regular expression: '{pattern}', {problem}") from problem


def _safe(name: str) -> str:
    """A name of an object as the name of one folder, the same on every file system: `%` escapes what is unusual."""
    return re.sub(
        r"[^A-Z0-9_$.~-]|^\.(?=\.?$)", lambda match: "".join(f"%{byte:02x}" for byte in match.group().encode()), name
    )
