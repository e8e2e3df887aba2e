"""What tests of several training processes share: a worker that needs torch alone, and how the entry starts it."""

from __future__ import annotations

#: Adds up the ranks, then does as it is told: leaves, fails as rank 1, or goes on until one of them gets a SIGTERM, to
#: which it may be deaf.
WORKER = """
import os, signal, sys, time
import torch
import torch.distributed as dist

told = []
signal.signal(signal.SIGTERM, lambda *_: told.append(True))
if "deaf" in sys.argv:
    signal.signal(signal.SIGTERM, lambda *_: print("told", flush=True))
torch.set_num_threads(1)
dist.init_process_group("gloo")
rank, word = dist.get_rank(), sys.argv[1]
total = torch.tensor([rank + 1.0])
dist.all_reduce(total)
print(f"rank={rank} world={dist.get_world_size()} sum={int(total)} pid={os.getpid()} parent={os.getppid()}", flush=True)
try:
    if word == "fail" and rank == 1:
        sys.exit(int(sys.argv[2]))
    if word == "die" and rank == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    while word != "leave":
        flag = torch.tensor([float(len(told))])
        dist.all_reduce(flag)
        if flag:
            dist.barrier()
            sys.exit(75)
        time.sleep(0.02)
finally:
    dist.destroy_process_group()  # without it the process may end with SIGABRT
"""

#: `python starter.py PROCESSES WORD …`: the entry with that worker, in as many replicas as the environment says.
STARTER = """
import os, signal, sys

for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT):
    signal.signal(number, lambda *_: sys.exit(75))  # as python -m app does before anything else

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
