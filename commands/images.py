"""What runs in the containers: the locks of its packages, and the image."""

from __future__ import annotations

from invoke import Context, task

from commands import ENGINE, JOB, JSON, project


@task(
    optional=["upgrade"],
    help={
        "check": "write nothing; say whether the locks fit the settings (for CI)",
        "upgrade": "let packages that are no pin move to newer versions: all, or one, with --upgrade PACKAGE",
        "base": "put the digests that the tags of the base images have now into invoke.yaml first",
    },
)
def lock(c: Context, check: bool = False, upgrade: str = "", base: bool = False) -> None:
    """Resolve the pins of all jobs to locks.

    locks/ names every package that an image installs, its version and the hashes of its artifacts, and holds a bill of
    materials (CycloneDX) beside each lock. A lock that fits the pins stays as it is; otherwise only what must moves,
    and a table shows what has. With --check the exit code is 3 if a lock does not fit.
    """
    from spcs.steps import lock as step

    step.check(project(c), upgrade, base) if check else step.lock(project(c), upgrade, base)


@task(help={"job": JOB, "engine": ENGINE})
def build(c: Context, job: str = "", engine: str = "") -> None:
    """Build the job's image.

    Its tag is a hash of what goes in, so an image that is there already is not built again.

    --engine wheels needs no Docker or Podman: the image is put together from its base, the locked packages and your
    code, on any machine and for any pool. Said once in a chain, it holds for all of it.
    """
    from spcs.steps import image

    image.build(project(c), job, engine)


@task(help={"job": JOB, "engine": ENGINE})
def push(c: Context, job: str = "", engine: str = "") -> None:
    """Push the job's image to the account's repository.

    Layers that are there already are not sent again; an image that is there costs one request.
    """
    from spcs.steps import image

    image.push(project(c), job, engine)


@task(help={"json": JSON})
def images(c: Context, json: bool = False) -> None:
    """List the images in the account's image repository."""
    from spcs.steps import image

    image.images(project(c), json)


@task
def login(c: Context) -> None:
    """Log the container engine in to the registry.

    With a token of the session, into a private folder: no password is typed, your own configuration is not touched.
    """
    from spcs.steps import image

    image.login(project(c))
