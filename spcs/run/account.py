"""What a run needs of an account. `spcs.account.client.Account` is one; the rooms meet here and nowhere else."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol


class StageFile(Protocol):
    """One row of LIST: `name` as Snowflake gives it (it begins with the stage's name), `size` in bytes, `modified` in
    UTC."""

    @property
    def name(self) -> str: ...
    @property
    def size(self) -> int: ...
    @property
    def md5(self) -> str: ...
    @property
    def modified(self) -> datetime | None: ...


class Account(Protocol):
    """A connection to an account. Every method raises a Problem: `Refused` with `.errno` where Snowflake says no,
    `spcs.account.errors.Missing` where an object is not there, `NotReady` where nobody answers."""

    def query(self, sql: str) -> list[dict[str, Any]]:
        """Run a short statement; rows as dictionaries with lower-case keys."""

    def statement(self, sql: str) -> list[dict[str, Any]]:
        """Run a statement that may take long; Ctrl-C raises KeyboardInterrupt at once."""

    def put(self, file: Path, stage_dir: str) -> None:
        """Upload one file, as it is, over what is there."""

    def get(self, stage_path: str, directory: Path, *, pattern: str = "") -> list[Path]:
        """Download what lies at or under a path; sub-folders are flattened. `pattern` is a regular expression for the
        whole path of what is wanted."""

    def list_stage(self, stage_path: str, *, pattern: str = "") -> Sequence[StageFile]:
        """List what lies under a path (with `pattern`: that matches it)."""
