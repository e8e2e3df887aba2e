from __future__ import annotations

import dataclasses
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from spcs.errors import SettingsProblem
from spcs.run import cost
from spcs.run.model import Run, State
from spcs.run.record import End, Record
from spcs.spec import FAMILIES
from tests.support import REPO

RUN = Run("train_20260827_120005_bcdf", "DB", "S", "DB.S.RUNS", connection="mine")
POOL = {"name": "P", "instance_family": "GPU_NV_S", "min_nodes": 1, "max_nodes": 2}
RECORD = Record(RUN, replicas=2, settings={"pool": POOL, "job": {"max_credits": 0.57}})
BEGAN = datetime(2026, 8, 27, 12, 0, 5, tzinfo=UTC)
END = End(State.DONE, started=BEGAN, ended=BEGAN + timedelta(minutes=30))


def test_the_rates_of_the_repository_say_whose_and_of_when() -> None:
    known = cost.rates(REPO)
    assert "Consumption Table" in known.source
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", known.date)
    assert set(known.credits) <= set(FAMILIES)
    assert known.of("cpu_x64_s") == 0.11
    assert all(0.05 < rate < 20 for rate in known.credits.values())


def test_what_has_no_rate_has_no_cost(tmp_path: Path) -> None:
    known = cost.rates(REPO)
    assert known.of("GPU_R6K_G1_8") is None
    tariff = cost.tariff(known, {"instance_family": "GPU_R6K_G1_8"}, 1)
    assert (tariff.hourly, tariff.credits(3600), tariff.seconds(1)) == (None, None, None)
    assert cost.rates(tmp_path).credits == {}, "a project may have no such file"


@pytest.mark.parametrize(
    ("least", "most", "replicas", "nodes"), [(1, 1, 1, 1), (0, 4, 1, 1), (1, 4, 3, 3), (1, 2, 8, 2), (3, 4, 1, 3)]
)
def test_a_run_costs_the_nodes_of_its_replicas(least: int, most: int, replicas: int, nodes: int) -> None:
    pool = {"instance_family": "CPU_X64_S", "min_nodes": least, "max_nodes": most}
    assert cost.tariff(cost.rates(REPO), pool, replicas).nodes == nodes


def test_nodes_times_rate_times_time() -> None:
    tariff = cost.of_record(cost.rates(REPO), RECORD)
    assert (tariff.nodes, tariff.hourly) == (2, 1.14)
    assert tariff.credits(1800) == pytest.approx(0.57)
    assert tariff.seconds(0.57) == pytest.approx(1800)
    assert cost.limit(RECORD) == 0.57
    assert cost.limit(Record(RUN)) is None


def test_a_run_that_has_ended_has_cost_the_time_that_it_ran() -> None:
    assert cost.spent(REPO, RECORD, END) == pytest.approx(0.57)
    assert cost.spent(REPO, RECORD, dataclasses.replace(END, started=None)) is None
    local = dataclasses.replace(RECORD, run=dataclasses.replace(RUN, connection="local"))
    assert cost.spent(REPO, local, END) is None, "the local account bills nothing"


@pytest.mark.parametrize(
    "text", ["x", "[credits_per_hour]\nCPU_X64_S = 'much'", "[rates]\nCPU_X64_S = 1", "credits_per_hour = 3"]
)
def test_a_file_that_cannot_be_read_is_said(tmp_path: Path, text: str) -> None:
    (tmp_path / cost.FILE).write_text(text)
    with pytest.raises(SettingsProblem, match=cost.FILE):
        cost.rates(tmp_path)
    assert cost.spent(tmp_path, RECORD, END) is None, "a run that has ended is told all the same"
