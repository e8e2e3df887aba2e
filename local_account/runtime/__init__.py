"""What runs containers on this machine: docker, podman, or plain processes where there is neither."""

from local_account.runtime.argv import Client
from local_account.runtime.detect import Choice, Engine, NoEngine, choose, engines
from local_account.runtime.docker import ContainerRuntime
from local_account.runtime.model import Runtime
from local_account.runtime.process import ProcessRuntime

__all__ = [
    "Choice",
    "Client",
    "ContainerRuntime",
    "Engine",
    "NoEngine",
    "ProcessRuntime",
    "Runtime",
    "choose",
    "engines",
]
