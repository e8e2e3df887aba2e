"""Where the account keeps its state, and the settings of one server."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Root:
    """The state root: `SPCS_LOCAL_ROOT`, else `.local/` in the current folder."""

    path: Path

    @classmethod
    def here(cls) -> Root:
        return cls(Path(os.environ.get("SPCS_LOCAL_ROOT") or ".local").resolve())

    @property
    def credentials(self) -> Path:
        return self.path / "credentials"

    @property
    def server_file(self) -> Path:
        return self.path / "server.json"

    @property
    def database(self) -> Path:
        return self.path / "state.db"

    @property
    def tables(self) -> Path:
        return self.path / "tables"

    @property
    def stages(self) -> Path:
        return self.path / "stages"

    @property
    def results(self) -> Path:
        return self.path / "results"

    @property
    def registry(self) -> Path:
        return self.path / "registry"

    @property
    def jobs(self) -> Path:
        return self.path / "jobs"

    @property
    def log(self) -> Path:
        return self.path / "server.log"

    def make(self) -> None:
        """Create the folders. Only the owner may enter: the tables, tokens and stage files are private."""
        self.path.mkdir(parents=True, exist_ok=True)
        self.path.chmod(0o700)
        for folder in (self.tables, self.stages, self.results, self.registry, self.jobs):
            folder.mkdir(exist_ok=True)


def write_whole(path: Path, text: str) -> None:
    """Write a file that others may be reading, and that a crash must not leave half written."""
    partial = path.with_name(f"{path.name}.new")
    partial.write_text(text)
    partial.replace(path)


@dataclass(frozen=True)
class Settings:
    """Settings of one server process. Times are seconds."""

    port: int = 0
    runtime: str = "auto"
    #: how long a reply to a running statement is held before `in progress` is answered. The 4.x connector sends the
    #: request again after 60 s, so this stays well below.
    hold_s: float = 45.0
    session_s: float = 3600.0
    master_s: float = 14400.0
    result_s: float = 6 * 3600.0
    result_count: int = 200
