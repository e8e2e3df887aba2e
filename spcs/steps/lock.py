"""`inv lock`: the packages of every job's image, resolved from the pins and written down with their hashes."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from textwrap import indent

from spcs import pins
from spcs.errors import NotReady, SettingsProblem, did_you_mean
from spcs.lock import Lock, Move, Unreadable, Wanted, bill, moves, parse, read, text, uv, wanted
from spcs.project import Project
from spcs.show import tables
from spcs.show.console import say
from spcs.steps.base import renew


def lock(project: Project, upgrade: str | bool, base: bool = False) -> None:
    """Bring every lock to the pins, and its bill of materials to the lock; shows what moves.

    Only a lock that no longer fits is resolved anew, and in it only what must moves. With `upgrade` (a package, or True
    for all) what is no pin may move to its newest version, with `base` the base images to what their tags are now.
    """
    settings = renew(project) if base else project.settings
    locks = {each: _known(project, each) for each in wanted(settings)}
    moving = uv.EVERYTHING if upgrade is True else pins.plain(upgrade or "")
    if moving not in ("", uv.EVERYTHING):
        locks = _with_package(locks, moving)
    moved = [
        {"lock": each.file, **move._asdict()}
        for each, known in locks.items()
        for move in _bring(project, each, known, moving)
    ]
    if moved:
        tables.table(("lock", *Move._fields), moved)
    elif moving and not project.dry:
        say("nothing moves")


def check(project: Project, upgrade: str | bool = "", base: bool = False) -> None:
    """Say that all locks fit the settings, or raise NotReady with what does not; nothing is written, no index asked."""
    if upgrade or base:
        raise SettingsProblem("--check changes nothing", fix="leave out --check, or --upgrade and --base")
    locks = wanted(project.settings)
    wrong = [line for each in locks for line in _misfit(project, each)]
    if wrong:
        raise NotReady("the locks do not fit the settings", "\n".join(wrong), f"{project.inv} lock")
    files = ", ".join(each.file for each in locks)
    say(f"the locks fit the settings: {files}" if files else "no job has pins, so there is nothing to lock")


def _bring(project: Project, wanted: Wanted, known: Lock | None, moving: str) -> Iterator[Move]:
    """Write a lock and its bill where they are not as they should be; gives what moves in a lock that was there."""
    fits = known is not None and known.inputs == wanted.inputs and not moving
    if not fits and project.dry:
        return _plan(project, wanted, moving)
    if not fits:
        say(f"resolving {wanted.file}")
    new = known if known and fits else uv.resolve(project.root, wanted, _index(project, wanted), known, moving)
    changed = _write(project, wanted.file, text(new)) + _write(project, *_bill(project, wanted, new))
    if not project.dry:
        say(f"{wanted.file}: {len(new.requirements)} packages{'' if changed else ' (unchanged)'}")
    yield from moves(known, new) if known else ()


def _plan(project: Project, wanted: Wanted, moving: str) -> None:
    folder = uv.folder_of(wanted)
    asked = uv.project(wanted.inputs, _index(project, wanted))
    project.tell(f"write {folder / uv.PROJECT}:\n{indent(asked, '  ')}")
    project.tell(shlex.join(uv.argv(wanted.inputs, folder, moving)))
    project.tell(f"write {wanted.file}, {bill.file_of(wanted.file)}")


def _with_package(locks: Mapping[Wanted, Lock | None], name: str) -> dict[Wanted, Lock | None]:
    """The locks in which the package may move; raises SettingsProblem if there are none."""
    packages = {each: {found.name for found in known.requirements} for each, known in locks.items() if known}
    having = {each: known for each, known in locks.items() if name in packages.get(each, ())}
    if not having:
        near = did_you_mean(name, {package for each in packages.values() for package in each})
        raise SettingsProblem(f"no lock has a package {name}", fix=near or "inv lock --upgrade moves all of them")
    free = {each: known for each, known in having.items() if name not in map(pins.plain, each.inputs.pins)}
    if not free:
        raise SettingsProblem(
            f"{name} is a pin: its version is the one in the settings",
            fix=f"change {name} under pins in invoke.yaml, then inv lock",
        )
    return free


def _misfit(project: Project, wanted: Wanted) -> Iterator[str]:
    """What `check` says of a lock, a line each."""
    try:
        lock = read(project.root, wanted)
    except NotReady as problem:
        yield problem.what
        yield from (f"  {line}" for line in problem.why.splitlines())
    else:
        file, content = _bill(project, wanted, lock)
        if not _is(project, file, content):
            yield f"{file} is not the bill of materials of {wanted.file} and its base"


def _known(project: Project, wanted: Wanted) -> Lock | None:
    """The lock that is there, whatever it was made for; None if there is none, or none that can be read."""
    try:
        return parse((project.root / wanted.file).read_text())
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError, Unreadable) as error:
        say(f"{wanted.file} cannot be read as a lock ({error}), so its versions are not kept")
        return None


def _bill(project: Project, wanted: Wanted, lock: Lock) -> tuple[str, str]:
    """The name and the text of the bill of materials beside a lock."""
    image = project.settings.image
    return bill.file_of(wanted.file), bill.text(lock, name=image.name, base=wanted.base, apt=image.apt)


def _index(project: Project, wanted: Wanted) -> str:
    """Where PyTorch's packages for the kind of machine are: the first of the indexes, or the usual one (empty)."""
    indexes = project.settings.image.indexes
    return next(iter(indexes.gpu if wanted.inputs.kind == "cuda" else indexes.cpu), "")


def _is(project: Project, file: str, content: str) -> bool:
    try:
        return (project.root / file).read_text() == content
    except (OSError, UnicodeDecodeError):
        return False


def _write(project: Project, file: str, content: str) -> bool:
    """Write the file unless it is so already; says whether it was not."""
    if _is(project, file, content):
        return False
    if project.dry:
        project.tell(f"write {file}")
        return True
    path = project.root / file
    path.parent.mkdir(exist_ok=True)
    path.write_text(content)
    return True
