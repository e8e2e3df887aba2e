"""What `inv run` submits: the job of the settings, with what `--set` changes. Once more the same: see `again`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

from spcs.account import sql
from spcs.config import Job, integrations, overrides
from spcs.config.overrides import Key
from spcs.errors import NotReady, SettingsProblem
from spcs.image import ImagePlan, Receipt, read
from spcs.project import Project
from spcs.run import files, watch
from spcs.run.model import Run, State
from spcs.run.names import SPEC_FILE, new_run
from spcs.run.submit import Submission
from spcs.steps.account import YOUR_USER, setup_sql
from spcs.steps.image import image_path, image_plan, run_specification
from spcs.steps.record import record

Changes = Sequence[tuple[Key, str]]
"""What --set says of one run: keys and the value of each."""


class Recipe(Protocol):
    """What runs are made of, all but their names and what --set says. `pool_nodes` is the most machines of its pool."""

    @property
    def name(self) -> str:
        """The job's."""

    @property
    def job(self) -> Job:
        """The job's settings, before any changes."""

    @property
    def words(self) -> str:
        """What `inv run` is told to use this recipe, before any --set."""

    def check(self, changes: Changes) -> None:
        """Raise SettingsProblem where no run can be made with these changes, or it could never fit its pool."""

    def submission(self, changes: Changes = ()) -> Submission:
        """A new run."""


@dataclass
class Fresh:
    """The job as the settings have it now; with `earlier`, going on from that run."""

    project: Project
    name: str
    job: Job
    earlier: Run | None = None
    _pushed: dict[str, Receipt] = field(default_factory=dict)

    @property
    def words(self) -> str:
        return f"--job {self.name}" + (f" --resume {self.earlier.name}" if self.earlier else "")

    def check(self, changes: Changes) -> None:
        job = overrides.applied(self.project.settings, self.name, self.job, changes)
        run_specification(self.project, self.name, job, self._any_image, "any_run")

    def submission(self, changes: Changes = ()) -> Submission:
        project, name, earlier = self.project, self.name, self.earlier
        job = overrides.applied(project.settings, name, self.job, changes)
        plan = image_plan(project, job)
        path = image_path(project, plan)
        run = named(project, new_run(name), job, self._image(plan, path, changes))
        spec = run_specification(project, name, job, path, run.name, earlier.output if earlier else "")
        said = {key.text: text for key, text in changes}
        resumes = earlier.name if earlier else ""
        return Submission(
            run=run,
            spec=spec,
            replicas=job.replicas,
            query_warehouse=job.query_warehouse or project.settings.snowflake.warehouse,
            external_access_integrations=integrations(project.settings.snowflake, name, job),
            comment=job.comment or comment(said, resumes=resumes),
            record=record(
                project,
                run,
                job,
                plan,
                path,
                {SPEC_FILE: spec, **_texts(project, name, plan)},
                overrides=said,
                resumes=resumes,
            ),
        )

    @cached_property
    def _any_image(self) -> str:
        return image_path(self.project, image_plan(self.project, self.job))

    def _image(self, plan: ImagePlan, path: str, changes: Changes) -> Receipt:
        """The image as pushed, asked for once; raises NotReady when it has not been pushed."""
        if path not in self._pushed:
            of_settings = [key.text for key, _ in changes if key.path]
            self._pushed[path] = _pushed(self.project, self.name, plan, path, of_settings)
        return self._pushed[path]


def choices(project: Project, job: Job, words: Sequence[str]) -> dict[Key, tuple[str, ...]]:
    """What the words after --set mean for a job; raises SettingsProblem."""
    known = overrides.options(project.root, job)
    found: dict[Key, tuple[str, ...]] = {}
    for text, values in overrides.choices(words).items():
        key = overrides.key(text, job, known)
        if key in found:
            raise SettingsProblem(f"--set says '{key.text}' twice", fix="write its values once, parted by commas")
        found[key] = values
    return found


def comment(said: Mapping[str, str], *, resumes: str = "", like: str = "") -> str | None:
    """What the account keeps with the job: where it comes from and how it differs."""
    parts = [f"goes on from {resumes}" if resumes else "", f"like {like}" if like else ""]
    parts.append(" ".join(f"{key}={text}" for key, text in said.items()))
    return "; ".join(filter(None, parts)) or None


def named(project: Project, name: str, job: Job, receipt: Receipt) -> Run:
    """A run of that name, in its places."""
    flake = project.settings.snowflake
    return Run(
        name=name,
        database=flake.database,
        schema=flake.schema,
        stage=f"{flake.database}.{flake.schema}.{flake.stage}",
        connection=project.settings.connection,
        pool=project.pool(job).name,
        image=receipt.ref,
        digest=receipt.digest,
        runs_app=not job.command,
    )


def digest_there(project: Project, path: str) -> str:
    """The digest of the image as the account lists it, whoever pushed it; empty if it is not there."""
    flake = project.settings.snowflake
    rows = project.account.query(sql.show_images(f"{flake.database}.{flake.schema}.{flake.image_repository}"))
    return next((str(row["digest"]) for row in rows if f"/{row['image_path']}".lower() == path), "")


def _pushed(project: Project, name: str, plan: ImagePlan, path: str, changed: Sequence[str]) -> Receipt:
    receipt = read(project.receipts, name)
    if project.dry:
        return receipt or Receipt(name, path, "", "")
    if receipt and receipt.digest and receipt.ref.endswith(path):
        return receipt
    digest = digest_there(project, path)
    if digest:
        return Receipt(name, plan.repository_url + path, "", "", digest=digest)
    command = f"inv build push run --job {name}" if name != project.settings.job else "inv build push run"
    raise NotReady(
        f"the image of job '{name}' is not in the repository",
        why=f"for the files and pins as they are now{' and --set' if changed else ''} it would be {path}",
        fix=f"{command}; if --set {changed[0]} asks for another image, write it in invoke.yaml first"
        if changed
        else command,
    )


def _texts(project: Project, name: str, plan: ImagePlan) -> dict[str, str]:
    """What a run is made of beside its specification, as `inv render --diff` compares it."""
    texts = {"Dockerfile": plan.dockerfile}
    with suppress(SettingsProblem):  # a run needs no setup.sql: a broken template of it is for inv setup to tell
        texts["setup.sql"] = setup_sql(project, name, YOUR_USER, admin=True)
    return texts


def going_on_from(project: Project, earlier: Run) -> Run:
    """The run to go on from; raises NotReady while it goes on itself, if it left nothing, and if there is none."""
    if project.dry:
        return earlier
    left = files.outputs(project.account, earlier)
    try:
        state = watch.observe(project.account, earlier).state
    except watch.RunMissing:
        state = State.DELETED  # what it left on the stage outlives it
        if not left:
            raise NotReady(
                f"there is no run {earlier.name} to go on from",
                why=f"neither {earlier.database}.{earlier.schema} nor the stage {earlier.stage} knows it",
                fix="inv run --resume with the name of another run (inv jobs lists them)",
            ) from None
    if not state.final:
        raise NotReady(
            f"the run {earlier.name} has not ended: it is {state.value.lower()}",
            why="it may remove a checkpoint while another run reads it",
            fix=f"inv cancel --run {earlier.name}, or wait for its end",
        )
    if not left:
        raise NotReady(
            f"the run {earlier.name} left no files to go on from",
            why=f"{earlier.output} is empty",
            fix=f"inv run --job {earlier.job}",
        )
    return earlier
