"""From a container to its training processes: one a GPU, in as many containers as the job has replicas.

A single process trains right here. Several are started by torchrun's agent; its command line is left out, as that ends
a graceful stop with 1 and keeps the exit codes of the processes to itself. They meet at the address of replica 0. None
is restarted: the first that fails ends them all, and the run is resumed from a checkpoint.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import torch
from torch.distributed import DistError
from torch.distributed.elastic.agent.server.api import ElasticAgent, WorkerSpec
from torch.distributed.elastic.agent.server.local_elastic_agent import LocalElasticAgent
from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs
from torch.distributed.elastic.rendezvous.static_tcp_rendezvous import StaticTCPRendezvous
from torch.distributed.elastic.utils.distributed import get_free_port

from app import runtime, train
from app.checkpoint import publish
from app.config import Config, Problem, resolve
from app.report import say

PORT = 29500  # the specification declares it
INTERFACE = "eth0"  # by which containers reach each other
MEET_SECONDS = 720  # replicas start apart: one may wait for a machine, or for the image
STOP_SECONDS = 25  # a container is killed 30 seconds after its SIGTERM
LAST_SECONDS = 10  # a process may need them for its end; those that hang are killed later than that
WORKER = "app.train"


def main(argv: Sequence[str]) -> int:
    """Trains, and returns the exit code: of the processes' own, the one that says most. Raises Problem."""
    config = resolve(argv, os.environ)
    replicas = int(os.environ.get("SNOWFLAKE_JOBS_COUNT", 1))
    gpus = 0 if config.device == "cpu" else torch.cuda.device_count()
    processes = config.processes or gpus or 1
    if processes > gpus > 0:
        what = f"--processes is {processes}, and each needs a GPU of its own: there is {gpus}"
        raise Problem(what, f"choose at most {gpus}, or --device cpu")
    if "RANK" in os.environ or replicas * processes == 1:
        return train.main(argv)
    return launch(argv, processes, meeting(config, replicas))


def meeting(config: Config, replicas: int) -> StaticTCPRendezvous:
    """Where all processes meet, and this container's index there. For replicas also sets the interface that they use.

    The address is a fixed one: else torchrun tells replicas each other's host names, which SPCS does not resolve.
    """
    if replicas == 1:
        port = get_free_port()  # type: ignore[no-untyped-call]
        return StaticTCPRendezvous("127.0.0.1", port, 0, 1, "train", MEET_SECONDS)
    index, port = int(os.environ["SNOWFLAKE_JOB_INDEX"]), int(os.environ.get("MLRS_RDZV_PORT", PORT))
    address = head_address(config, index)
    interface = "lo" if address.startswith("127.") else INTERFACE
    if interface in (name for _, name in socket.if_nameindex()):
        os.environ.setdefault("GLOO_SOCKET_IFNAME", interface)
        os.environ.setdefault("NCCL_SOCKET_IFNAME", interface)
    say(replica=index, replicas=replicas, meeting=f"{address}:{port}")
    return StaticTCPRendezvous(address, port, index, replicas, "train", MEET_SECONDS)


def head_address(config: Config, index: int) -> str:
    """The address of replica 0: what Snowflake's ML runtime says, one's own, or what the account or replica 0 says.

    The account is asked with the container's token. In an image without the connector, replica 0 leaves its address on
    the output volume, which all replicas have. Raises Problem if it is not known within MEET_SECONDS.
    """
    if known := os.environ.get("MLRS_HEAD_IP"):
        return known
    by_account = "SNOWFLAKE_HOST" in os.environ and bool(find_spec("snowflake") and find_spec("snowflake.connector"))
    file = Path(config.output, "rendezvous", os.environ.get("SNOWFLAKE_SERVICE_NAME", "job").lower() + ".txt")
    if index > 0:
        return awaited(partial(from_account, config) if by_account else file.read_text)
    own = socket.gethostbyname(socket.gethostname())
    if not by_account:
        publish(file, own.encode())
    return own


