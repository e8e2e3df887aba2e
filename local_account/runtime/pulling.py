"""How an engine comes to the image of a container: it pulls it, or has it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from local_account.runtime import argv
from local_account.runtime.calls import Calls
from local_account.runtime.model import PULL_FAILED, ContainerLaunch, RuntimeProblem

Ids = Callable[[str, str], Iterable[str]]
"""For an image's name and digest in the registry, what an engine that built it may know it by."""


def pulled(engine: Calls, client: argv.Client, container: ContainerLaunch, ids: Ids) -> str:
    """Have the engine pull the image; returns what it calls the image. Raises RuntimeProblem.

    An engine in a virtual machine does not reach the loopback of the machine around it. It need not, if it built that
    very image itself.
    """
    try:
        engine.run(argv.pull(client, container), RuntimeProblem(PULL_FAILED))
    except RuntimeProblem as problem:
        if "connection refused" not in problem.detail.lower():
            raise
        for known in ids(container.image, container.digest):
            if engine.call(argv.simple(client, "image", "inspect", known)).returncode == 0:
                return known
        raise
    return argv.image_reference(client, container)
