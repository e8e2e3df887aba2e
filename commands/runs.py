"""The runs there are: followed, compared, fetched, shown, removed."""

from __future__ import annotations

from invoke import Context, task

from commands import JSON, RUN, project


@task(help={"run": RUN, "json": JSON})
def status(c: Context, run: str = "", json: bool = False) -> None:
    """Show the state of a run, container by container."""
    from spcs.steps import run as step

    step.status(project(c), run, json)


@task(
    help={
        "job": "only runs of this job",
        "state": "only runs in these states: failed, or running,pending",
        "last": "so many, the newest first; 0 is all",
        "since": "only runs made since then: so long ago (90m, 7d), or a time (2026-11-27T12:00:00Z)",
        "sweep": "the runs of this sweep, the best first",
        "best": "the metric by which those are compared: loss, or f1:max (default: the loss)",
        "json": JSON,
    }
)
def jobs(
    c: Context,
    job: str = "",
    state: str = "",
    last: int = 20,
    since: str = "",
    sweep: str = "",
    best: str = "",
    json: bool = False,
) -> None:
    """List the runs that the account knows.

    Whoever started them, from whichever machine: state, age, duration, image, what --set said, and the metrics each
    ended with. A run whose job was dropped, or forgotten by Snowflake after 30 days, is listed by its record.
    """
    from spcs.steps import jobs as step

    if sweep:
        return step.sweep(project(c), sweep, best, json)
    step.jobs(project(c), job, state, last, since, json)


@task(
    help={
        "run": RUN,
        "follow": "go on until the run has ended, then give its verdict",
        "since": "only lines since then: so long ago (10m), or a time (2026-11-27T12:00:00Z)",
        "replica": "only lines of this replica, counted from 0",
        "container": "only lines of this container",
        "grep": "only lines in which this regular expression is found",
        "json": JSON,
    }
)
def logs(
    c: Context,
    run: str = "",
    follow: bool = False,
    since: str = "",
    replica: str = "",
    container: str = "",
    grep: str = "",
    json: bool = False,
) -> None:
    """Print the log lines of a run.

    Every line once, in order of time, of all replicas and containers. It needs the account alone: on another machine,
    name the run, or get the newest one.
    """
    from spcs.steps import follow as step

    step.logs(project(c), run, follow, step.Lines(since, replica, container, grep), json)


@task(help={"run": RUN, "timeout": "give up after so long: 90s, 10m or 1h30m (default: never)", "json": JSON})
def wait(c: Context, run: str = "", timeout: str = "", json: bool = False) -> None:
    """Wait for the end of a run and give its verdict.

    The exit code is the verdict's: 0 done, 1 failed or cancelled; 3 if --timeout came first, and the job goes on.
    """
    from spcs.steps import follow as step

    step.wait(project(c), run, timeout, json)


@task(help={"run": RUN})
def cancel(c: Context, run: str = "") -> None:
    """Cancel a run: SIGTERM, then 30 seconds to save and leave."""
    from spcs.steps import run as step

    step.cancel(project(c), run)


@task(help={"first": "a run", "second": "another", "json": JSON})
def diff(c: Context, first: str, second: str, json: bool = False) -> None:
    """Show how two runs differ.

    Settings, image, code, outcome and metrics where they are not the same, and patches of specification, Dockerfile and
    uncommitted changes. The exit code is 0 whether they differ or not.
    """
    from spcs.steps import compare as step

    step.compare(project(c), first, second, json)


@task(help={"run": RUN, "only": "only this file or folder, or those that a pattern matches: '*.json', checkpoints"})
def fetch(c: Context, run: str = "", only: str = "") -> None:
    """Copy the outputs of a run from the stage to runs/RUN/.

    Several at a time, each checked by its sum. What is here already is not fetched again, so a fetch that was cut off
    goes on where it stopped.
    """
    from spcs.steps import fetch as step

    step.fetch(project(c), run, only)


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
        "keep": "so many runs of each job stay, the newest",
        "keep_best": "so many runs of each job stay, the best",
        "best": "by this metric: loss, or f1:max (default: the loss)",
        "older_than": "only runs older than this go: 12h, 30d",
        "job": "only runs of this job",
        "yes": "do not ask",
    }
)
def prune(
    c: Context,
    keep: str = "",
    keep_best: int = 0,
    best: str = "",
    older_than: str = "",
    job: str = "",
    yes: bool = False,
) -> None:
    """Remove runs that are over: their jobs, their files on the stage.

    It says what goes, what that frees and what keeps the others, and asks first. A run that goes on stays, as does one
    whose checkpoint another is reading. inv --dry prune asks the account and prints what it would send.
    """
    from spcs.steps import prune as step

    step.prune(project(c), step.Wanted(keep, keep_best, best, older_than, job), yes)