def awaited(address: Callable[[], str | None]) -> str:
    """Asks for it, at first often, until it is there."""
    deadline, pause, reason = time.monotonic() + MEET_SECONDS, 0.5, ""
    while time.monotonic() < deadline:
        try:
            if found := address():
                return found
            now = "it has none yet"
        except Exception as error:  # noqa: BLE001 - whatever it is may pass; if not, it is told below
            now = " ".join(str(error).split())[:300]
        if now != reason:
            say(no_address_yet=(reason := now))
        time.sleep(pause)
        pause = min(2 * pause, 5)  # every question is a session and a query
    raise Problem(f"no address of replica 0 within {MEET_SECONDS} s: {reason}", "see why replica 0 did not start", 1)


def from_account(config: Config) -> str | None:
    from snowflake.connector import DictCursor

    from app.data import connect

    service = ".".join(os.environ[f"SNOWFLAKE_{part}"] for part in ("DATABASE", "SCHEMA", "SERVICE_NAME"))
    with closing(connect(config)) as connection:
        instances = connection.cursor(DictCursor).execute(f"SHOW SERVICE INSTANCES IN SERVICE {service}").fetchall()
    return next((each["ip_address"] for each in instances if str(each["instance_id"]) == "0"), None)


def launch(argv: Sequence[str], processes: int, where: StaticTCPRendezvous) -> int:
    """Starts this container's processes with the arguments `argv`, waits for their end and returns their exit code."""
    words = ("-u", "-m", WORKER, *argv)
    spec = WorkerSpec("train", processes, where, entrypoint=sys.executable, args=words, max_restarts=0)
    # What the agent would say of processes that ended, this program says better.
    logging.getLogger("torch.distributed.elastic").setLevel(logging.CRITICAL)
    with tempfile.TemporaryDirectory(prefix="train-") as logs, ThreadPoolExecutor(1) as aside:
        agent = LocalElasticAgent(spec, DefaultLogsSpecs(logs), exit_barrier_timeout=STOP_SECONDS)
        pass_on_signals(agent)
        try:
            # Aside, because only the main thread handles signals: the agent is deaf while it waits for other replicas.
            failures = aside.submit(agent.run).result().failures
        except DistError as error:
            place = f"{where.master_addr}:{where.master_port}"
            what = f"the {where.world_size} replicas did not meet at {place}: {str(error).splitlines()[0]:.200}"
            raise Problem(what, "see why a replica did not start; the template must declare the port", 1) from error
    if not failures:
        return runtime.DONE
    rank, code = blamed([(rank, failure.exitcode, failure.timestamp) for rank, failure in failures.items()])
    say(rank=rank, exit_code=code)
    return code


def pass_on_signals(agent: ElasticAgent) -> None:
    """From now on SIGTERM, SIGUSR1 and Ctrl-C ask the agent's processes to save and leave, within STOP_SECONDS.

    A second Ctrl-C kills them. Before they have begun there is nothing to save, and this process ends at once.
    """

    def send(number: int) -> None:
        for worker in agent.get_worker_group().workers:
            with suppress(ProcessLookupError):
                os.killpg(worker.id, number)

    def ask(number: int, _: object) -> None:
        if any(worker.global_rank < 0 for worker in agent.get_worker_group().workers):
            os._exit(128 + number)
        while any(worker.id is None for worker in agent.get_worker_group().workers):
            time.sleep(0.01)
        signal.signal(signal.SIGINT, kill)  # first: who sees the processes told may press it again at once
        send(signal.SIGTERM)
        signal.alarm(signal.alarm(0) or STOP_SECONDS)

    def kill(*_: object) -> None:
        send(signal.SIGKILL)

    for number in runtime.SIGNALS:
        signal.signal(number, ask)
    signal.signal(signal.SIGALRM, kill)


def blamed(failures: Sequence[tuple[int, int, int]]) -> tuple[int, int]:
    """Of (rank, exit code, second of its end), the rank that says most of the cause; with its code as a shell has it.

    Processes whose peer is gone fail with 1, or are aborted, or end as they are told to, or hang and are killed later.
    """
    told = dict.fromkeys((-signal.SIGTERM, 128 + signal.SIGTERM), 3)
    weights = {runtime.FAILED: 1, -signal.SIGABRT: 1, runtime.PREEMPTED: 2, **told}
    first = min(second for _, _, second in failures)
    soon = [(weights.get(code, 0), rank, code) for rank, code, second in failures if second <= first + LAST_SECONDS]
    _, rank, code = min(soon)
    return rank, 128 - code if code < 0 else code
