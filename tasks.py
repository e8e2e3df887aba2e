"""The commands: `inv --list` names them, `inv --help NAME` explains one, `inv --dry …` prints what it would do."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

# Invoke switches bytecode off, which would have our own modules compiled anew at every command.
sys.dont_write_bytecode = False

from invoke import Collection, Context, task  # noqa: E402 - after the line above

import local_tasks  # noqa: E402 - as above
from image_tasks import build, images, lock, login, push  # noqa: E402 - as above
from run_tasks import cancel, diff, fetch, jobs, logs, prune, status, wait  # noqa: E402 - as above
from spcs.words import smooth  # noqa: E402 - as above

smooth()

JOB = "which entry of `jobs:` in invoke.yaml (default: the setting `job`)"
RUN = "which run (default: the last one)"
JSON = "print one JSON object a line on stdout"


if TYPE_CHECKING:
    from spcs.project import Project


def project(c: Context) -> Project:
    """The project this folder is, opened once per process."""
    from spcs.project import open_project

    return open_project(c.config, __file__)


@task(
    help={
        "job": "whose compute pool, secrets and hosts to create too",
        "admin": "also run the part that needs the admin role",
    }
)
def setup(c: Context, job: str = "", admin: bool = True) -> None:
    """Create what a run needs in the account.

    Role, database, warehouse, compute pool, schema, image repository and stage, and the hosts and secrets that the job
    names; what is there stays as it is.
    """
    from spcs.steps import account

    account.setup(project(c), job, admin)


@task(
    help={
        "job": "whose compute pool, secrets and integration to drop (default: those of all jobs)",
        "admin": "also drop pool, warehouse, database, role and integrations",
        "keep_data": "leave the stage, the table of inv data, the secrets, and what they are in",
        "yes": "do not ask",
    }
)
def teardown(c: Context, job: str = "", admin: bool = False, keep_data: bool = False, yes: bool = False) -> None:
    """Drop what setup made in the account.

    It says what is lost and asks first. What setup did not make stays, as does what holds such things.
    """
    from spcs.steps import teardown as step

    step.teardown(project(c), step.Wanted(job, admin, keep_data), yes)


@task(help={"job": JOB, "json": JSON})
def doctor(c: Context, job: str = "", json: bool = False) -> None:
    """Check everything that a run of the job needs.

    Each check says ok, warn or fail in a sentence, with the command that mends it; one that needs another that fails is
    not made. The exit code is 3 if any fails.
    """
    from spcs.steps import doctor as step

    step.doctor(project(c), job, json)


@task
def data(c: Context) -> None:
    """Load the data file into its table.

    PUT and COPY INTO, unless the table holds that very file already.
    """
    from spcs.steps import account

    account.data(project(c))


@task(help={"name": "the new job: lower-case letters, digits and _", "like": "a job of invoke.yaml to copy"})
def new(c: Context, name: str, like: str = "") -> None:
    """Make a new job: its template and its entry in invoke.yaml.

    templates/NAME.yaml.j2 extends templates/spec.yaml.j2. With --like, both are copies of what that job has. Nothing
    that is there is overwritten.
    """
    from spcs.steps import new as step

    step.new(project(c), name, like)


@task(help={"job": JOB, "diff": "write nothing, show how they differ from those of the job's last run"})
def render(c: Context, job: str = "", diff: bool = False) -> None:
    """Write a job's Dockerfile, spec.yaml and setup.sql.

    They go to .spcs/build/JOB/, to be read before anything is done with them.

    --diff compares with what the last run left in .spcs/runs/; where that is gone, with the spec.yaml that the newest
    run put on the stage. The exit code is 0, changed or not; 3 if the job has not been run yet.
    """
    from spcs.steps import diff as comparison
    from spcs.steps import image

    comparison.diff(project(c), job) if diff else image.render(project(c), job)


@task(
    help={
        "job": JOB,
        "follow": "follow its logs to the verdict; --no-follow only starts it",
        "detach": "leave once it runs; one that cannot start fails here",
        "timeout": "leave after so long, 90s, 10m or 1h30m; the job goes on",
        "resume": "an earlier run, to go on from its newest checkpoint (its job, unless --job names another)",
        "like": "an earlier run, to do the same again: its image, its specification",
        "set": "key=value: a setting of the job or an option of its program, for this run; key=a,b makes a sweep",
        "best": "the metric by which a sweep's runs are compared: loss, or f1:max (default: the loss)",
        "engine": "as that of build and push, to end a chain with it",
    },
    iterable=["set"],
)
def run(
    c: Context,
    set: list[str],
    job: str = "",
    follow: bool = True,
    detach: bool = False,
    timeout: str = "",
    resume: str = "",
    like: str = "",
    best: str = "",
    engine: str = "",
) -> None:
    """Run the job and follow it to its verdict.

    With --resume the new run sees the outputs of an earlier one, which it only reads; it has outputs of its own.
    --set learning_rate=0.01,0.001 runs both, as many at a time as the pool holds, and compares them.
    The exit code is the verdict's: 0 done, 1 failed or cancelled; 3 if --timeout came first. On a terminal Ctrl-C asks
    whether to stop the job; else it leaves it running (130) and says how to come back. With --no-follow and --detach
    the run's name is all that goes to stdout.
    """
    from spcs.steps import follow as after
    from spcs.steps import run as step

    project(c).use_engine(engine)
    step.run(project(c), step.Start(job, resume, like, tuple(set), best), after.stay(follow, detach, timeout))


@task(
    help={
        "job": "whose compute pool (default: that of the setting `job`)",
        "status": "show it, which it does in any case",
        "suspend": "stop paying for its machines; jobs that run in it end first",
        "resume": "have its machines ready before the next run",
        "json": JSON,
    }
)
def pool(
    c: Context, job: str = "", status: bool = False, suspend: bool = False, resume: bool = False, json: bool = False
) -> None:
    """Show, suspend or resume the compute pool.

    Its state, nodes, what runs in it, and what it costs by the hour (rates.toml).
    """
    from spcs.steps import pool as step

    step.pool(project(c), job, suspend, resume, json)


@task(
    iterable=["run"],
    help={
        "run": f"{RUN}; say it again for more of them",
        "last": "instead: so many of the newest runs",
        "job": "instead: the newest run of that job, or with --last so many of it",
        "sweep": "instead: the runs of that sweep (its first run)",
        "output": "the file to write (default: runs/RUN/report.html)",
    },
)
def report(
    c: Context, run: list[str] | None = None, last: int = 0, job: str = "", sweep: str = "", output: str = ""
) -> None:
    """Write a page about runs: verdict, curves, settings, log.

    One HTML file that loads nothing, to be read in a browser, mailed or printed; its path is printed on stdout. Several
    runs are laid over each other: inv report RUN RUN.
    """
    from spcs.steps import report as step

    step.report(project(c), step.Wanted(run or [], job, last, sweep), output)


@task(help={"job": "only this job's runs", "port": "0 takes any that is free", "open": "open the browser, too"})
def board(c: Context, job: str = "", port: int = 8700, open: bool = False) -> None:
    """Show the runs in a browser while they go on.

    A web page on this machine, for this machine alone: the list of runs, and of each its curves, log and state, which
    change as it goes on. Its address is printed on stdout; Ctrl-C ends it.
    """
    from spcs.steps import board as step

    step.board(project(c), job, port, open)


@task(
    help={
        "job": JOB,
        "cron": "run it by the clock: minute, hour, day, month, weekday, such as '0 3 * * *'",
        "zone": "the clock's time zone, such as Europe/Zurich",
        "timeout": "end a run after so long, such as 8h (default: the most that Snowflake gives, 7 days)",
        "suspend": "let the schedule rest",
        "resume": "go on with it",
        "drop": "remove it; its runs stay",
        "now": "run it once, now",
        "json": JSON,
    }
)
def schedule(
    c: Context,
    job: str = "",
    cron: str = "",
    zone: str = "UTC",
    timeout: str = "",
    suspend: bool = False,
    resume: bool = False,
    drop: bool = False,
    now: bool = False,
    json: bool = False,
) -> None:
    """Run a job by the clock; without options, list what runs so.

    --cron makes a Snowflake task that runs the job as it is now, image and specification pinned; inv jobs lists each of
    its runs. The task waits for the job and ends as it does. Say it again to change the time or the job.
    """
    from spcs.steps import schedule as step

    wanted = step.Wanted(cron, zone, timeout, suspend, resume, drop, now)
    step.schedule(project(c), job, wanted, json)


@task(help={"only": "startup, image, logs, training or gpu (default: all but gpu)"})
def bench(c: Context, only: str = "") -> None:
    """Run the benchmarks: NAME VALUE BAR ok|short, a figure a line.

    Ratios against something bare that runs beside it, so the machine's own speed hardly matters. `image` runs
    `inv build push` here and needs `inv setup` first. The exit code is 1 if a figure falls short of its bar.
    """
    from spcs.steps import bench as step

    step.bench(project(c), only)


before = (doctor, setup, teardown, data, lock, new, render, build, push, images, login)
after = (run, status, jobs, logs, wait, cancel, diff, fetch, report, board, schedule, pool, prune, bench)
ns = Collection(*before, *after)
ns.add_collection(local_tasks.collection)
