"""The hub: the project this folder is, opened once per process. What it holds is made when it is first asked for."""

from __future__ import annotations

import os
import typing
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from invoke.config import Config

from spcs import local, words
from spcs.config import ComputePool, Job, Settings, job_named, load
from spcs.config.model import EngineSetting
from spcs.errors import NotReady, SettingsProblem, did_you_mean
from spcs.show.console import plan, say

if TYPE_CHECKING:
    from spcs.account import Account
    from spcs.image import Engine
    from spcs.image.inputs import Kind

LOOK_SECONDS = 20  # how long a plan waits for an account that it can do without
_opened: dict[Path, Project] = {}


class Project:
    """Settings, folders and the account of one project. `dry` means: say what would be done, do nothing.

    `inv` is how a command is typed that gets the same settings: with `-f FILE` where one is laid over.
    """

    def __init__(self, root: Path, settings: Settings, dry: bool, laid_over: str = "") -> None:
        self.root = root
        self.inv = f"inv -f {laid_over}" if laid_over else "inv"
        self.settings = settings
        self.dry = dry
        self._has_started_local = False
        self._is_entered = False
        self._engine: EngineSetting = settings.image.engine

    @property
    def receipts(self) -> Path:
        """`.spcs/`, the folder of receipts; deleting it costs only time."""
        return self.root / ".spcs"

    def tell(self, text: str) -> None:
        """Say what is being done, or, with `dry`, put it on stdout as a step of the plan."""
        plan(text) if self.dry else say(text)

    @property
    def is_local(self) -> bool:
        """Does `connection` name the local account?"""
        return self.settings.connection == "local"

    def job(self, name: str = "") -> tuple[str, Job]:
        """The entry of `jobs:` called `name`, or the default one; raises SettingsProblem."""
        chosen = name or self.settings.job
        return chosen, job_named(self.settings, chosen)

    def pool(self, job: Job) -> ComputePool:
        """The compute pool the job runs in: its own, or the project's."""
        return job.compute_pool or self.settings.snowflake.compute_pool

    def pins(self, job: Job) -> Mapping[str, str]:
        """The packages that the job's image is about: its own, or the project's."""
        return self.settings.pins if job.pins is None else job.pins

    def use_engine(self, setting: str) -> None:
        """Build with the engine that a command names, in place of `image.engine`; raises SettingsProblem."""
        if setting and setting not in (known := typing.get_args(EngineSetting)):
            fix = did_you_mean(setting, known) or f"choose from {', '.join(known)}"
            raise SettingsProblem(f"there is no engine '{setting}'", fix=fix)
        if setting and setting != self._engine:
            self._engine = typing.cast(EngineSetting, setting)
            self.__dict__.pop("engine", None)

    @cached_property
    def engine(self) -> Engine:
        """What builds images on this machine; said once, with its reason."""
        from spcs.image import detect

        setting = self._engine
        # An image must suit what the account runs: an engine may have been started, or stopped, since.
        running = local.running(self.root) if self.is_local and setting in ("auto", "wheels") else None
        if running and setting == "wheels":
            _needs_containers(running)
            running = None  # it does not decide
        elif running:
            setting = local.ENGINES[running["runtime"]]
        engine = detect(setting, self.receipts, local_account=self.is_local)
        if not self._has_started_local:  # which has said it
            say(f"engine: {self._runtime(running) if running else engine.reason}")
        return engine

    @property
    def image_kind(self) -> Kind:
        """What the account runs: a real one runs containers, whatever this machine has to build them with."""
        return self.engine.kind if self.is_local else "container"

    @property
    def installs(self) -> bool:
        """Do the images have packages in them? Those that are made without an engine hold the code only."""
        try:
            return self.image_kind == "container"
        except NotReady:  # the engine that is asked for is not there now
            return True

    @property
    def account(self) -> Account:
        """The chain's account in the project's role, database, schema and warehouse."""
        if not self._is_entered:
            flake = self.settings.snowflake
            account = self._session
            account.enter(role=flake.role, database=flake.database, schema=flake.schema, warehouse=flake.warehouse)
            self._is_entered = True
        return self._session

    @property
    def is_connected(self) -> bool:
        """Has this process asked the account anything?"""
        return "_session" in vars(self)

    def connect(self) -> Account:
        """The chain's account in whatever role it stands, for those who take roles themselves: the project's may not be
        there, and a login in it would be refused."""
        self._is_entered = False
        return self._session

    @cached_property
    def _session(self) -> Account:
        """One connection for all tasks of a chain, made at its first statement: a login may take a person."""
        from spcs.account import Account, resolve

        if self.is_local and not self.dry and not local.running(self.root):
            self.start_local()
        params = {} if self.dry and self.is_local else resolve(self.settings.connection, self.root)
        return Account(params, name=self.settings.connection, dry=self.dry, say=self.tell)

    def leave(self) -> None:
        """Log out: the account goes away. Whoever asks for it next is connected anew."""
        if "_session" in vars(self):
            self._session.close()
            del self._session
        self._is_entered = False

    def look(self) -> Account:
        """An account to ask even with `dry`, in no role; raises NotReady where the local account does not run."""
        from spcs.account import Account, resolve

        if self.is_local and not local.running(self.root):
            raise NotReady("the local account does not run", fix="inv local.up")
        name = self.settings.connection
        return Account({**resolve(name, self.root), "login_timeout": LOOK_SECONDS}, name=name)

    def start_local(self) -> Mapping[str, Any]:
        """Start the local account and say in one line how it runs containers."""
        server = local.up(self.root, self._engine)
        self._has_started_local = True
        say(f"local account: http://{server['host']}:{server['port']}; {self._runtime(server)}")
        if self._engine == "wheels":
            _needs_containers(server)
        return server

    def _runtime(self, server: Mapping[str, Any]) -> str:
        """How the local account runs a job, in few words; `inv local.status` has all of them."""
        if server["runtime"] != "process":
            return str(server["reason"])
        asked = self._engine == "none" or "asked for" in server["reason"]
        why = "as was asked for," if asked else "no Docker or Podman answers here, so"
        return f"{why} the job runs as a plain Python process"


