"""`python -m tests.trials FOLDER WORLD TRIALS -- WORDS…`: a training that is interrupted TRIALS times, by SIGTERM or
SIGKILL to one of its WORLD processes at a random step, and then goes on to its end. Leaves what it wrote in FOLDER.

Every process is a whole one, from its settings to its exit. They are forked from one that has imported torch, as that
is what takes the time; for processes that torchrun's agent starts see test_interruptions.py.
"""

from __future__ import annotations

import fcntl
import gc
import os
import random
import signal
import socket
import sys

import torch

from app import report, runtime, train

torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))])  # imports the rest of torch
gc.freeze()  # so that the forks leave it alone


def main(folder: str, world: int, trials: int, words: list[str]) -> None:
    chance = random.Random(world)
    for _ in range(trials):
        number = chance.choice((signal.SIGTERM, signal.SIGKILL))
        interrupted(world, [*words, "--output", folder], number, chance.randint(1, 30), chance.randrange(world))
    pids, said = started(world, [*words, "--output", folder])
    with os.fdopen(said) as stdout:
        rest = stdout.read()
    assert ended(pids) == [0] * world, rest


def interrupted(world: int, words: list[str], number: signal.Signals, lines: int, rank: int) -> None:
    """Sends the signal once rank 0 has written so many lines of its steps."""
    pids, said = started(world, words)
    with os.fdopen(said) as stdout:
        steps = (line for line in stdout if "step=" in line)
        for _ in range(lines):
            next(steps)
        os.kill(pids[rank], number)
        if number == signal.SIGKILL:
            for pid in pids:  # as torchrun's agent does
                os.kill(pid, signal.SIGKILL)
        rest = stdout.read()
    expected = {signal.SIGTERM: runtime.PREEMPTED, signal.SIGKILL: -signal.SIGKILL}[number]
    assert ended(pids) == [expected] * world, rest
    report.say(signal=number.name, rank=rank, lines=lines)


def started(world: int, words: list[str]) -> tuple[list[int], int]:
    """The processes' ids, and where rank 0's stdout can be read."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)  # they cannot run far ahead of who reads their lines
    pids = []
    for rank in range(world):
        if not (pid := os.fork()):
            os.dup2(writer if rank == 0 else os.open(os.devnull, os.O_WRONLY), 1)
            if world > 1:
                numbers = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": world, "LOCAL_WORLD_SIZE": world}
                numbers |= {"MASTER_PORT": port}
                os.environ.update({name: str(value) for name, value in numbers.items()}, MASTER_ADDR="127.0.0.1")
            sys.argv[1:] = words
            sys.exit(report.guarded(train.main))
        pids.append(pid)
    os.close(writer)
    return pids, reader


def ended(pids: list[int]) -> list[int]:
    return [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]


if __name__ == "__main__":
    folder, world, trials, _, *words = sys.argv[1:]
    main(folder, int(world), int(trials), words)
