"""`inv run --like RUN`: an earlier run once more, from its record: the same image, the same specification."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from spcs.account import Missing, sql
from spcs.config import ComputePool, Job, Settings, check, integrations, overrides
from spcs.errors import NotReady, Problem
from spcs.project import Project
from spcs.run import files, history, receipts
from spcs.run.masks import MASK, masked, secrets_of
from spcs.run.model import Run
from spcs.run.names import SPEC_FILE, new_run
from spcs.run.record import Record
from spcs.run.submit import Submission
from spcs.show.console import say
from spcs.spec import SpecError, parse
from spcs.specification import CONTAINER, specification
from spcs.steps.prepare import Changes, comment, digest_there
from spcs.steps.record import desk_versions, masked_job, seeds, user


@dataclass
class Again:
    """`record` is that of the earlier run and `spec` its specification as it was sent; `settings` are those of now with
    the pool and warehouse of then, `job` the job of then."""

    project: Project
    record: Record
    spec: str
    settings: Settings
    job: Job

    @property
    def name(self) -> str:
        return self.record.run.job

    @property
    def words(self) -> str:
        return f"--like {self.record.run.name}"

    def check(self, changes: Changes) -> None:
        self._rendered(overrides.applied(self.settings, self.name, self.job, changes), self.record.run)

    def submission(self, changes: Changes = ()) -> Submission:
        before, said = self.record, {key.text: text for key, text in changes}
        job = overrides.applied(self.settings, self.name, self.job, changes)
        pool = job.compute_pool or self.settings.snowflake.compute_pool
        run = replace(before.run, name=new_run(self.name), pool=pool.name)
        spec = self._rendered(job, run) if changes else self.spec.replace(before.run.name, run.name)
        return Submission(
            run=run,
            spec=spec,
            replicas=job.replicas,
            query_warehouse=job.query_warehouse or self.settings.snowflake.warehouse,
            external_access_integrations=integrations(self.settings.snowflake, self.name, job),
            comment=comment(said, resumes=before.resumes, like=before.run.name),
            record=replace(
                before,
                run=run,
                submitted=None,
                by=user(),
                settings={**before.settings, "job": masked_job(job), "pool": asdict(pool)},
                overrides={**before.overrides, **said},
                seeds=seeds(job),
                versions={**before.versions, "desk": desk_versions()},
                texts={**before.texts, SPEC_FILE: masked(spec, secrets_of(job.env))},
                like=before.run.name,
                sweep="",
                end=None,
            ),
        )

    def _rendered(self, job: Job, run: Run) -> str:
        earlier = replace(run, name=self.record.resumes).output if self.record.resumes else ""
        return specification(
            self.project.root,
            self.settings,
            self.name,
            job,
            image=self.record.image.path,
            output=run.output,
            earlier=earlier,
        )

    def tell(self, changes: bool) -> None:
        """Say what it has in common with the earlier run, and what it cannot have."""
        say(f"like {self.record.run.name}: image {self.record.image.tag} and its specification")
        say("what it reads, such as tables, is as it is now", "quiet")
        for warning in [*self._of_image(), *self._of_pool(), *(self._of_template() if changes else ())]:
            say(warning, "warn")

    def _of_image(self) -> list[str]:
        """Raises NotReady where the image is gone."""
        image = self.record.image
        if self.project.dry:
            return []
        digest = digest_there(self.project, image.path)
        if not digest:
            revision = self.record.code.revision
            at = f"git checkout {revision[:12]}, then " if revision else ""
            raise NotReady(
                f"the image of the run {self.record.run.name} is not in the repository any more",
                why=f"it was {image.path}" + (f" ({image.digest})" if image.digest else ""),
                fix=f"{at}inv build push --job {self.name}, which makes it again if files and pins are as they were",
            )
        if image.digest and digest != image.digest:
            return [f"the image was built again from the same inputs since: it is {digest}, and was {image.digest}"]
        return []

    def _of_pool(self) -> list[str]:
        was, name = self.record.settings.get("pool", {}), self.record.run.pool
        try:
            rows = self.project.account.query(sql.describe_compute_pool(name))
        except Missing:
            raise
        except Problem:  # to run jobs in a pool, a role needs no right to look at it
            return []
        now = next((str(row.get("instance_family") or "") for row in rows), "")
        if now and was and now.upper() != str(was.get("instance_family")).upper():
            return [f"the pool {name} has machines of {now} now, and had {was.get('instance_family')}"]
        return []

    def _of_template(self) -> list[str]:
        if self._rendered(self.job, self.record.run) == self.spec:
            return []
        return ["the template or what it is filled with has changed since, so more differs than --set says: inv diff"]


def again(project: Project, earlier: Run) -> Again:
    """What is needed to run that run once more; raises NotReady where its record does not say it."""
    record = history.find(project.account, project.root, earlier)
    spec = _spec(project, earlier)
    if not spec or not record.settings.keys() >= {"job", "pool", "snowflake"}:
        raise NotReady(
            f"the run {earlier.name} cannot be repeated",
            "what it was made of is not known here, and --dry does not ask"
            if project.dry
            else "its record on the stage was removed, or it was started without one",
            f"inv run --job {earlier.job}",
        )
    settings = _settings(project, record)
    return Again(project, record, spec, settings, _job(settings, record, spec))


def _spec(project: Project, run: Run) -> str:
    return receipts.spec(project.root, run.name) or (files.read_file(project.account, run.spec_path) or b"").decode()


def _settings(project: Project, record: Record) -> Settings:
    then = record.settings
    pool = check.build(ComputePool, then["pool"], ("pool",), lambda path: f"the record of {record.run.name}")
    flake = replace(project.settings.snowflake, compute_pool=pool, warehouse=then["snowflake"].get("warehouse", ""))
    return replace(project.settings, snowflake=flake)


def _job(settings: Settings, record: Record, spec: str) -> Job:
    """The job's settings as they were; what the record masks is in the specification."""
    raw: dict[str, Any] = dict(record.settings["job"])
    env, args = _sent(spec)
    raw["env"] = {name: env.get(name, text) if MASK in str(text) else text for name, text in raw.get("env", {}).items()}
    masked_args = raw.get("args", ())
    if any(MASK in str(word) for word in masked_args) and len(args) == len(masked_args):
        raw["args"] = args
    return overrides.job_of(settings, record.run.job, raw, {})


def _sent(spec: str) -> tuple[Mapping[str, str], list[str]]:
    """The environment and arguments of the job's container."""
    try:
        container = next(each for each in parse(spec).containers if each.name == CONTAINER)
    except (SpecError, StopIteration):
        return {}, []
    return {name: str(text) for name, text in container.env.items()}, list(container.args or ())
