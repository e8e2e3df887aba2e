"""`image.engine: wheels`: a whole image without a container engine, on any machine that has Python.

The base's layers as they are, the wheels of the lock each installed into a layer, the code on top, in the order of the
Dockerfile. Nothing is run in the image, so it may be for another processor. The same inputs give the same digest.
"""

from __future__ import annotations

import fcntl
import json
import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Final

from spcs.errors import NotReady
from spcs.image.commands import Say
from spcs.image.credentials import Folder
from spcs.image.engines import Build
from spcs.image.inputs import Kind
from spcs.image.layers import LAYER_TYPE, Blobs, Layer
from spcs.image.layout import CONFIG_TYPE, Blob, as_json, manifest_of, write_layout
from spcs.image.oci import OciEngine
from spcs.image.wheels import recipe, system
from spcs.image.wheels.assembly import Assembly
from spcs.image.wheels.fetch import PIP, indexed
from spcs.image.wheels.recipe import Copy, Install, Recipe, Step
from spcs.image.wheels.source import BaseImage, open_base
from spcs.image.wheels.system import System
from spcs.image.wheels.target import Target
from spcs.lock import Lock

REASON: Final = "no container engine (image.engine: wheels): an image is put together from base, wheels and code"
DOCKERS: Final = {
    "application/vnd.docker.image.rootfs.diff.tar.gzip": LAYER_TYPE,
    "application/vnd.docker.image.rootfs.diff.tar": "application/vnd.oci.image.layer.v1.tar",
}
KEPT_IMAGES: Final = 10
# What a process has in an image that does not say it.
USUAL_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
LAYERS_AT_ONCE: Final = 4
CREATED: Final = "1980-01-01T00:00:00Z"  # the date of everything in the layers


