from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from spcs.run.model import ContainerStatus, LogLine, Run, Snapshot, State
from spcs.show import live
from spcs.show.runs import RunView

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)
RUN = Run("train_20261127_115500_bcdf", "DB", "S", "DB.S.RUNS", pool="POOL")


def plain(snapshot: Snapshot, *lines: str, hourly: float | None = None, encoding: str = "utf-8") -> list[str]:
    progress = live.Progress()
    for line in lines:
        progress.take(line)
    shown = live.below(RUN, snapshot, progress, NOON, hourly, encoding)
    return ["  ".join(text for text, _ in line if text) for line in shown]


def running(count: int = 1, minutes: int = 30) -> Snapshot:
    started = NOON - timedelta(minutes=minutes)
    containers = tuple(ContainerStatus(i, "main", "READY", "Running", started=started) for i in range(count))
    return Snapshot(State.RUNNING, containers, created=started - timedelta(minutes=5), pool="POOL")


def test_a_run_that_waits_says_for_how_long_and_for_what() -> None:
    waiting = Snapshot(State.PENDING, created=NOON - timedelta(seconds=72), pool="POOL", waits_for="a node")
    assert plain(waiting) == [f"waiting 1 min 12 s  {RUN.name}  pool POOL", "a node"]


def test_a_training_shows_where_it_is_its_loss_and_its_throughput() -> None:
    lines = [f"step={i} loss={1 / i:.3g} learning_rate=0.001 rows_per_s={12000 + i}" for i in range(1, 5)]
    first, second = plain(running(), "hello", *lines, "epoch=2 step=4 held_out_loss=0.3", hourly=0.5)
    assert first == f"running 30 min 0 s  {RUN.name}  pool POOL  about 0.25 credits"
    assert second == "step 4  epoch 2  loss 0.25 █▃▂▁  12,004 rows/s"


def test_replicas_that_run_are_counted_and_a_rate_that_is_not_known_is_not_guessed() -> None:
    late = ContainerStatus(2, "main", "PENDING", "Waiting to start")
    snapshot = running(2)
    (first,) = plain(Snapshot(State.RUNNING, (*snapshot.containers, late), snapshot.created, pool="POOL"))
    assert first.endswith("pool POOL, 2 of 3 replicas")


@pytest.mark.parametrize(
    ("values", "drawn"), [((), ""), ((1.0,), ""), ((1.0, 1.0), "▁▁"), ((0.0, 1.0), "▁█"), ((3.0, 2.0, 1.0), "█▅▁")]
)
def test_a_line_of_blocks_goes_from_the_lowest_to_the_highest(values: tuple[float, ...], drawn: str) -> None:
    assert live.spark(values) == drawn


def test_a_terminal_without_blocks_gets_the_number_alone() -> None:
    (_, second) = plain(running(), "step=1 loss=2", "step=2 loss=1", encoding="ascii")
    assert second == "step 2  loss 1"


def test_only_the_last_values_are_kept_and_what_is_no_number_is_left_out() -> None:
    progress = live.Progress()
    for i in range(100):
        progress.take(f"step={i} loss={i}")
    progress.take("step=100 loss=nan")
    name, values = progress.main
    assert (name, len(values), values[-1], progress.places["step"]) == ("loss", 30, 99.0, 100.0)


def test_elsewhere_than_on_a_terminal_the_view_is_plain(capsys: pytest.CaptureFixture[str]) -> None:
    with live.run_view(RUN) as view:
        assert type(view) is RunView
        view.line(LogLine(0, 0, "main", "step=1 loss=2"))
    assert capsys.readouterr().out == "step=1 loss=2\n"
