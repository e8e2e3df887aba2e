"""Checks of the account, against a local one through the real connector."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from spcs import doctor
from spcs.account import Account, resolve
from spcs.config import ComputePool, Job, JobSecret, Settings, Snowflake
from spcs.doctor import Ground, NotChecked
from spcs.errors import NotReady
from spcs.image.receipts import Receipt, write
from tests.accounts import LocalAccount, local_account
from tests.unit.doctor.conftest import SPEC

Make = Callable[..., Ground]
GRANTS = (
    "CREATE ROLE IF NOT EXISTS R",
    "GRANT ROLE R TO USER LOCAL",
    "GRANT USAGE ON DATABASE DB TO ROLE R",
    "GRANT USAGE, CREATE SERVICE ON SCHEMA DB.S TO ROLE R",
    "GRANT USAGE ON WAREHOUSE W TO ROLE R",
    "GRANT USAGE ON COMPUTE POOL MACHINES TO ROLE R",
    "GRANT READ, WRITE ON STAGE DB.S.RUNS TO ROLE R",
    "GRANT READ, WRITE ON IMAGE REPOSITORY DB.S.IMAGES TO ROLE R",
)
FLAKE = Snowflake(role="R", database="DB", schema="S", warehouse="W", compute_pool=ComputePool(name="MACHINES"))
PUBLIC = SPEC + "  endpoints:\n  - {name: e, port: 80, public: true}\n"


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAccount]:
    """An account in which a role R may do all that a run needs."""
    with local_account(tmp_path_factory.mktemp("doctor"), "process") as account:
        account.query("CREATE WAREHOUSE IF NOT EXISTS W")
        account.query("CREATE COMPUTE POOL MACHINES MIN_NODES = 1 MAX_NODES = 1 INSTANCE_FAMILY = CPU_X64_S")
        for statement in GRANTS:
            account.query(statement)
        yield account


@pytest.fixture
def at(ground: Make, there: LocalAccount, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """`at(…)`: a Ground in that account, in the role R unless `snowflake` says otherwise."""
    monkeypatch.setenv("SPCS_LOCAL_ROOT", str(there.root))
    opened = Account(resolve("local", there.root.parent), name="local")

    def make(snowflake: Snowflake = FLAKE, **named: Any) -> Ground:
        made = ground(opened=opened, settings=Settings(snowflake=snowflake), pool=snowflake.compute_pool, **named)
        doctor.role.look(made)
        return made

    yield make
    opened.close()


def other(**names: Any) -> Snowflake:
    return replace(FLAKE, **names)


def test_login_and_role(at: Make) -> None:
    assert doctor.login.look(at()).message == "logged in as LOCAL, role R"
    assert doctor.role.look(at()).status == "ok"
    missing = doctor.role.look(at(other(role="NOBODY")))
    assert (missing.status, missing.fix) == ("fail", "inv setup")
    assert "NOBODY" in missing.message


def test_a_role_that_may_do_everything_is_warned_of(at: Make) -> None:
    assert doctor.role.look(at(other(role="ACCOUNTADMIN"))).status == "warn"


LOOKS = {
    "schema": "schema",
    "warehouse": "warehouse",
    "image_repository": "repository",
    "stage": "stage",
}


@pytest.mark.parametrize(("setting", "check"), LOOKS.items())
def test_an_object_that_is_there_and_one_that_is_not(at: Make, setting: str, check: str) -> None:
    look = getattr(doctor, check).look
    assert look(at()).status == "ok"
    found = look(at(other(**{setting: "OTHER"})))
    assert (found.status, found.fix, "OTHER" in found.message) == ("fail", "inv setup", True)


def test_a_database_that_is_not_there(at: Make) -> None:
    with pytest.raises(NotReady, match="OTHER"):
        doctor.schema.look(at(other(database="OTHER")))


def test_like_takes_an_underscore_for_any_letter_and_a_name_does_not(at: Make, there: LocalAccount) -> None:
    there.query("CREATE WAREHOUSE IF NOT EXISTS AXB")
    assert doctor.warehouse.look(at(other(warehouse="A_B"))).status == "fail"


def test_the_warehouse_of_a_job(at: Make) -> None:
    found = doctor.warehouse.look(at(job=Job(query_warehouse="OTHER")))
    assert (found.status, found.fix) == ("fail", "mend jobs.train.query_warehouse in invoke.yaml")


def test_every_grant_is_there(at: Make) -> None:
    assert doctor.grants.look(at()).status == "ok"
    assert doctor.grants.look(at(other(role="ACCOUNTADMIN"))).status == "ok", "an owner needs no grants"


@pytest.mark.parametrize(
    ("grant", "said"),
    [
        (
            "CREATE SERVICE ON SCHEMA DB.S",
            "on schema DB.S: 'Insufficient privileges to operate on schema",
        ),
        ("READ ON IMAGE REPOSITORY DB.S.IMAGES", "R lacks READ on image repository DB.S.IMAGES"),
        ("WRITE ON STAGE DB.S.RUNS", "R lacks WRITE on stage DB.S.RUNS"),
        ("USAGE ON COMPUTE POOL MACHINES", "R lacks USAGE on compute pool MACHINES"),
        ("USAGE ON WAREHOUSE W", "R lacks USAGE on warehouse W"),
    ],
)
def test_a_grant_that_is_missing(at: Make, there: LocalAccount, grant: str, said: str) -> None:
    there.query(f"REVOKE {grant} FROM ROLE R")
    found = doctor.grants.look(at())
    there.query(f"GRANT {grant} TO ROLE R")
    assert (found.status, said in found.message) == ("fail", True), found
    assert found.fix.startswith("inv setup, or ")
    assert f"\nGRANT {grant} TO ROLE R;" in found.fix


def test_a_grant_by_way_of_another_role_and_of_public(at: Make, there: LocalAccount) -> None:
    for statement in (
        "CREATE ROLE IF NOT EXISTS LOWER_ROLE",
        "GRANT ROLE LOWER_ROLE TO ROLE R",
        "REVOKE USAGE ON WAREHOUSE W FROM ROLE R",
        "REVOKE USAGE ON DATABASE DB FROM ROLE R",
        "GRANT USAGE ON WAREHOUSE W TO ROLE LOWER_ROLE",
        "GRANT USAGE ON DATABASE DB TO ROLE PUBLIC",
    ):
        there.query(statement)
    found = doctor.grants.look(at())
    for statement in GRANTS:
        there.query(statement)
    assert found.status == "ok", found


def test_grants_for_what_the_job_names(at: Make) -> None:
    job = Job(external_access_integrations=("HUB",))
    secret = SPEC.replace("    resources", "    secrets: [{snowflakeSecret: TOKEN, directoryPath: /t}]\n    resources")
    found = doctor.grants.look(at(job=job, spec=secret))
    assert "USAGE on integration HUB, READ on secret DB.S.TOKEN" in found.message
    public = doctor.grants.look(at(spec=PUBLIC))
    assert "\nGRANT BIND SERVICE ENDPOINT ON ACCOUNT TO ROLE R;" in public.fix
    stage = doctor.grants.look(at(spec=SPEC + '  - {name: more, source: stage, stageConfig: {name: "@MORE"}}\n'))
    assert stage.message.startswith("R lacks READ on stage DB.S.MORE")


def test_a_pool_that_is_there_is_dropped_and_is_suspended(at: Make, there: LocalAccount) -> None:
    assert doctor.pool.look(at()).message == "MACHINES is idle, 1 to 1 nodes of CPU_X64_S"
    there.query("ALTER COMPUTE POOL MACHINES SUSPEND")
    suspended = doctor.pool.look(at())
    there.query("ALTER COMPUTE POOL MACHINES RESUME")
    assert (suspended.status, suspended.fix) == ("warn", "")
    gone = doctor.pool.look(at(other(compute_pool=ComputePool(name="GONE"))))
    assert (gone.status, gone.fix) == ("fail", "inv setup")


def test_the_systems_own_pools_take_no_jobs(at: Make, there: LocalAccount) -> None:
    there.query("CREATE COMPUTE POOL IF NOT EXISTS SYSTEM_COMPUTE_POOL_CPU INSTANCE_FAMILY = CPU_X64_S")
    assert doctor.pool.look(at(other(compute_pool=ComputePool(name="SYSTEM_COMPUTE_POOL_CPU")))).status == "fail"


def test_family(at: Make) -> None:
    assert doctor.family.look(at()).status == "ok"
    assert doctor.family.look(at(other(compute_pool=ComputePool("MACHINES", "CPU_X64_M")))).status == "warn"
    arm = doctor.family.look(at(other(compute_pool=ComputePool("MACHINES", "GEN_ARM_G1_4"))))
    assert (arm.status, "linux/arm64, not amd64" in arm.message) == ("fail", True)
    assert "DROP COMPUTE POOL MACHINES, then inv setup" in arm.fix


def test_capacity_is_that_of_the_pool_that_is_there(at: Make) -> None:
    found = doctor.capacity.look(at(other(compute_pool=ComputePool("MACHINES", "CPU_X64_M"))))
    assert "a node of CPU_X64_S holds the job" in found.message
    later = doctor.capacity.look(at(other(compute_pool=ComputePool("GONE", "CPU_X64_M"))))
    assert "a node of CPU_X64_M holds the job" in later.message


def test_the_registry_takes_the_token_and_the_session_ends(at: Make) -> None:
    made = at()
    assert doctor.registry.look(made).status == "ok"
    assert isinstance(made.opened, Account)
    assert not made.opened._stays


@pytest.mark.parametrize("host", ["127.0.0.1:1", "nowhere.invalid"])
def test_a_registry_that_cannot_be_reached(at: Make, monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setattr(doctor.registry, "url_of", lambda ground: f"{host}/db/s/images")
    found = doctor.registry.look(at())
    assert (found.status, host in found.message, bool(found.fix)) == ("fail", True, True)


def test_the_stage_is_tried_and_left_as_it_was(at: Make, there: LocalAccount) -> None:
    before = there.query("LIST @DB.S.RUNS")
    assert doctor.stage.look(at()).status == "ok"
    assert there.query("LIST @DB.S.RUNS") == before


def test_image(at: Make, tmp_path: Path) -> None:
    missing = doctor.image.look(at())
    assert (missing.status, missing.fix) == ("fail", "inv build push")
    path, digest = "/db/s/images/training:1", f"sha256:{'a' * 64}"
    write(tmp_path / ".spcs", Receipt("train", f"host{path}", "", "", digest=digest))
    assert doctor.image.look(at()).status == "fail", "a receipt is no image"
    judge = doctor.image.judge
    assert judge("train", path, digest, digest, "inv build push").status == "ok"
    assert judge("train", path, digest, "", "inv build push").status == "ok"
    assert judge("train", path, digest, f"sha256:{'b' * 64}", "inv build push").status == "warn"


def test_data(at: Make, there: LocalAccount) -> None:
    named = Job(args=("--data", "db.s.digits"))
    with pytest.raises(NotChecked):
        doctor.data.look(at())
    found = doctor.data.look(at(job=named))
    assert (found.status, found.fix) == ("fail", "inv data")
    there.query("CREATE TABLE DB.S.DIGITS (N NUMBER)")
    assert doctor.data.look(at(job=named)).status == "ok"


def test_secrets_and_integrations(at: Make, there: LocalAccount) -> None:
    assert doctor.secrets.look(at()).message == doctor.integrations.look(at()).message == "the job names none"
    named = Job(external_access_integrations=("HUB",))
    ours = Job(network=("a.org",), secrets=(JobSecret("TOKEN", mount="/t"),))
    spec = SPEC.replace("    resources", "    secrets: [{snowflakeSecret: TOKEN, directoryPath: /t}]\n    resources")
    assert "GRANT USAGE ON INTEGRATION HUB TO ROLE R" in doctor.integrations.look(at(job=named)).fix
    assert doctor.integrations.look(at(job=ours)).fix == "inv setup"
    assert doctor.secrets.look(at(job=ours, spec=spec)).fix == "inv setup, which asks for its value"
    for statement in (
        "CREATE NETWORK RULE DB.S.HUB TYPE = HOST_PORT MODE = EGRESS VALUE_LIST = ('a.org')",
        "CREATE EXTERNAL ACCESS INTEGRATION HUB ALLOWED_NETWORK_RULES = (DB.S.HUB) ENABLED = TRUE",
        "CREATE EXTERNAL ACCESS INTEGRATION DB_S_TRAIN_ACCESS ALLOWED_NETWORK_RULES = (DB.S.HUB) ENABLED = FALSE",
        "CREATE SECRET DB.S.TOKEN TYPE = GENERIC_STRING SECRET_STRING = 'x'",
    ):
        there.query(statement)
    assert doctor.integrations.look(at(job=named)).message == "there are HUB"
    assert doctor.integrations.look(at(job=ours)).message == "DB_S_TRAIN_ACCESS is switched off"
    assert doctor.secrets.look(at(job=ours, spec=spec)).message == "there are DB.S.TOKEN"
