"""Several training processes for real: torchrun's agent, gloo, and a worker that needs nothing but torch."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import torch

from app import entry
from app.config import Config, Problem
from tests import replicas
from tests.support import REPO

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """`start(2, "leave")`: two processes of the worker, told one word; further settings are environment variables."""
    (tmp_path / "worker.py").write_text(replicas.WORKER)
    (tmp_path / "starter.py").write_text(replicas.STARTER)
    started: list[subprocess.Popen[str]] = []

    def start(processes: int, *words: str, **env: object) -> subprocess.Popen[str]:
        command = [sys.executable, "starter.py", str(processes), *words]
        own = {name: str(value) for name, value in env.items()}
        own |= {"PYTHONPATH": f"{REPO}{os.pathsep}{tmp_path}", "MOUNT_PATH": str(tmp_path / "output")}
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("SNOWFLAKE_", "MLRS_"))}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        started.append(subprocess.Popen(command, cwd=tmp_path, env=inherited | own, text=True, **pipes))  # type: ignore[call-overload]
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    said, _ = process.communicate(timeout=240)
    return process.returncode, said


def line(process: subprocess.Popen[str], pattern: str) -> re.Match[str]:
    """The first line that begins so."""
    assert process.stdout
    seen = ""
    for text in process.stdout:
        seen += text
        if found := re.match(pattern, text):
            return found
    raise AssertionError(f"no line {pattern}:\n{seen}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for_listener(port: int) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        with suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.02)
    raise AssertionError(f"nobody listens at {port}")


def two_replicas(start: Start, *words: str, **env: object) -> list[subprocess.Popen[str]]:
    common = {"SNOWFLAKE_JOBS_COUNT": 2, "MLRS_RDZV_PORT": free_port(), **env}
    return [start(1, *words, SNOWFLAKE_JOB_INDEX=index, **common) for index in (1, 0)][::-1]


def test_two_processes_of_one_container_compute_together(start: Start) -> None:
    code, said = ended(start(2, "leave"))
    assert code == 0, said
    assert sorted(re.findall(r"rank=(\d) world=2 sum=3", said)) == ["0", "1"]


def test_the_first_cause_is_the_exit_code_and_not_that_of_the_peers(start: Start) -> None:
    code, said = ended(start(2, "fail", "3"))
    assert code == 3, said
    assert "rank=1 exit_code=3" in said


def test_a_killed_process_ends_all_with_its_signal(start: Start) -> None:
    code, said = ended(start(2, "die"))
    assert code == 137, said
    assert "rank=1 exit_code=137" in said


def test_sigterm_reaches_the_processes_and_their_exit_code_is_kept(start: Start) -> None:
    process = start(2, "stay")
    line(process, "rank=")
    process.send_signal(signal.SIGTERM)
    told = time.monotonic()
    code, said = ended(process)
    assert code == 75, said
    assert time.monotonic() - told < entry.STOP_SECONDS
    assert "Traceback" not in said


def test_processes_that_do_not_leave_in_time_are_killed(start: Start) -> None:
    process = start(2, "deaf", STOP_SECONDS=1)
    line(process, "rank=")
    process.send_signal(signal.SIGTERM)
    code, said = ended(process)
    assert code == 137, said


def test_a_second_ctrl_c_ends_processes_that_do_not_leave(start: Start) -> None:
    process = start(2, "deaf", STOP_SECONDS=600)
    line(process, "rank=")
    process.send_signal(signal.SIGINT)
    line(process, "told")
    process.send_signal(signal.SIGINT)
    code, said = ended(process)
    assert code == 137, said


def test_replicas_meet_at_the_address_that_replica_0_leaves_on_the_volume(start: Start, tmp_path: Path) -> None:
    for index, process in enumerate(two_replicas(start, "leave", SNOWFLAKE_SERVICE_NAME="TRAIN_1")):
        code, said = ended(process)
        assert code == 0, said
        assert f"rank={index} world=2 sum=3" in said
    assert socket.inet_aton((tmp_path / "output" / "rendezvous" / "train_1.txt").read_text())


def test_a_replica_that_fails_ends_the_other_within_seconds(start: Start) -> None:
    first, second = two_replicas(start, "fail", "2", MLRS_HEAD_IP="127.0.0.1")
    code, said = ended(second)
    assert code == 2, said
    gone = time.monotonic()
    code, said = ended(first)
    assert code == 1, said
    assert re.search("Connection (closed|reset) by peer", said)
    assert time.monotonic() - gone < 15


@pytest.mark.parametrize("lost", [0, 1])
def test_a_replica_that_is_lost_ends_the_other_within_seconds(start: Start, lost: int) -> None:
    """As with its machine: launcher and process at once, with nobody left to say so. Replica 0 holds the meeting."""
    both = two_replicas(start, "stay", MLRS_HEAD_IP="127.0.0.1")
    workers = [int(line(process, r"rank=\d world=2 sum=3 pid=(\d+)")[1]) for process in both]
    for pid in (both[lost].pid, workers[lost]):
        os.kill(pid, signal.SIGKILL)
    gone = time.monotonic()
    code, said = ended(both[1 - lost])
    assert code == 1, said
    assert time.monotonic() - gone < 15


def test_sigterm_to_one_replica_makes_all_leave_with_75(start: Start) -> None:
    both = two_replicas(start, "stay", MLRS_HEAD_IP="127.0.0.1")
    for process in both:
        line(process, "rank=")
    both[1].send_signal(signal.SIGTERM)
    assert [ended(process)[0] for process in both] == [75, 75]


def test_sigterm_before_the_others_are_there_ends_at_once(start: Start) -> None:
    port = free_port()
    alone = start(1, "leave", SNOWFLAKE_JOB_INDEX=0, SNOWFLAKE_JOBS_COUNT=2, MLRS_RDZV_PORT=port)
    line(alone, "replica=0")
    wait_for_listener(port)
    alone.send_signal(signal.SIGTERM)
    assert alone.wait(timeout=120) == 143


def test_replicas_that_do_not_meet_say_so(start: Start) -> None:
    alone = start(1, "leave", SNOWFLAKE_JOB_INDEX=1, SNOWFLAKE_JOBS_COUNT=2, MLRS_HEAD_IP="127.0.0.1",
                  MLRS_RDZV_PORT=free_port(), MEET_SECONDS=2)  # fmt: skip
    code, said = ended(alone)
    assert code == 1, said
    assert "error: the 2 replicas did not meet at 127.0.0.1:" in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("failures", "expected"),
    [
        ([(0, 1, 10), (1, 3, 10)], (1, 3)),
        ([(0, 1, 10), (1, -9, 10)], (1, 137)),
        ([(0, 1, 10), (1, 3, 15)], (1, 3)),
        ([(0, -9, 40), (1, 1, 10)], (1, 1)),
        ([(0, 75, 10), (1, 75, 11)], (0, 75)),
        ([(0, 75, 10), (1, 1, 11)], (1, 1)),
        ([(0, -15, 10), (1, 75, 10)], (1, 75)),
        ([(0, 143, 10), (1, 2, 10)], (1, 2)),
        ([(0, 143, 10), (1, 143, 11)], (0, 143)),
    ],
)
def test_the_blame_is_on_the_rank_that_says_most(failures: list[tuple[int, int, int]], expected: object) -> None:
    assert entry.blamed(failures) == expected


def test_a_gpu_is_not_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    """NCCL refuses that, with a page of text."""
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(Problem, match="--processes is 2, and each needs a GPU of its own: there is 1"):
        entry.main(["--processes", "2"])


def test_the_address_is_waited_for_a_bounded_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SNOWFLAKE_HOST", raising=False)
    monkeypatch.setattr(entry, "MEET_SECONDS", 0.1)
    with pytest.raises(Problem, match="no address of replica 0") as caught:
        entry.head_address(Config(output=str(tmp_path)), 1)
    assert caught.value.code == 1


def test_it_is_asked_for_at_first_often_and_then_every_5_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    slept, answers = list[float](), iter([None] * 6 + ["10.0.0.7"])
    monkeypatch.setattr(time, "sleep", slept.append)
    assert entry.awaited(lambda: next(answers)) == "10.0.0.7"
    assert slept == [0.5, 1, 2, 4, 5, 5]


def test_the_address_on_the_volume_is_written_as_a_stage_allows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Removed and made anew: an earlier attempt of the service may have left one, and nothing is overwritten there."""
    for name in ("SNOWFLAKE_HOST", "MLRS_HEAD_IP", "SNOWFLAKE_SERVICE_NAME"):
        monkeypatch.delenv(name, raising=False)
    file = tmp_path / "rendezvous" / "job.txt"
    file.parent.mkdir()
    file.write_text("10.9.9.9")
    before = os.open(file, os.O_RDONLY)
    own = entry.head_address(Config(output=str(tmp_path)), 0)
    assert file.read_text() == own
    assert os.read(before, 100) == b"10.9.9.9"
    os.close(before)


@pytest.mark.parametrize(("address", "interface"), [("10.0.0.7", "eth0"), ("127.0.0.1", "lo")])
def test_gloo_and_nccl_are_bound_to_the_interface(
    monkeypatch: pytest.MonkeyPatch, address: str, interface: str
) -> None:
    monkeypatch.setattr(socket, "if_nameindex", lambda: [(1, "lo"), (2, "eth0")])
    for name in ("GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME"):
        monkeypatch.setenv(name, "")  # put back what was there, afterwards
        monkeypatch.delenv(name)
    monkeypatch.setenv("MLRS_HEAD_IP", address)
    monkeypatch.setenv("SNOWFLAKE_JOB_INDEX", "1")
    where = entry.meeting(Config(), 2)
    assert (where.master_addr, where.rank, where.world_size) == (address, 1, 2)
    assert [os.environ[f"{name}_SOCKET_IFNAME"] for name in ("GLOO", "NCCL")] == [interface, interface]
