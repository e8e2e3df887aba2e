"""`inv run`, `status`, `cancel`, `fetch`: a job from its submission to its outputs."""

from __future__ import annotations

from contextlib import suppress

from spcs.account import sql
from spcs.config import Job, integrations
from spcs.errors import NotReady, SettingsProblem
from spcs.image import ImagePlan, Receipt, read
from spcs.project import Project
from spcs.run import files, history, receipts, watch
from spcs.run.model import Run, State
from spcs.run.names import SPEC_FILE, new_run
from spcs.run.submit import Submission, submit
from spcs.show import runs as screen
from spcs.show import tables
from spcs.show.console import say
from spcs.specification import unknown_family
from spcs.steps.account import YOUR_USER, setup_sql
from spcs.steps.follow import Stay, say_looks, stay_with
from spcs.steps.image import image_path, image_plan, run_specification
from spcs.steps.record import record
from spcs.steps.which import chosen


def run(project: Project, job: str, resume: str, stay: Stay) -> None:
    """Start the job and, unless told otherwise, stay with it until its verdict; raises JobFailed for a bad one.

    With `resume`, the name of an earlier run, the new one sees that one's outputs and writes only its own.
    """
    earlier = _earlier(project, resume) if resume else None
    name, entry = project.job(job or (earlier.job if earlier else ""))
    plan = image_plan(project, entry)
    receipt, path = _image(project, name, plan)
    run = _named(project, new_run(name), entry, receipt)
    notice = unknown_family(project.pool(entry))
    if notice:
        say(notice, "warn")
    spec = run_specification(project, name, entry, path, run.name, earlier.output if earlier else "")
    texts = {SPEC_FILE: spec, **_texts(project, name, plan)}
    submission = Submission(
        run=run,
        spec=spec,
        replicas=entry.replicas,
        query_warehouse=entry.query_warehouse or project.settings.snowflake.warehouse,
        external_access_integrations=integrations(project.settings.snowflake, name, entry),
        comment=entry.comment or (f"goes on from {earlier.name}" if earlier else None),
        record=record(project, run, entry, plan, path, texts, resumes=earlier.name if earlier else ""),
    )
    if project.dry:
        project.tell(submission.spec)
    else:
        receipts.keep(project.root, run.name, texts)
    submit(project.account, submission, project.root, dry=project.dry)
    if project.dry:
        return
    screen.submitted(run)
    if earlier:
        say(f"it goes on from {earlier.name}")
    stay_with(project, run, stay)


def status(project: Project, run: str, as_json: bool) -> None:
    """Show what the account says of a run."""
    found = chosen(project, run)
    if project.dry:
        return say_looks(project, found)
    snapshot = watch.observe(project.account, found)
    tables.status(found, snapshot, as_json=as_json)
    if snapshot.state.final:
        history.look(project.account, project.root, found)


def cancel(project: Project, run: str) -> None:
    """Ask the account to stop a run; one that has ended stays as it is."""
    found = chosen(project, run)
    if project.dry:
        project.account.query(sql.cancel_job(found.service))
        return
    state = files.cancel(project.account, found)
    say(f"{state.word}: {found.name}")


def fetch(project: Project, run: str) -> None:
    """Copy a run's outputs to `runs/<run>/`."""
    found = chosen(project, run)
    if project.dry:
        project.account.list_stage(found.output)
        project.account.get(found.output, project.root / "runs" / found.name)
        return
    folder = files.fetch(project.account, found, project.root, say)
    say(f"outputs of {found.name} in {folder.relative_to(project.root)}/")


def _texts(project: Project, name: str, plan: ImagePlan) -> dict[str, str]:
    """What a run is made of beside its specification, as `inv render --diff` compares it."""
    texts = {"Dockerfile": plan.dockerfile}
    with suppress(SettingsProblem):  # a run needs no setup.sql: a broken template of it is for inv setup to tell
        texts["setup.sql"] = setup_sql(project, name, YOUR_USER, admin=True)
    return texts


def _image(project: Project, name: str, plan: ImagePlan) -> tuple[Receipt, str]:
    """The job's image as pushed, and its path in the specification; raises NotReady when it has not been pushed."""
    path = image_path(project, plan)
    receipt = read(project.receipts, name)
    if project.dry:
        return receipt or Receipt(name, path, "", ""), path
    if receipt and receipt.digest and receipt.ref.endswith(path):
        return receipt, path
    digest = _digest_there(project, path)
    if not digest:
        raise NotReady(
            f"the image of job '{name}' is not in the repository",
            why=f"for the files and pins as they are now it would be {path}",
            fix=f"inv build push run --job {name}" if name != project.settings.job else "inv build push run",
        )
    return Receipt(name, plan.repository_url + path, "", "", digest=digest), path


def _digest_there(project: Project, path: str) -> str:
    """The digest of the image as the account lists it, whoever pushed it; empty if it is not there."""
    flake = project.settings.snowflake
    rows = project.account.query(sql.show_images(f"{flake.database}.{flake.schema}.{flake.image_repository}"))
    return next((str(row["digest"]) for row in rows if f"/{row['image_path']}".lower() == path), "")


def _named(project: Project, name: str, job: Job, receipt: Receipt) -> Run:
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


def _earlier(project: Project, name: str) -> Run:
    """The run to go on from; raises NotReady while it goes on itself, if it left nothing, and if there is none."""
    earlier = chosen(project, name)
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
                fix="inv run --resume with the name of another run (inv status names the last one)",
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
