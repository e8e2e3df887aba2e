"""What a run costs, told before and after it, over a connection that is not `local`; and the pool that goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from spcs.config import Settings, Snowflake
from spcs.errors import SettingsProblem
from spcs.project import Project
from spcs.run import receipts
from spcs.run.model import Run, State
from spcs.run.record import End, Record
from spcs.steps import cost
from tests.support import REPO
from tests.wire.desk import FAMILY, POOL, STAGE, Desk, desk

RUN = Run("tiny_20260827_120005_bcdf", "DB", "S", STAGE, connection="mine", pool=POOL)
SETTINGS = {"pool": {"name": POOL, "instance_family": FAMILY, "min_nodes": 1, "max_nodes": 2}}
RECORD = Record(RUN, settings=SETTINGS)
BEGAN = datetime(2026, 8, 27, 12, 0, 5, tzinfo=UTC)
END = End(State.DONE, started=BEGAN, ended=BEGAN + timedelta(hours=2), credits=0.22)


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with desk(tmp_path_factory.mktemp("cost")) as made:
        yield made


@pytest.fixture
def project(at: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project on that account by an entry of connections.toml: so it is as any other, and is billed."""
    (tmp_path / "rates.toml").write_text((REPO / "rates.toml").read_text())
    server = json.loads((at.root / ".local" / "server.json").read_text())
    secret = json.loads((at.root / ".local" / "credentials").read_text())
    entry = {"account": "local", "protocol": "http", "host": server["host"], "port": server["port"], **secret}
    file = tmp_path / "connections.toml"
    file.write_text("[mine]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in entry.items()))
    file.chmod(0o600)
    monkeypatch.setenv("SNOWFLAKE_HOME", str(tmp_path))
    flake = Snowflake(role="ACCOUNTADMIN", database="DB", schema="S", warehouse="WH")
    return Project(tmp_path, Settings(connection="mine", snowflake=flake), dry=False)


def said(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().err


def test_before_a_run_its_cost_an_hour_is_told(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    cost.tell_before(project, RECORD)
    assert said(capsys) == "cost: 0.11 credits an hour (1 node of CPU_X64_S)\n"


def test_and_what_it_costs_if_it_takes_as_long_as_the_last(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    receipts.write(project.root, replace(RECORD, end=END))
    cost.tell_before(project, replace(RECORD, replicas=2))
    assert said(capsys) == (
        "cost: 0.22 credits an hour (2 nodes of CPU_X64_S), about 0.44 if it takes 2 h 0 min, as the last one did\n"
    )


def test_a_limit_is_told_with_the_time_it_lasts(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    held = replace(RECORD, settings={**SETTINGS, "job": {"max_credits": 0.055}})
    cost.tell_before(project, held)
    assert said(capsys).endswith("; it is stopped at 0.055 credits, after 30 min 0 s\n")
    budget = cost.budget(project, held)
    assert budget is not None
    assert (budget.credits, round(budget.seconds)) == (0.055, 1800)


def test_a_rate_that_is_not_known_is_said_and_holds_no_limit(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    unknown = replace(RECORD, settings={"pool": {**SETTINGS["pool"], "instance_family": "GPU_R6K_G1_8"}})
    cost.tell_before(project, unknown)
    assert said(capsys) == "cost: not known, rates.toml has no rate for GPU_R6K_G1_8\n"
    held = replace(unknown, settings={**unknown.settings, "job": {"max_credits": 1.0}})
    with pytest.raises(SettingsProblem, match=r"jobs\.tiny\.max_credits cannot be held") as caught:
        cost.tell_before(project, held)
    assert caught.value.fix.startswith("add GPU_R6K_G1_8 with its credits an hour to rates.toml")


def test_after_a_run_its_cost_and_the_pool_that_goes_on_are_told(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    cost.tell_after(project, replace(RECORD, end=END))
    assert said(capsys) == (
        "cost: about 0.22 credits\n"
        "pool POOL goes on being billed until it has been idle for 1 h 0 min; inv pool --suspend --job tiny ends that\n"
    )


def test_a_pool_that_never_suspends_and_one_that_is_suspended(
    at: Desk, project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    at.account.query(f"ALTER COMPUTE POOL {POOL} SET AUTO_SUSPEND_SECS = 0")
    cost.tell_after(project, RECORD)
    assert "for ever: it does not suspend by itself" in said(capsys)
    at.account.query(f"ALTER COMPUTE POOL {POOL} SUSPEND")
    cost.tell_after(project, RECORD)
    assert said(capsys) == ""


def test_the_local_account_costs_nothing(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    here = Project(project.root, Settings(), dry=False)
    cost.tell_before(here, RECORD)
    cost.tell_after(here, replace(RECORD, end=END))
    assert said(capsys) == ""
