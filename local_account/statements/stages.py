"""PUT and GET (carried out by the client, told where to), LIST and REMOVE."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Callable
from email.utils import formatdate
from typing import Any

from local_account.account import Account
from local_account.catalog import Path
from local_account.errors import invalid_value
from local_account.objects import StageFile
from local_account.parse.names import StagePath
from local_account.parse.stages import Get, ListFiles, Put, Remove
from local_account.sessions import Session
from local_account.statements.result import SELECT, Result, fixed, rows

_THRESHOLD = 209715200


def locate(account: Account, session: Session, place: StagePath) -> tuple[Path, str]:
    """The stage that a path names and the key inside it. SqlError 2003 if there is no such stage."""
    if place.kind == "user":
        return account.stages.user_stage(session.user), place.path
    if place.kind == "table":
        table = session.qualify(place.name)
        account.engine.columns(table)
        return account.stages.table_stage(table), place.path
    return account.catalog.get("STAGE", session.qualify(place.name)).path, place.path


def label(place: StagePath, stage: Path) -> str:
    """How LIST names the stage in front of a key: the bare name in lower case; nothing for `@~` and `@%t`."""
    return f"{stage.name.lower()}/" if place.kind == "named" else ""


def put(account: Account, session: Session, wanted: Put) -> Result:
    stage, key = locate(account, session, wanted.stage)
    account.stages.file(stage, key or "x")
    options = wanted.options
    return _transfer(
        account,
        session,
        stage,
        key.rstrip("/"),
        {
            "command": "UPLOAD",
            "src_locations": [wanted.file],
            "autoCompress": bool(options.get("AUTO_COMPRESS", True)),
            "overwrite": bool(options.get("OVERWRITE", False)),
            "sourceCompression": str(options.get("SOURCE_COMPRESSION", "auto_detect")).lower(),
            "parallel": _parallel(options.get("PARALLEL", 4)),
            "threshold": _THRESHOLD,
            "clientShowEncryptionParameter": False,
        },
        write=True,
    )


def get(account: Account, session: Session, wanted: Get) -> Result:
    stage, key = locate(account, session, wanted.stage)
    pattern = wanted.options.get("PATTERN")
    files = account.stages.list(stage, key, str(pattern) if pattern is not None else None)
    base = key if key.endswith("/") else ""
    return _transfer(
        account,
        session,
        stage,
        base.rstrip("/"),
        {
            "command": "DOWNLOAD",
            "src_locations": [file.key[len(base) :] for file in files],
            "localLocation": wanted.directory,
            "parallel": _parallel(wanted.options.get("PARALLEL", 10)),
            "threshold": _THRESHOLD,
        },
        write=False,
    )


def _parallel(value: Any) -> int:
    if not str(value).isdecimal():
        raise invalid_value(value, "PARALLEL")
    return min(99, max(1, int(value)))


def _transfer(
    account: Account, session: Session, stage: Path, folder: str, data: dict[str, Any], *, write: bool
) -> Result:
    """Connectors of the 4.x line speak only https to a bucket, so they are given the folder itself."""
    prefix = posixpath.join("sfstage/stage", folder).rstrip("/") + "/"  # the token says which stage
    if session.old_client:
        directory = account.stages.folder(stage) / folder
        if write:
            directory.mkdir(parents=True, exist_ok=True)
        info: dict[str, Any] = {"locationType": "LOCAL_FS", "location": str(directory) + os.sep, "creds": {}}
    else:
        info = {
            "locationType": "GCS",
            "location": prefix,
            "region": "us-central1",
            "storageAccount": None,
            "creds": {"GCS_ACCESS_TOKEN": account.transfers.issue(stage, write=write)},
            "useRegionalUrl": False,
            "useVirtualUrl": False,
        }
    info |= {"path": prefix, "isClientSideEncrypted": False, "endPoint": None, "presignedUrl": None}
    return Result([], transfer={"encryptionMaterial": None, **data, "stageInfo": info})


def list_files(account: Account, session: Session, wanted: ListFiles) -> Result:
    stage, key = locate(account, session, wanted.stage)
    head = label(wanted.stage, stage)
    found = account.stages.list(stage, key, wanted.pattern)
    listed = rows(
        ("name", fixed("size"), "md5", "last_modified"),
        [(head + file.key, file.size, _md5(file), formatdate(file.modified, usegmt=True)) for file in found],
    )
    listed.statement_type = SELECT
    return listed


def _md5(file: StageFile) -> str | None:
    """None for a file that was removed meanwhile, or that its job's user keeps to itself."""
    try:
        return file.md5
    except OSError:
        return None


def remove(account: Account, session: Session, wanted: Remove) -> Result:
    stage, key = locate(account, session, wanted.stage)
    found = account.stages.list(stage, key, wanted.pattern)
    for file in found:
        account.stages.remove(stage, file)
    head = label(wanted.stage, stage)
    return rows(("name", "result"), [(head + file.key, "removed") for file in found])


HANDLERS: dict[type, Callable[[Account, Session, Any], Result]] = {
    Put: put,
    Get: get,
    ListFiles: list_files,
    Remove: remove,
}
