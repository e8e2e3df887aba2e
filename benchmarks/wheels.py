"""`python -m benchmarks.wheels`: a first build and push without an engine against docker's. Exit 1 if it is too slow.

Each time both begin with nothing: a copy of the project, an account with an empty registry, nothing built or downloaded
before. The base is at hand for both: docker has it, and the other reads it from a registry of this machine.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

from benchmarks.pairs import at_most, seconds
from spcs.lock import parse

ROOT = Path(__file__).resolve().parent.parent
INVOKE = str(Path(sys.prefix) / "bin" / "invoke")
NOT_OURS = (".git", ".venv", ".spcs", ".local", "runs", "__pycache__", ".*_cache")


class Copy:
    """A copy of the project that is set up on a local account of its own; `image` are settings of its image."""

    def __init__(self, folder: Path, stack: contextlib.ExitStack, **image: Any) -> None:
        self.root = folder / "project"
        shutil.copytree(ROOT, self.root, ignore=shutil.ignore_patterns(*NOT_OURS))
        values = machine()
        values["image"] = {**values.get("image", {}), **image}
        (self.root / "first.yaml").write_text(yaml.safe_dump(values))
        own = {"SPCS_LOCAL_ROOT": folder / "account", "SNOWFLAKE_HOME": folder, "PIP_NO_CACHE_DIR": 1}
        self._env = ["env", *(f"{name}={value}" for name, value in own.items())]
        stack.callback(self.inv, "local.reset", "--yes")
        self.inv("setup")

    def inv(self, *words: str) -> float:
        """Seconds of `inv WORDS…`."""
        return seconds([*self._env, INVOKE, "-f", "first.yaml", *words], self.root)

    @property
    def logins(self) -> Path:
        return self.root / ".spcs" / "docker"

    @property
    def url(self) -> str:
        """The account's image repository, known after the first build."""
        return str(json.loads((self.root / ".spcs" / "repository.json").read_text())["url"])


def machine() -> dict[str, Any]:
    """What this machine needs, where a settings file says so."""
    named = os.environ.get("INVOKE_RUNTIME_CONFIG")
    return dict(yaml.safe_load(Path(named).read_text())) if named else {}


def docker(*words: str, logins: Path | None = None) -> str:
    command = ["docker", *(["--config", str(logins)] if logins else []), *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def with_docker(copy: Copy, base: str) -> tuple[float, str]:
    """The seconds that docker takes, and the name under which its registry then has the base, for others to read."""
    taken = copy.inv("build", "push")
    ref = f"{copy.url}/base:1"
    docker("tag", base, ref)
    docker("push", ref, logins=copy.logins)
    ours = docker("image", "ls", "--filter", f"reference={copy.url}/*", "--format", "{{.Repository}}:{{.Tag}}")
    docker("image", "rm", *ours.split())
    return taken, ref


def pair(folder: Path, base: str) -> float:
    """How long the first build and push takes without an engine, to docker's."""
    options = machine().get("image", {}).get("build_options", [])
    python = parse((ROOT / "locks" / "cpu.txt").read_text()).inputs.python
    with contextlib.ExitStack() as stack:
        first = Copy(folder / "docker", stack, engine="docker", build_options=[*options, "--no-cache"])
        theirs, ref = with_docker(first, base)
        second = Copy(folder / "wheels", stack, engine="wheels", base=ref, python=python)
        shutil.copytree(first.logins, second.logins)  # the base lies in the other's registry
        ours = second.inv("build", "push")
    print(f"# first build and push {ours:.1f} s, with docker {theirs:.1f} s")
    return ours / theirs


def answers() -> bool:
    found = shutil.which("docker")
    return bool(found) and subprocess.run(["docker", "version"], capture_output=True, check=False).returncode == 0


def main() -> int:
    print(f"# {os.cpu_count()} processors, load average {os.getloadavg()[0]:.1f}")
    if not answers():
        print("# MISSING: image/wheels_to_docker (no docker)")
        return 0
    settings = {**yaml.safe_load((ROOT / "invoke.yaml").read_text())["image"], **machine().get("image", {})}
    ratios = []
    for _ in range(2):
        with tempfile.TemporaryDirectory() as folder:
            ratios.append(pair(Path(folder), settings["base"]))
    return 0 if at_most("image/wheels_to_docker", statistics.median(ratios), 0.6) else 1


if __name__ == "__main__":
    sys.exit(main())
