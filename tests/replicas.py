"""What tests of several training processes share: a worker that trains nothing, and how the entry starts it."""

from __future__ import annotations

#: Adds up the ranks, then does as it is told: leaves, fails as rank 1 (and takes its time over its end), or goes on
#: until one of them gets a SIGTERM, to which it may be deaf.
WORKER = '''
import os, signal, sys, time
import torch
import torch.distributed as dist
from app import runtime
from app.config import Config

class SlowToEnd:
    """Ends after the peer has, and some time after that."""
    def __init__(self, peer):
        self.peer = peer
    def __del__(self, sleep=time.sleep, access=os.access):
        while access(f"/proc/{self.peer}", 0):
            sleep(0.02)
        sleep(0.5)

told = []
signal.signal(signal.SIGTERM, lambda *_: told.append(True))
if "deaf" in sys.argv:
    signal.signal(signal.SIGTERM, lambda *_: print("told", flush=True))
with runtime.join(Config(device="cpu", threads=1)) as group:
    rank, word = group.rank, sys.argv[1]
    pids, parent = group.gather(os.getpid()), os.getppid()
    total = torch.tensor([rank + 1.0])
    dist.all_reduce(total)
    print(f"rank={rank} world={group.world} sum={int(total)} pid={pids[rank]} parent={parent}", flush=True)
    if word == "fail" and rank == 1:
        sys.slow = SlowToEnd(pids[0])  # sys is cleared last, when signals are no longer handled
        sys.exit(int(sys.argv[2]))
    if word == "die" and rank == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    while word != "leave" and (word != "deaf" or os.getppid() == parent):  # or a broken off test would leave it behind
        flag = torch.tensor([float(len(told))])
        dist.all_reduce(flag)
        if flag:
            group.barrier()
            sys.exit(75)
        time.sleep(0.02)
'''

#: `python starter.py PROCESSES WORD …`: the entry with that worker, in as many replicas as the environment says.
STARTER = """
import os, signal, sys

for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT):
    signal.signal(number, lambda number, _: sys.exit(128 + number))  # as python -m app does before anything else

from app import entry
from app.config import Config, Problem

entry.WORKER = "worker"
entry.MEET_SECONDS = int(os.environ.get("MEET_SECONDS", "60"))
entry.STOP_SECONDS = int(os.environ.get("STOP_SECONDS", "25"))
config = Config(output=os.environ.get("MOUNT_PATH", "output"))
try:
    meeting = entry.meeting(config, int(os.environ.get("SNOWFLAKE_JOBS_COUNT", "1")))
    code = entry.launch(sys.argv[2:], int(sys.argv[1]), meeting)
except Problem as problem:
    print(problem, file=sys.stderr)
    code = problem.code
sys.exit(code)
"""
