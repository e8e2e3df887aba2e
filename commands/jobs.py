"""What is run: new jobs, their specification, a run, a schedule."""

from __future__ import annotations

from invoke import Context, task

from commands import JOB, JSON, project


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
