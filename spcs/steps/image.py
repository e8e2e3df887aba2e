"""`inv render`, `build`, `push`, `images`, `login`: a job's image, from its settings to the account's repository."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from spcs import local, pins
from spcs.account import sql
from spcs.config import Job
from spcs.errors import NotReady, SettingsProblem
from spcs.image import ImagePlan, LocalImage, Receipt, Token, collect, reference, requirement_files, top_level
from spcs.image import build as build_image
from spcs.image import login as log_in
from spcs.image import push as push_image
from spcs.image.registry import plain_url
from spcs.lock import Lock, wanted_by
from spcs.lock import read as read_lock
from spcs.project import Project
from spcs.render import render as fill
from spcs.run.names import SPEC_FILE, output_folder
from spcs.show import tables
from spcs.show.console import say
from spcs.show.pushes import push_meter
from spcs.spec import family
from spcs.specification import specification
from spcs.steps.account import YOUR_USER, setup_sql

ENTRYPOINT = ("python", "-m", "app")
UNKNOWN_URL = "<repository_url>"


def render(project: Project, job: str) -> None:
    """Write the three texts a run is made of; the same settings and files give the same bytes."""
    name, entry = project.job(job)
    plan = image_plan(project, entry, url=UNKNOWN_URL)
    folder = project.receipts / "build" / name
    made = texts(project, name, entry, plan, f"{name}_run")
    folder.mkdir(parents=True, exist_ok=True)
    for file, text in made.items():
        (folder / file).write_text(text)
        say(f"wrote {(folder / file).relative_to(project.root)}")


def texts(project: Project, name: str, job: Job, plan: ImagePlan, run: str) -> Mapping[str, str]:
    """The three texts of a run called `run`, by the names of their files."""
    return {
        "Dockerfile": plan.dockerfile,
        SPEC_FILE: run_specification(project, name, job, image_path(project, plan), run),
        "setup.sql": setup_sql(project, name, YOUR_USER, admin=True),
    }


def build(project: Project, job: str, engine_name: str = "") -> Receipt:
    """Make the job's image unless it is there; says which, and with what engine."""
    name, entry = project.job(job)
    project.use_engine(engine_name)
    engine = project.engine  # first: without one there is nothing to ask the account for
    plan = image_plan(project, entry)
    # Only an account that has been asked already gives a login here: a build needs none.
    token = _token(project) if project.is_connected else None
    receipt = build_image(
        plan, engine, job=name, state=project.receipts, token=token, say=project.tell, dry=project.dry
    )
    say(receipt.outcome)
    return receipt


def push(project: Project, job: str, engine_name: str = "") -> Receipt:
    """Send the job's image unless the repository has it."""
    name, entry = project.job(job)
    project.use_engine(engine_name)
    engine = project.engine
    with push_meter() as watch:
        receipt = push_image(
            image_plan(project, entry),
            engine,
            job=name,
            state=project.receipts,
            token=_token(project),
            say=project.tell,
            watch=watch,
            dry=project.dry,
            local_account=project.is_local,
        )
    say(receipt.outcome)
    return receipt


def images(project: Project, as_json: bool) -> None:
    """Show the images of the repository, and those of this machine that could be pushed to it."""
    flake = project.settings.snowflake
    repository = f"{flake.database}.{flake.schema}.{flake.image_repository}"
    name = project.settings.image.name
    rows = [
        {"image": row["image_name"], "tag": row["tags"], "where": "repository", "digest": row["digest"]}
        for row in project.account.query(sql.show_images(repository))
    ]
    rows += [
        {"image": name, "tag": image.ref.rpartition(":")[2], "where": "this machine", "digest": image.image_id}
        for image in _images_here(project)
    ]
    columns = ("image", "tag", "where", "digest")
    tables.table(columns, rows, as_json=as_json, none="no images yet; inv build push makes one")


def login(project: Project) -> None:
    """Log the engine in, into a private folder; `push` does it by itself when it has to."""
    host = repository_url(project).partition("/")[0]
    if project.dry:
        return project.tell(f"log in to {host} as 0sessiontoken, the session's token over stdin")
    log_in(project.engine, host, _token(project))
    say(f"logged in to {host}; the token is good for about an hour")


