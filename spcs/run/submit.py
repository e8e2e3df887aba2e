"""Start a run: put its specification on the stage, EXECUTE JOB SERVICE … ASYNC = TRUE.

Always asynchronous: a job that runs inside a synchronous statement dies with the connection that waits for it.
"""

from __future__ import annotations

import shutil
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from spcs.account import sql
from spcs.account.errors import NAME_TAKEN, Missing, Unreachable
from spcs.errors import Left, NotReady, Problem, Refused
from spcs.run import receipts
from spcs.run.account import Account
from spcs.run.model import Run
from spcs.run.names import SPEC_FILE, folder
from spcs.run.record import Record

SEND_AGAIN = 1.0
# How long the account may fail to answer, in seconds, before it is left open whether the run was started.
SILENCE = 300.0


@dataclass(frozen=True)
class Submission:
    """All that goes into the statement. `spec` is the specification's text, already checked (`spcs.specification`);
    `record` is what is to be known of the run beyond that, without its statement."""

    run: Run
    spec: str
    replicas: int = 1
    query_warehouse: str | None = None
    external_access_integrations: tuple[str, ...] = ()
    comment: str | None = None
    record: Record | None = None


def execute(submission: Submission) -> str:
    """Return the EXECUTE JOB SERVICE statement."""
    run = submission.run
    return sql.execute_job(
        run.service,
        pool=run.pool,
        stage=folder(run.stage, run.name),
        spec_file=SPEC_FILE,
        replicas=submission.replicas if submission.replicas > 1 else None,
        query_warehouse=submission.query_warehouse,
        external_access_integrations=submission.external_access_integrations,
        comment=submission.comment,
    )


def recorded(submission: Submission) -> Record:
    """Return the run's record as it is when it is submitted."""
    known = submission.record or Record(submission.run, texts={SPEC_FILE: submission.spec})
    submitted = known.submitted or datetime.now(UTC).replace(microsecond=0)
    return replace(known, submitted=submitted, replicas=submission.replicas, statement=execute(submission))


def submit(account: Account, submission: Submission, root: Path, *, dry: bool = False) -> Run:
    """Start the run and return it. With `dry` nothing is written here either; the account says what it would send.

    Its record is written before the statement is sent: an answer that gets lost leaves a run that can be found. Where
    the account says no, or does not take the files, nothing is left of it, here or on the stage.
    """
    run = submission.run
    file, receipt = receipts.spec_file(root, run.name), receipts.path(root, run.name)
    if not dry:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(submission.spec)
        receipts.write(root, recorded(submission))
    try:
        for each in (file, receipt):
            account.put(each, folder(run.stage, run.name))
    except (Problem, KeyboardInterrupt):
        if not dry:
            _forget(account, run, root)
        raise
    try:
        _send(account, submission, root)
    except (Refused, Missing) as refusal:
        raise _explained(refusal, run) from refusal
    except KeyboardInterrupt:
        raise Left(
            f"left while the run {run.name} was being started; it may go on",
            f"come back with: inv logs --run {run.name} --follow\nstop it with: inv cancel --run {run.name}",
        ) from None
    return run


def _send(account: Account, submission: Submission, root: Path) -> None:
    """Send the statement until it is answered. It never starts a job twice: a name is taken once and for all, so if it
    is taken after an answer was lost, it is this run that has it."""
    lost = 0.0
    while True:
        try:
            account.statement(execute(submission))
            return
        except Unreachable as silence:
            lost = lost or time.monotonic()
            if time.monotonic() - lost > SILENCE:
                run = submission.run
                what = f"the account stopped answering while the run {run.name} was being started"
                fix = f"inv status --run {run.name} (it says whether it was started)"
                raise NotReady(what, silence.why, fix) from silence
            time.sleep(SEND_AGAIN)
        except Problem as refusal:
            if lost and refusal.errno == NAME_TAKEN:
                return
            if lost:
                raise _left_open(refusal, submission.run) from refusal
            if _is_certain(account, submission.run, refusal):
                _forget(account, submission.run, root)
            raise


def _is_certain(account: Account, run: Run, refusal: Problem) -> bool:
    """Tell whether Snowflake has said no to the run, and there is no such job.

    The connector's own errors have no SQLSTATE, those of the connection, class 08, may come after the statement was
    taken: how it went is asked in other requests.
    """
    if (refusal.sqlstate or "08").startswith("08") or refusal.errno == NAME_TAKEN:
        return False
    try:
        account.query(sql.describe_service(run.service))
    except Missing:
        return True
    except Problem:
        pass
    return False


def _forget(account: Account, run: Run, root: Path) -> None:
    """Remove what was written for a run that was refused or never sent. What cannot be removed, `inv prune` finds."""
    receipts.path(root, run.name).unlink(missing_ok=True)
    shutil.rmtree(receipts.spec_file(root, run.name).parent, ignore_errors=True)
    with suppress(Problem, KeyboardInterrupt):
        account.query(sql.remove(folder(run.stage, run.name)))


def _left_open(refusal: Problem, run: Run) -> Problem:
    """The refusal of a statement that was sent again: before, when the answer was lost, it may have started the run."""
    fix = f"inv status --run {run.name} (it says whether it was started before); {refusal.fix}".removesuffix("; ")
    kind = Refused if isinstance(refusal, Refused) else NotReady
    return kind(refusal.what, refusal.why, fix)


def _explained(refusal: Refused | Missing, run: Run) -> Refused | Missing:
    if refusal.errno != NAME_TAKEN:
        return refusal
    return Refused(
        f"a job or service named {run.name.upper()} already exists in {run.database}.{run.schema}",
        "Snowflake keeps the name of a finished job for up to 30 days; nothing was started",
        f"inv run --job {run.job} (it takes a fresh name), or inv status --run {run.name}",
    ).numbered(refusal.errno, refusal.sqlstate)
