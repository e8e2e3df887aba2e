"""`inv lock --base`: the base images of the settings, at the digest that their tags have now."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Mapping

from spcs.config import Settings
from spcs.errors import NotReady, SettingsProblem
from spcs.image.credentials import Folder
from spcs.image.registry import RegistryRefusal
from spcs.image.wheels.source import LAYOUT, BaseName, RegistrySource, login_of
from spcs.project import Project
from spcs.scaffold import SETTINGS
from spcs.show import tables
from spcs.show.console import say


def renew(project: Project) -> Settings:
    """Put the digests that the bases' tags have now into invoke.yaml; returns the settings with them.

    Raises NotReady where a registry does not tell, SettingsProblem for a base that is not written there. Neither leaves
    a file half changed.
    """
    bases = _bases(project.settings)
    if project.dry:
        for base in bases:
            name = BaseName.parse(base.partition("@")[0])
            project.tell(f"ask {name.host} for the digest of {name.repository}:{name.reference}")
        return project.settings
    newer = {base: new for base in bases if (new := _newest(project, base)) != base}
    _write(project, newer)
    if newer:
        tables.table(("base", "before", "after"), [_row(*pair) for pair in newer.items()])
    else:
        say(f"the newest of their tags already: {', '.join(bases)}")
    return _with(project.settings, newer)


def _bases(settings: Settings) -> tuple[str, ...]:
    """Those that come from a registry, each once."""
    named = (settings.image.base, *(job.base for job in settings.jobs.values()))
    return tuple(dict.fromkeys(base for base in named if base and not base.startswith(LAYOUT)))


def _newest(project: Project, base: str) -> str:
    """The base with the digest of its tag: of the list of its platforms, where it is there for several."""
    tagged = base.partition("@")[0]
    name = BaseName.parse(tagged)
    try:
        login = login_of(name.host, Folder(project.receipts / "docker"))
        manifest = RegistrySource(name, login, say).manifest(name.reference)
    except RegistryRefusal as refusal:
        raise NotReady(
            f"{name.host} does not tell the digest of {tagged}",
            str(refusal),
            "check network and proxy, then inv lock --base",
        ) from refusal
    return f"{tagged}@sha256:{hashlib.sha256(manifest).hexdigest()}"


def _write(project: Project, newer: Mapping[str, str]) -> None:
    """Replace the names in invoke.yaml, where they stand as whole words; all else in it stays as it is."""
    file = project.root / SETTINGS
    text = file.read_bytes().decode() if file.exists() else ""
    for base, new in newer.items():
        text, count = re.subn(rf"(?<![\w./:@-]){re.escape(base)}(?![\w./:@-])", new, text)
        if not count:
            raise SettingsProblem(
                f"{base} is not written in {SETTINGS}",
                why="it comes from a file given with -f, from the environment, or is the default",
                fix=f"write the newest of its tag where it comes from, or into {SETTINGS}: {new}",
            )
    if newer:
        file.write_bytes(text.encode())


def _with(settings: Settings, newer: Mapping[str, str]) -> Settings:
    image = dataclasses.replace(settings.image, base=newer.get(settings.image.base, settings.image.base))
    jobs = {
        name: dataclasses.replace(job, base=newer.get(job.base, job.base)) if job.base else job
        for name, job in settings.jobs.items()
    }
    return dataclasses.replace(settings, image=image, jobs=jobs)


def _row(base: str, new: str) -> Mapping[str, str]:
    """Digests by their first digits, as engines show them."""
    (tagged, _, before), after = base.partition("@"), new.partition("@")[2]
    return {"base": tagged, "before": before[:19] or "none", "after": after[:19]}