def image_plan(project: Project, job: Job, url: str = "") -> ImagePlan:
    """All that decides the job's image; raises SettingsProblem for a file that is not there, NotReady for a lock.

    The repository's `url` is no part of the image's identity; the account is asked for it where none is given.
    """
    image = project.settings.image
    lock = lock_of(project, job)
    pinned = [each.pin for each in lock.requirements] if lock else pins.lines(project.pins(job))
    named = named_code(project.root, job, image.code)
    code = code_of(project.root, job, image.code)
    machine = family(project.pool(job).instance_family)
    base = job.base or image.base
    dockerfile = job.dockerfile or image.dockerfile
    values = {
        "base": base,
        "apt": image.apt,
        "heavy": [pin for pin in pinned if pins.is_heavy(pin)],
        "light": [pin for pin in pinned if not pins.is_heavy(pin)],
        "indexes": image.indexes.gpu if machine and machine.gpu_count else image.indexes.cpu,
        "code": code,
        "entrypoint": ENTRYPOINT,
        "labels": {"org.opencontainers.image.title": image.name},
    }
    files = (*(requirement_files(lock) if lock else ()), *collect(project.root, code, named))
    return ImagePlan(
        repository_url=url or repository_url(project),
        name=image.name,
        base=base,
        dockerfile=fill(project.root, dockerfile, {**values, "buildkit": False}),
        dockerfile_buildkit=fill(project.root, dockerfile, {**values, "buildkit": True}),
        files=files,
        code=code,
        entrypoint=ENTRYPOINT,
        lock=lock,
        labels=revision(project.root),
        platform=f"linux/{machine.architecture if machine else 'amd64'}",
        options=tuple(image.build_options),
    )


def lock_of(project: Project, job: Job) -> Lock | None:
    """The lock that the job's image installs from, None if it installs nothing.

    Raises NotReady unless the lock fits the settings: a build resolves nothing by itself.
    """
    its = wanted_by(project.settings, job) if project.pins(job) and project.installs else None
    return read_lock(project.root, its, f"{project.inv} lock") if its else None


def code_of(root: Path, job: Job, default: tuple[str, ...]) -> tuple[str, ...]:
    """What enters the image, no path inside another. Raises SettingsProblem if that is nothing."""
    code = top_level(named_code(root, job, default))
    if not code:
        raise SettingsProblem(
            "nothing enters the image: `code` is empty",
            why="the image of a job holds its program",
            fix="name its files and folders in image.code, or in the job's own code",
        )
    return code


def named_code(root: Path, job: Job, default: tuple[str, ...]) -> tuple[str, ...]:
    """The paths as they are written: the job's `code`, or the project's and the files that the job's command names."""
    named = [word for word in job.command if not word.startswith("-") and (root / word).is_file()]
    return (*default, *named) if job.code is None else job.code


def _token(project: Project) -> Token:
    return lambda: project.account.registry_token().reveal()


def _images_here(project: Project) -> Sequence[LocalImage]:
    """The images of this machine that could be pushed; none where no engine answers, which is no reason to stop."""
    try:
        return project.engine.images(f"{repository_url(project)}/{project.settings.image.name}")
    except NotReady:
        return []


def image_path(project: Project, plan: ImagePlan) -> str:
    """The image as a specification names it: `/db/schema/repository/name:tag`."""
    flake = project.settings.snowflake
    repository = f"/{flake.database}/{flake.schema}/{flake.image_repository}".lower()
    return repository + reference(plan, project.image_kind).removeprefix(plan.repository_url)


def run_specification(project: Project, name: str, job: Job, image: str, run: str, earlier: str = "") -> str:
    """The checked text of `spec.yaml` for a run; `earlier` is where the outputs lie that it goes on from."""
    flake = project.settings.snowflake
    output = output_folder(f"{flake.database}.{flake.schema}.{flake.stage}", run)
    return specification(project.root, project.settings, name, job, image=image, output=output, earlier=earlier)


def repository_url(project: Project) -> str:
    """Where images are pushed, as the account says it; kept in a receipt, since it does not change.

    Raises NotReady when the account has no such repository.
    """
    flake = project.settings.snowflake
    place = f"{flake.database}.{flake.schema}"
    key = {"connection": project.settings.connection, "repository": f"{place}.{flake.image_repository}".upper()}
    key |= {"account": local.identity(project.root)} if project.is_local else {}
    receipt = project.receipts / "repository.json"
    known = _read(receipt)
    if all(known.get(name) == word for name, word in key.items()):
        return known["url"]
    if project.dry:
        return UNKNOWN_URL
    rows = project.account.query(sql.show_image_repositories(flake.image_repository, place))
    urls = [plain_url(row["repository_url"]) for row in rows if row["name"].upper() == flake.image_repository.upper()]
    if not urls:
        raise NotReady(
            f"there is no image repository {place}.{flake.image_repository}",
            why=f"or the role {flake.role} may neither read nor write it",
            fix="inv setup",
        )
    receipt.parent.mkdir(parents=True, exist_ok=True)
    receipt.write_text(json.dumps({**key, "url": urls[0]}, indent=2) + "\n")
    return str(urls[0])


def revision(root: Path) -> Mapping[str, str]:
    """Where the image comes from, as labels: git revision and whether files differ from it; empty outside git."""
    done = subprocess.run(
        ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
        capture_output=True,
        text=True,
        check=False,
    )
    text = done.stdout.strip()
    if done.returncode or not text:
        return {}
    return {
        "org.opencontainers.image.revision": text.removesuffix("-dirty"),
        "spcs.dirty": str(text.endswith("-dirty")).lower(),
    }


def _read(receipt: Path) -> Mapping[str, str]:
    try:
        known = json.loads(receipt.read_text())
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}
