"""The wheels of a lock, fetched by pip for the machine that the image is for, and kept by their hashes.

pip knows the user's indexes, proxies and certificates, and takes no artifact whose hash the lock does not name. What it
has brought is kept as `<sha256>/<file name>`, so it is asked only for what is not there yet; several of it at once.
"""

from __future__ import annotations

import hashlib
import math
import re
import shutil
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from spcs.errors import BuildFailed
from spcs.image.commands import Answer, Say, follow
from spcs.image.wheels.target import Target
from spcs.lock import Requirement

PIP: Final = ("pip", "download", "--no-deps", "--only-binary=:all:", "--require-hashes")
AT_ONCE: Final = 4
WORTH_A_PIP: Final = 4
NONE_FITS: Final = re.compile(r"No matching distribution found for ([^\s]+)")
OTHER_BYTES: Final = "DO NOT MATCH THE HASHES"


class Wheels:
    """The wheels kept in `folder`; `indexes` are those to ask besides pip's own."""

    def __init__(self, folder: Path, target: Target, indexes: Sequence[str], say: Say) -> None:
        self._folder, self._target, self._indexes, self._say = folder, target, tuple(indexes), say

    def fetch(self, wanted: Iterable[Requirement]) -> Mapping[Requirement, Path]:
        """The wheel of each requirement; raises BuildFailed where there is none that runs on the target."""
        wanted = tuple(wanted)
        missing = [each for each in wanted if self._kept(each) is None]
        if missing:
            self._say(f"fetching {_count(missing)} for {self._target}")
            for left in self._folder.glob(".*"):  # by a fetch that was killed
                shutil.rmtree(left)
            parts = min(AT_ONCE, math.ceil(len(missing) / WORTH_A_PIP))
            with ThreadPoolExecutor(parts) as pool:
                # Those that come one after the other in the alphabet are often of one size: nvidia-…, say.
                list(pool.map(self._download, [missing[start::parts] for start in range(parts)]))
            size = sum(wheel.stat().st_size for each in missing if (wheel := self._kept(each)))
            self._say(f"fetched {size / 1e6:.1f} MB")
        return {each: self._found(each) for each in wanted}

    def _found(self, requirement: Requirement) -> Path:
        wheel = self._kept(requirement)
        if wheel is None:
            raise self._none_fits(requirement.pin)
        return wheel

    def _kept(self, requirement: Requirement) -> Path | None:
        """The best of the wheels that are kept of a requirement."""
        folders = (self._folder / digest.removeprefix("sha256:") for digest in requirement.hashes)
        ranked = [(rank, wheel) for folder in folders for wheel in folder.glob("*.whl") if (rank := self._rank(wheel))]
        return min(ranked)[1] if ranked else None

    def _rank(self, wheel: Path) -> int:
        """The place of a wheel among those that run on the target, from 1; 0 if it does not."""
        try:
            tags = parse_wheel_filename(wheel.name)[3]
        except InvalidWheelFilename:
            return 0
        return min((self._target.tags[tag] + 1 for tag in tags if tag in self._target.tags), default=0)

    def _download(self, missing: Sequence[Requirement]) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._folder, prefix=".") as place:
            listed = Path(place) / "requirements.txt"
            listed.write_text("".join(f"{line}\n" for each in missing for line in each.lines))
            done = follow(download_argv(self._target, self._indexes, listed), lambda _: None, env={"NO_COLOR": "1"})
            if done.code != 0:
                raise self._failed(done)
            for wheel in Path(place).glob("*.whl"):
                self._keep(wheel)

    def _keep(self, wheel: Path) -> None:
        with wheel.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
        (self._folder / digest).mkdir(exist_ok=True)
        wheel.replace(self._folder / digest / wheel.name)

    def _failed(self, done: Answer) -> BuildFailed:
        if found := NONE_FITS.search(done.error):
            return self._none_fits(found[1])
        if OTHER_BYTES in done.error:
            return BuildFailed(
                "a package index has other artifacts than the lock names",
                why=done.error,
                fix="inv lock, then build again",
            )
        return BuildFailed(
            "the wheels of the image could not be fetched",
            why=done.error or f"pip ended with code {done.code}",
            fix="python3 -m ensurepip" if "No module named pip" in done.error
            else "check the way to the package index: python3 -m pip config list",
        )  # fmt: skip

    def _none_fits(self, pin: str) -> BuildFailed:
        return BuildFailed(
            f"there is no wheel of {pin} for {self._target}",
            why="without a container engine nothing is built from sources, and a wheel for other machines does not run",
            fix="pin a version that has one, or build with Docker or Podman",
        )


def download_argv(target: Target, indexes: Sequence[str], listed: Path) -> list[str]:
    """`pip download` of the requirements in the file `listed`, beside it."""
    return [
        *(sys.executable, "-m", *PIP, "--disable-pip-version-check", "--no-input", "--progress-bar=off"),
        *("--implementation=cp", f"--python-version={target.minor}", f"--abi=cp{target.minor.replace('.', '')}"),
        *(f"--platform={platform}" for platform in target.platforms),
        *indexed(indexes),
        f"--dest={listed.parent}",
        f"--requirement={listed}",
    ]


def indexed(indexes: Sequence[str]) -> list[str]:
    return [f"--extra-index-url={index}" for index in indexes]


def _count(missing: Sequence[Requirement]) -> str:
    return f"{len(missing)} wheels" if len(missing) > 1 else missing[0].pin