class WheelsEngine(OciEngine):
    """Images as folders `.spcs/wheels/images/<name>-<tag>/`: OCI image layouts that share their blobs.

    `state` is `.spcs/`, the folder around it is where `oci:` bases are looked for.
    """

    kind: Kind = "container"
    name = "wheels"

    def __init__(self, state: Path, logins: Folder) -> None:
        self._root = state.parent
        self._kept = state / "wheels"
        super().__init__(self._kept / "images", logins, REASON)
        self._blobs = Blobs(self._kept)

    def commands_to_build(self, build: Build) -> list[list[str]]:
        """What is put together, as a Dockerfile would say it; for which platform pip is asked, the base tells."""
        steps = recipe.read(build.plan.dockerfile, {"PATH": USUAL_PATH}).steps
        return [["FROM", build.plan.base], *(words for step in steps if (words := _words(step)))]

    def build(self, build: Build, say: Say) -> str:
        self._kept.mkdir(parents=True, exist_ok=True)
        with (self._kept / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # what no image has yet would be taken for rubbish by another build
            return self._build(build, say)

    def _build(self, build: Build, say: Say) -> str:
        plan = build.plan
        base = open_base(plan.base, plan.platform, self._root, self.logins, say)
        steps = recipe.read(plan.dockerfile, _variables(base.config))
        self._fetch(base, say)
        found = self._system(base, plan.base)
        if plan.lock:
            _check_python(plan.lock, found, plan.base)
        target = Target(plan.platform.partition("/")[2], found.python, found.glibc)
        layers = Assembly(steps, plan.files, found, target, self._blobs, self._kept, say).layers()
        config = Blob(CONFIG_TYPE, as_json(configuration(base.config, steps, build.labels, layers)))
        manifest = manifest_of(config, [*map(_as_oci, base.layers), *(layer.descriptor for layer in layers)])
        self._write(build.ref, manifest, config)
        return config.digest

    def _fetch(self, base: BaseImage, say: Say) -> None:
        """Have the layers of the base here."""
        # An empty layer is often there twice.
        wanted = {layer["digest"]: layer for layer in base.layers}
        lacking = [layer for digest, layer in wanted.items() if not self._blobs.has(digest)]
        if lacking:
            size = sum(layer["size"] for layer in lacking) / 1e6
            say(f"fetching {len(lacking)} layers of the base image, {size:.1f} MB")
        with ThreadPoolExecutor(LAYERS_AT_ONCE) as pool:
            list(pool.map(lambda layer: self._blobs.fill(layer["digest"], partial(base.fetch, layer)), lacking))

    def _system(self, base: BaseImage, name: str) -> System:
        """What the base has inside, read once."""
        receipt = self._kept / "bases" / f"{base.digest.partition(':')[2]}.json"
        try:
            return system.from_json(receipt.read_text())
        except (OSError, ValueError, TypeError):
            paths = [self._blobs.path(layer["digest"]) for layer in base.layers]
            found = system.read(name, paths, _variables(base.config))
        receipt.parent.mkdir(parents=True, exist_ok=True)
        receipt.write_text(system.to_json(found))
        return found

    def _write(self, ref: str, manifest: Blob, config: Blob) -> None:
        """Write the image's layout, and forget the oldest ones, with the blobs that only they had."""
        digests = [layer["digest"] for layer in json.loads(manifest.content)["layers"]]
        write_layout(self.layout(ref), ref, manifest, config, {digest: self._blobs.path(digest) for digest in digests})
        layouts = sorted(self.folder.glob("*/index.json"), key=lambda path: path.stat().st_mtime, reverse=True)
        for old in layouts[KEPT_IMAGES:]:
            shutil.rmtree(old.parent)
        self._blobs.remove_unshared()


def _words(step: Step) -> list[str]:
    if isinstance(step, Copy):
        return ["COPY", step.source, step.target]
    return [*PIP, *indexed(step.indexes), f"--requirement={step.path}"] if isinstance(step, Install) else []


def _check_python(lock: Lock, system: System, base: str) -> None:
    minor = ".".join(system.python.split(".")[:2])
    if lock.inputs.python != minor:
        raise NotReady(
            f"the lock was made for Python {lock.inputs.python}, and the base image {base} has {minor}",
            fix=f'set image.python: "{minor}" in invoke.yaml (or the job\'s own python), then inv lock',
        )


def configuration(
    base: Mapping[str, Any], steps: Recipe, labels: Mapping[str, str], layers: Sequence[Layer]
) -> dict[str, Any]:
    """The image's configuration: the base's, with what the Dockerfile sets and the layers that it adds."""
    before = base.get("config") or {}
    settings = {
        **before,
        "Env": [f"{name}={value}" for name, value in steps.variables.items()],
        "Labels": {**(before.get("Labels") or {}), **steps.labels, **labels},
        "WorkingDir": steps.folder,
        "User": steps.user or before.get("User", ""),
        "Entrypoint": before.get("Entrypoint") if steps.entrypoint is None else list(steps.entrypoint),
        "Cmd": _command(before, steps),
    }
    return {
        **{key: base[key] for key in ("architecture", "os", "variant", "os.version") if key in base},
        "created": CREATED,
        "config": {key: value for key, value in settings.items() if value},
        "rootfs": {"type": "layers", "diff_ids": [*base["rootfs"]["diff_ids"], *(layer.diff_id for layer in layers)]},
        "history": [
            *(base.get("history") or []),
            *({"created": CREATED, "created_by": layer.made_by, "comment": "spcs"} for layer in layers),
        ],
    }


def _command(before: Mapping[str, Any], steps: Recipe) -> list[str] | None:
    """An entrypoint of the Dockerfile's own takes the base's arguments away, as with any builder."""
    if steps.command is not None:
        return list(steps.command)
    return before.get("Cmd") if steps.entrypoint is None else None


def _variables(config: Mapping[str, Any]) -> dict[str, str]:
    """What a process finds in the base; a PATH it has in any case."""
    entries = (config.get("config") or {}).get("Env") or []
    found = {name: value for name, _, value in (entry.partition("=") for entry in entries)}
    return {**found, "PATH": found.get("PATH") or USUAL_PATH}


def _as_oci(layer: Mapping[str, Any]) -> dict[str, Any]:
    """A layer of the base as a manifest names it; Docker's media types say the same as OCI's."""
    kind = layer["mediaType"]
    return {"mediaType": DOCKERS.get(kind, kind), "digest": layer["digest"], "size": layer["size"]}
