"""What tests share: copies of this project, its tasks run as typed, and the container engine at hand."""

from __future__ import annotations

import functools
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

REPO = Path(__file__).resolve().parent.parent
INVOKE = Path(sys.prefix) / "bin" / "invoke"
#: what a checkout holds besides the project, for a project without git
NOT_OURS = (".git", ".venv", ".spcs", ".local", "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache")


MACHINES_SETTINGS: dict[str, str] = {}


@dataclass(frozen=True)
class Outcome:
    """How a command ended: the exit code as a shell sees it, what it wrote, and how long it took."""

    code: int
    stdout: str
    stderr: str
    seconds: float

    def __str__(self) -> str:
        return f"exit {self.code} after {self.seconds:.1f} s\n--- stdout\n{self.stdout}\n--- stderr\n{self.stderr}"


@dataclass(frozen=True)
class Project:
    """A copy of this project with a local account of its own; `env` is added to the environment of all it runs."""

    root: Path
    env: dict[str, str] = field(default_factory=dict)

    def inv(self, *words: str, env: Mapping[str, str] | None = None, timeout: float = 600) -> Outcome:
        """Run `inv WORDS…` as typed in the project's folder, to its end."""
        return run([str(INVOKE), *words], self.root, {**self.env, **(env or {})}, timeout)

    def start(self, *words: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        """Start `inv WORDS…` in a process group of its own, to be signalled; the caller waits for it."""
        return subprocess.Popen(
            [str(INVOKE), *words],
            cwd=self.root,
            env={**os.environ, **self.env, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def account(self, verb: str) -> Outcome:
        """Run `python -m local_account VERB` for this project's account."""
        return run([sys.executable, "-m", "local_account", verb], self.root, self.env, 120)

    def sql(self, *statements: str) -> None:
        """Have the local account do something behind the tasks' back."""
        script = (
            "import sys; from pathlib import Path; from spcs.account import Account, resolve;"
            "a = Account(resolve('local', Path('.')), name='local');"
            "[a.query(statement) for statement in sys.argv[1:]]"
        )
        done = run([sys.executable, "-c", script, *statements], self.root, self.env, 120)
        assert done.code == 0, done

    def write(self, path: str, text: str) -> Path:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        return target

    def edit(self, path: str, old: str, new: str) -> None:
        """Replace `old`, which must stand in the file exactly once."""
        text = (self.root / path).read_text()
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {path}"
        self.write(path, text.replace(old, new))

    def close(self) -> None:
        """Stop the account and remove its containers and state, and the images that were made for it."""
        root = Path(self.env["SPCS_LOCAL_ROOT"])
        if root.exists():
            kept = root / "port"
            port = kept.read_text() if kept.exists() else ""
            done = self.account("reset")
            assert done.code == 0, done
            if port and "DOCKER_HOST" not in self.env:
                remove_images(port)


def run(command: list[str], folder: Path, env: Mapping[str, str], timeout: float) -> Outcome:
    started = time.monotonic()
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    return Outcome(done.returncode, done.stdout, done.stderr, time.monotonic() - started)


def repository_files() -> list[Path]:
    """The project's files, relative to REPO: what git tracks or would add."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPO,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode == 0:
        found = [Path(name) for name in listed.stdout.split("\0") if name]
    else:
        found = [path.relative_to(REPO) for path in REPO.rglob("*")]
    return sorted(path for path in found if not set(path.parts) & set(NOT_OURS) and (REPO / path).is_file())


def copy_project(folder: Path) -> Path:
    """Copy the project as a fresh clone would have it into `folder`, which must not exist."""
    for path in repository_files():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(REPO / path, target)
    return folder


def remove_images(port: str) -> None:
    """Remove docker's images of the account at this port. What other accounts' images share with them stays."""
    for client in clients()[0][:1]:
        # One that was only run has no tag; one that was built and pushed, whose last tag goes, loses its digest, too.
        form = '{{.Repository}}{{if eq .Tag "<none>"}}@{{.Digest}}{{else}}:{{.Tag}}{{end}}'
        words = ("image", "ls", "--digests", "--format", form, "--filter", f"reference=127.0.0.1:{port}/*/*/*/*")
        if names := sorted(set(_ask(str(client.path), *words).stdout.split())):
            _ask(str(client.path), "image", "rm", *names, seconds=120)


@dataclass(frozen=True)
class Client:
    """A docker command that reaches an engine."""

    path: Path
    version: str
    engine: str

    def __str__(self) -> str:
        return f"{self.path} {self.version}"


@functools.cache
def clients() -> tuple[tuple[Client, ...], str]:
    """The docker commands that reach an engine, and why there is none. `.ci/engine` names them in SPCS_TEST_DOCKERS."""
    named = os.environ.get("SPCS_TEST_DOCKERS")
    paths = named.split(":") if named else [path for path in [shutil.which("docker")] if path]
    if not paths:
        return (), "no container engine: there is no docker command"
    found, silent = [], []
    for path in paths:
        asked = _ask(path, "version", "--format", "{{.Client.Version}} {{.Server.Version}}")
        if asked.code == 0 and len(asked.stdout.split()) == 2:
            found.append(Client(Path(path), *asked.stdout.split()))
        else:
            silent.append(f"{path}: {(asked.stderr.strip() or 'no answer').splitlines()[0]}")
    return tuple(found), "" if found else f"no container engine answers: {'; '.join(silent)}"


@functools.cache
def lacking(engine: str = "docker") -> str:
    """Why tests cannot run containers with `docker` or `podman` here. Empty when they can."""
    return _lacking_podman() if engine == "podman" else _lacking_docker()


def _lacking_podman() -> str:
    podman = shutil.which("podman")
    if podman is None:
        return "no podman on this machine"
    # Only a container shows whether podman may do on this machine what containers take.
    tried = _ask(podman, "run", "--rm", "--network", "none", base_image(), "true", seconds=180)
    said = (tried.stderr.strip() or "no answer").splitlines()[-1]
    return "" if tried.code == 0 else f"podman runs no container of {base_image()}: {said}"


def _lacking_docker() -> str:
    """No engine, or no base image to build from."""
    found, why = clients()
    if not found:
        return why
    base = base_image()
    docker = str(found[0].path)
    if _ask(docker, "image", "inspect", base).code == 0 or _ask(docker, "pull", "--quiet", base, seconds=180).code == 0:
        return ""
    return f"an engine answers, but the base image {base} is neither there nor to be pulled (.ci/engine makes one)"


def base_image() -> str:
    """The base that images are built from in this run: the one `.ci/engine` made, else that of the settings."""
    from spcs.config.model import Image

    return MACHINES_SETTINGS.get("INVOKE_IMAGE_BASE") or Image().base


def set_aside_the_machines_settings() -> None:
    """Take `INVOKE_*`, by which `.ci/engine` says what this machine needs, out of the environment of the tests.

    Only a project that builds real images gets them back; all others run with the settings as a clone has them.
    """
    for name in [name for name in os.environ if name.startswith("INVOKE_")]:
        MACHINES_SETTINGS[name] = os.environ.pop(name)


def leave_make() -> None:
    """Take what `make test` tells a make below it out of the environment: a test's own make is typed in a terminal."""
    for name in ("MAKEFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "MFLAGS"):
        os.environ.pop(name, None)


def _ask(client: str, *words: str, seconds: float = 15) -> Outcome:
    try:
        return run([client, *words], REPO, {}, seconds)
    except (OSError, subprocess.TimeoutExpired) as error:
        return Outcome(1, "", str(error), 0)


def stray_processes(folder: Path) -> Iterator[tuple[int, str]]:
    """Processes that work for a local account below `folder`, as (pid, command line). Empty where there is no /proc."""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            environment = (entry / "environ").read_bytes().split(b"\0")
            inside = (entry / "cwd").readlink().is_relative_to(folder)
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        serving = any(line.startswith(b"SPCS_LOCAL_ROOT=" + bytes(folder)) for line in environment)
        if (inside or serving) and int(entry.name) != os.getpid():
            yield int(entry.name), command.strip()


def stray_containers(folder: Path) -> Iterator[tuple[list[str], str]]:
    """Containers of local accounts below `folder` (they mount from there), as (the command to remove it, name)."""
    docker, podman = [str(client.path) for client in clients()[0][:1]], shutil.which("podman")
    for engine in [*docker, *([podman] if podman else [])]:
        for container in _ask(engine, "ps", "-aq", "--filter", "label=spcs.local.account").stdout.split():
            form = "{{.Name}}{{range .Mounts}} {{.Source}}{{end}}"
            shown = _ask(engine, "inspect", "-f", form, container).stdout.split()
            if any(Path(source).is_relative_to(folder) for source in shown[1:]):
                yield [engine, "rm", "-f", "-v", container], shown[0].lstrip("/")


def end_strays(folder: Path) -> list[str]:
    """End whatever still works for an account below `folder`; returns what there was."""
    left = []
    for pid, command in stray_processes(folder):
        os.kill(pid, signal.SIGKILL)
        left.append(f"process {pid}: {command}")
    for removal, name in stray_containers(folder):
        _ask(*removal)
        left.append(f"container {name}")
    return left
