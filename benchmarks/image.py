"""`python -m benchmarks.image [FIGURE…]`: what our images cost against docker alone. Exit 1 if it is too much.

It works in a copy of the project, with a local account of its own; both are removed at the end, and so are the images.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from benchmarks.line import line
from benchmarks.pairs import at_least, at_most, median_ratio, seconds

ROOT = Path(__file__).resolve().parent.parent
INVOKE = str(Path(sys.prefix) / "bin" / "invoke")
BARE = [sys.executable, "-c", "import invoke"]

#: The Snowflake tutorial's way, without conda: one RUN for all packages. Its code stands before that, so that an edit
#: installs them anew. With the code after it, what is left to compare is the installation.
CODE_AFTER = "FROM {base}\nRUN pip3 install {indexes}{packages}\nCOPY app app\n"
CODE_BEFORE = "FROM {base}\nCOPY app app\nRUN pip3 install {indexes}{packages}\n"


class Copy:
    """A copy of the project in `folder`, with an account of its own."""

    def __init__(self, folder: Path, engine: str) -> None:
        self.root = folder / "project"
        own = {
            "SPCS_LOCAL_ROOT": str(folder / "account"),
            "SNOWFLAKE_HOME": str(folder),
            "INVOKE_IMAGE_ENGINE": engine,
        }
        self.environment: Mapping[str, str] = {**os.environ, **own}
        tracked = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        for name in tracked.stdout.rstrip("\0").split("\0"):
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, self.root / name)
        self.edit(self.root)

    def inv(self, *words: str) -> float:
        """Seconds of `inv WORDS…`."""
        return seconds([INVOKE, *words], self.root, self.environment)

    def edit(self, folder: Path) -> None:
        """Add a line to the code in `folder` that no image has yet."""
        with (folder / "app" / "__main__.py").open("a") as code:
            code.write(f"# {secrets.token_hex()}\n")

    def bare(self, name: str, dockerfile: str = "") -> Bare:
        """The docker that would do the same: the image's own folder and Dockerfile, or another `dockerfile`."""
        folder, command = self.root / ".spcs" / name, self.build_command()
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(Path(command[-1]), folder)
        if dockerfile:
            (folder / "Dockerfile").write_text(dockerfile.format(**self.tutorial))
        return Bare(self, name, folder, command)

    @cached_property
    def tutorial(self) -> Mapping[str, str]:
        """The same base, packages and package index for the tutorial's Dockerfile."""
        values = yaml.safe_load((self.root / "invoke.yaml").read_text())
        image = {**values["image"], **machine().get("image", {})}
        return {
            "base": os.environ.get("INVOKE_IMAGE_BASE", image["base"]),
            "packages": " ".join(f"{package}=={version}" for package, version in values["pins"].items()),
            "indexes": "".join(f"--extra-index-url {index} " for index in image["indexes"]["cpu"]),
        }

    def build_command(self) -> list[str]:
        """What `inv build` runs; its last word is the folder with all that is sent."""
        self.edit(self.root)  # or there would be nothing to build
        planned = subprocess.run(
            [INVOKE, "--dry", "build"], cwd=self.root, env=self.environment, capture_output=True, text=True, check=True
        )
        return shlex.split(next(line for line in planned.stdout.splitlines() if line.startswith("docker ")))

    @contextlib.contextmanager
    def far(self, round_trip: float) -> Iterator[None]:
        """The registry is so many seconds away, there and back, and the image and a login are there."""
        receipt = self.root / ".spcs" / "repository.json"
        near = receipt.read_text()
        port = json.loads(near)["url"].partition("/")[0].rpartition(":")[2]
        with line(int(port), round_trip) as distant:
            receipt.write_text(near.replace(f":{port}/", f":{distant}/"))
            try:
                self.inv("build", "push")
                yield
            finally:
                self.remove_images()
                receipt.write_text(near)

    def remove_images(self) -> None:
        """Remove the images that are named by the repository, ours and bare ones."""
        receipt = self.root / ".spcs" / "repository.json"
        if receipt.exists() and self.environment["INVOKE_IMAGE_ENGINE"] == "docker":
            ours = f"reference={json.loads(receipt.read_text())['url']}/*"
            listed = subprocess.run(
                ["docker", "image", "ls", "--filter", ours, "--format", "{{.Repository}}:{{.Tag}}"],
                capture_output=True, text=True, check=False,
            )  # fmt: skip
            subprocess.run(["docker", "image", "rm", *listed.stdout.split()], capture_output=True, check=False)

    def close(self) -> None:
        """Remove the images and the account."""
        self.remove_images()
        self.inv("local.reset", "--yes")


