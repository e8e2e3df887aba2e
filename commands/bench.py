"""The benchmarks."""

from __future__ import annotations

from invoke import Context, task

from commands import project


@task(help={"only": "startup, image, logs, training or gpu (default: all but gpu)"})
def bench(c: Context, only: str = "") -> None:
    """Run the benchmarks: NAME VALUE BAR ok|short, a figure a line.

    Ratios against something bare that runs beside it, so the machine's own speed hardly matters. `image` runs
    `inv build push` here and needs `inv setup` first. The exit code is 1 if a figure falls short of its bar.
    """
    from spcs.steps import bench as step

    step.bench(project(c), only)