def _needs_containers(running: Mapping[str, Any]) -> None:
    """Refuse a whole image where the local account has nothing to run it with."""
    if running["runtime"] == "process":
        raise NotReady(
            "the local account runs no whole images here",
            why=f"engine wheels makes one without a container engine, but to run it takes one; {running['reason']}",
            fix="leave out --engine wheels (or set image.engine: auto): the job then runs as a plain Python process",
        )


def open_project(config: Config, folder: Path) -> Project:
    """The project in `folder`, the same object at every call of one process; raises SettingsProblem."""
    root = folder.resolve()
    if root not in _opened:
        _opened[root] = Project(root, _settings(config, root), bool(config.run.dry), _laid_over(config))
    return _opened[root]


def _laid_over(config: Config) -> str:
    """The file given with -f; one that the environment names needs no word from the user."""
    named = str(getattr(config, "_runtime_path", None) or "")
    return "" if named == os.environ.get("INVOKE_RUNTIME_CONFIG", "") else named


def _settings(config: Config, root: Path) -> Settings:
    runtime_file = getattr(config, "_runtime_path", None)
    runtime = getattr(config, "_runtime", {})
    if runtime_file and not Path(runtime_file).exists():
        # Invoke passes over a file it can't find.
        raise SettingsProblem(f"there is no settings file {runtime_file}", fix="name an existing file after -f")
    invokes_own = Config.global_defaults()
    return load(
        {key: item for key, item in config.items() if key not in invokes_own},
        words.environment,
        file=root / "invoke.yaml",
        runtime_file=Path(runtime_file) if runtime_file else None,
        runtime=runtime,
    )