class Bare:
    """`docker build` and `docker push` of a folder, as one would type them, logged in as the project is."""

    def __init__(self, copy: Copy, name: str, folder: Path, command: list[str]) -> None:
        head, tag = command[: command.index("-t")], command.index("-t") + 1
        options = [word for word in command[tag + 1 : -1] if not word.startswith("--label=")]
        self.copy, self.folder = copy, folder
        self.name, self.builds = f"{command[tag].rpartition('/')[0]}/{name}", 0
        self.command = [*head, *options]
        buildkit = "1" if "--progress=plain" in head else "0"
        logins = str(copy.root / ".spcs" / "docker")
        self.environment = {**copy.environment, "DOCKER_BUILDKIT": buildkit, "DOCKER_CONFIG": logins}

    @property
    def ref(self) -> str:
        """The last image. Each build has a name of its own, or the one before would be left over without any."""
        return f"{self.name}:bare{self.builds}"

    def build(self, *words: str) -> float:
        self.builds += 1
        return seconds([*self.command, "-t", self.ref, *words, str(self.folder)], self.folder, self.environment)

    def push(self) -> float:
        return seconds(["docker", "push", self.ref], self.folder, self.environment)

    def edited(self) -> float:
        """Seconds to build and push after an edit of one line."""
        self.copy.edit(self.folder)
        return self.build() + self.push()


def unchanged(copy: Copy) -> bool:
    """`inv build push` where nothing has changed, in seconds."""
    pairs = [(copy.inv("build", "push"), seconds(BARE, copy.root)) for _ in range(9)]
    print(f"# {statistics.median(ours / bare for ours, bare in pairs):.1f} times importing Invoke")
    return at_most("image/unchanged_s", statistics.median(ours for ours, _ in pairs), 0.5)


def first_build(copy: Copy) -> bool:
    """An image with nothing at hand but the base, against the tutorial's Dockerfile with the code after the rest."""
    tutorial = copy.bare("after", CODE_AFTER)

    def ours() -> float:
        copy.edit(copy.root)
        os.sync()  # a gigabyte each: neither is to wait for the other's to reach the disk
        return copy.inv("-f", str(fresh), "build")

    def theirs_alone() -> float:
        os.sync()
        return tutorial.build("--no-cache")

    fresh = copy.root / "fresh.yaml"
    fresh.write_text(_without_cache())
    ratios = []
    for _ in range(3):
        mine, theirs = ours(), theirs_alone()
        print(f"# first build {mine:.1f} s, the tutorial's {theirs:.1f} s")
        ratios.append(mine / theirs)
    copy.inv("build", "push")
    return at_most("image/first_build", statistics.median(ratios), 0.6)


def edit(copy: Copy) -> bool:
    """`inv build push` after an edit of one line, against `docker build` and `docker push` of the same image."""
    return at_most("image/edit", _edit(copy, pairs=7), 1.3)


def edit_from_afar(copy: Copy) -> bool:
    """The same with a registry that is not on this machine, but in another country, say."""
    with copy.far(0.1):
        return at_most("image/edit@100ms", _edit(copy, pairs=5), 1.3)


def _edit(copy: Copy, pairs: int) -> float:
    bare = copy.bare("same")
    bare.build(), bare.push()

    def ours() -> float:
        copy.edit(copy.root)
        return copy.inv("build", "push")

    return median_ratio(ours, bare.edited, pairs)


def tutorial_to_edit(copy: Copy) -> bool:
    """How much longer an edit takes in the tutorial's order, which installs and sends all packages again."""
    tutorial = copy.bare("before", CODE_BEFORE)
    tutorial.build(), tutorial.push()
    ratios = []
    for _ in range(2):
        copy.edit(copy.root)
        mine, theirs = copy.inv("build", "push"), tutorial.edited()
        print(f"# after an edit {mine:.2f} s, in the tutorial's order {theirs:.1f} s")
        ratios.append(theirs / mine)
    return at_least("image/tutorial_to_edit", statistics.median(ratios), 50)


FIGURES: Mapping[str, Callable[[Copy], bool]] = {
    "unchanged": unchanged,
    "first_build": first_build,
    "edit": edit,
    "edit@100ms": edit_from_afar,
    "tutorial_to_edit": tutorial_to_edit,
}


def _without_cache() -> str:
    """Settings that build with nothing from before."""
    values = machine()
    image = values.setdefault("image", {})
    image["build_options"] = [*image.get("build_options", []), "--no-cache"]
    return str(yaml.safe_dump(values))


def machine() -> dict[str, Any]:
    """What this machine needs, where a settings file says so."""
    named = os.environ.get("INVOKE_RUNTIME_CONFIG")
    return dict(yaml.safe_load(Path(named).read_text())) if named else {}


@contextlib.contextmanager
def made(engine: str) -> Iterator[Copy]:
    """A copy that is set up, built and pushed once."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Copy(Path(folder), engine)
        try:
            copy.inv("setup", "build", "push")
            yield copy
        finally:
            copy.close()


def main(wanted: list[str]) -> int:
    print(f"# {os.cpu_count()} processors, load average {os.getloadavg()[0]:.1f}")
    docker = shutil.which("docker")
    without = docker is None or subprocess.run([docker, "version"], capture_output=True, check=False).returncode != 0
    missing = [name for name in wanted or FIGURES if without and name != "unchanged"]
    for name in missing:
        print(f"# MISSING: image/{name} (no docker)")
    with made("none" if without else "docker") as copy:
        kept = [FIGURES[name](copy) for name in wanted or FIGURES if name not in missing]
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
