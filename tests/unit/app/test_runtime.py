from __future__ import annotations

import math
import os
import signal
from pathlib import Path

import pytest
import torch

from app import runtime
from app.config import Config, Problem
from app.runtime import Stop, cpus, quota


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("DOT", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    return folder


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"cpuDOTmax": "150000 100000"}, 1.5),
        ({"cpuDOTmax": "max 100000"}, math.inf),
        ({"cpu__cpuDOTcfs_quota_us": "400000", "cpu__cpuDOTcfs_period_us": "100000"}, 4.0),
        ({"cpu__cpuDOTcfs_quota_us": "-1", "cpu__cpuDOTcfs_period_us": "100000"}, math.inf),
        ({}, math.inf),
    ],
)
def test_quota_is_read_from_both_cgroup_versions(tmp_path: Path, files: dict[str, str], expected: float) -> None:
    assert quota(write(tmp_path, **files)) == expected


def test_threads_are_whole_at_least_one_and_no_more_than_there_are(tmp_path: Path) -> None:
    there = len(os.sched_getaffinity(0))
    assert cpus(write(tmp_path / "small", cpuDOTmax="50000 100000")) == 1
    assert cpus(write(tmp_path / "large", cpuDOTmax="99900000 100000")) == there
    assert cpus(tmp_path / "absent") == there


def test_a_process_alone_is_a_group_of_one() -> None:
    with runtime.join(Config(threads=1)) as group:
        assert (group.rank, group.local_rank, group.world) == (0, 0, 1)
        assert not torch.distributed.is_initialized()
        group.barrier()
        group.expect_promptness()
        numbers = torch.tensor([1.0, 2.0])
        group.share(numbers)
        assert group.reduce([1, 2.5]) == [1, 2.5]
        assert group.gather("mine") == ["mine"]
        assert group.broadcast_object({"a": 1}) == {"a": 1}


def test_joining_sets_threads_and_the_seed_of_the_weights() -> None:
    found = []
    for _ in range(2):
        with runtime.join(Config(threads=1, seed=5)):
            assert torch.get_num_threads() == 1
            found.append(torch.rand(3).tolist())
    assert found[0] == found[1]


def test_deterministic_refuses_what_differs_from_run_to_run() -> None:
    try:
        with runtime.join(Config(threads=1, deterministic=True)):
            assert torch.are_deterministic_algorithms_enabled()
            assert "CUBLAS_WORKSPACE_CONFIG" in os.environ
    finally:
        os.environ.pop("CUBLAS_WORKSPACE_CONFIG", None)
    with runtime.join(Config(threads=1)):
        assert not torch.are_deterministic_algorithms_enabled()


def test_dropout_follows_from_seed_step_and_rank() -> None:
    generators = runtime.generators(torch.device("cpu"))

    def drawn(seed: int, step: int, rank: int) -> list[float]:
        torch.rand(rank + step)  # whatever was drawn before
        runtime.seed(generators, seed, step, rank)
        numbers: list[float] = torch.rand(2).tolist()
        return numbers

    assert drawn(1, 5, 2) == drawn(1, 5, 2)
    assert len({tuple(drawn(*key)) for key in ((1, 5, 2), (1, 5, 3), (1, 6, 2), (2, 5, 2))}) == 4


def test_the_steps_seed_is_what_manual_seed_would_set() -> None:
    runtime.seed(runtime.generators(torch.device("cpu")), 0, 1, 0)
    ours = torch.rand(2).tolist()
    torch.manual_seed(8191)
    assert torch.rand(2).tolist() == ours


@pytest.mark.skipif(torch.accelerator.is_available(), reason="there is an accelerator")
@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_a_device_that_is_not_there_is_refused(device: str) -> None:
    with pytest.raises(Problem, match=f"--device is {device}, and there is none"):
        runtime.choose_device(Config(device=device), 0, 1)


def test_mps_is_for_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda check_available: torch.device("mps"))
    with pytest.raises(Problem, match="--device is mps, which is for one process, and there are 2"):
        runtime.choose_device(Config(device="mps"), 0, 2)
    assert runtime.choose_device(Config(), 0, 2) == torch.device("cpu")


def test_precision_is_only_lowered_by_itself_where_it_is_faster() -> None:
    cpu = torch.device("cpu")
    chosen = [runtime.reduced_precision(Config(precision=word), cpu) for word in ("auto", "fp32", "bf16")]
    assert chosen == [False, False, True]
    assert runtime.peak_flops(cpu, True) is None


def test_the_share_of_a_gpu_is_told_where_its_peak_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "NVIDIA A10G")
    assert runtime.peak_flops(torch.device("cuda", 0), True) == 70e12
    assert runtime.peak_flops(torch.device("cuda", 0), False) is None
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "NVIDIA Something-100")
    assert runtime.peak_flops(torch.device("cuda", 0), True) is None


def test_a_signal_ends_the_process_before_training_and_is_a_flag_later() -> None:
    before = {number: signal.getsignal(number) for number in runtime.SIGNALS}
    try:
        stop = Stop().listen()
        with pytest.raises(SystemExit) as left:
            signal.raise_signal(signal.SIGTERM)
        assert left.value.code == 143
        stop.training = True
        signal.raise_signal(signal.SIGUSR1)
        assert stop.is_set()
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
