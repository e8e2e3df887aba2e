"""The account's objects in SQL, made and dropped: every name as Snowflake takes it, whatever it is."""

from __future__ import annotations

from typing import Any

import pytest

from spcs.account import objects, quoting
from spcs.account.script import statements
from spcs.config import ComputePool, Job, JobSecret, Settings, Snowflake
from spcs.errors import SettingsProblem
from spcs.project import Project
from spcs.steps.account import YOUR_USER, setup_sql
from spcs.steps.survey import Step, to_send
from spcs.steps.teardown import Wanted, teardown_sql
from tests.support import REPO


def text(user: str = YOUR_USER, **names: str) -> str:
    return setup_sql(Project(REPO, Settings(snowflake=Snowflake(**names)), dry=True), "", user, admin=True)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("user", "written"), [("JANE", "JANE"), ("JANE.DOE@CORP.COM", '"JANE.DOE@CORP.COM"'), ("jane", '"jane"')]
)
def test_the_user_of_the_session_is_granted_the_role_by_its_exact_name(user: str, written: str) -> None:
    assert f"GRANT ROLE TRAINING_ROLE TO USER {written};" in text(quoting.as_given(user))


def test_who_reads_the_text_puts_a_user_there() -> None:
    assert "GRANT ROLE TRAINING_ROLE TO USER <your user>;" in text()


@pytest.mark.parametrize("key", ["admin_role", "role", "warehouse", "stage"])
def test_a_reserved_word_is_quoted_wherever_it_stands(key: str) -> None:
    lines = [line for line in text(**{key: "TABLE"}).splitlines() if not line.startswith("--")]
    assert '"TABLE"' in "\n".join(lines)
    assert not [line for line in lines if " TABLE" in line]


@pytest.mark.parametrize("names", [{"compute_pool": ComputePool("TABLE")}, {"database": "TABLE"}, {"schema": "TABLE"},
                                   {"image_repository": "TABLE"}])  # fmt: skip
def test_a_reserved_word_is_refused_where_a_job_needs_a_name_without_quotes(names: dict[str, Any]) -> None:
    with pytest.raises(SettingsProblem, match="'TABLE' cannot be part of the name"):
        text(**names)


HUB = Job(
    network=("huggingface.co", "example.org:8443"),
    secrets=(JobSecret("HUB_TOKEN", env="HF_TOKEN"), JobSecret("OTHERS.S.LOGIN", mount="/login", key="password")),
)
ACCESS = "TRAINING_DB_TRAINING_HUB_ACCESS"


def up(**settings: Any) -> list[str]:
    return statements(setup_sql(Project(REPO, Settings(**settings), dry=True), "hub", "ME", admin=True))


def test_hosts_become_a_rule_and_an_integration_that_the_role_may_use_and_not_change() -> None:
    made = up(jobs={"hub": HUB})
    handed_over = made.index("GRANT OWNERSHIP ON DATABASE TRAINING_DB TO ROLE TRAINING_ROLE COPY CURRENT GRANTS")
    assert made[handed_over - 1] == "GRANT USAGE, CREATE SCHEMA, MODIFY ON DATABASE TRAINING_DB TO ROLE ACCOUNTADMIN"
    (rule,) = (each for each in made if each.startswith("CREATE NETWORK RULE"))
    assert " ".join(rule.split()).startswith(
        "CREATE NETWORK RULE IF NOT EXISTS TRAINING_DB.TRAINING_NETWORK.HUB TYPE = HOST_PORT MODE = EGRESS"
        " VALUE_LIST = ('huggingface.co', 'example.org:8443') COMMENT"
    )
    (integration,) = (each for each in made if each.startswith("CREATE EXTERNAL"))
    assert "ALLOWED_NETWORK_RULES = (TRAINING_DB.TRAINING_NETWORK.HUB) ENABLED = TRUE" in integration
    assert f"GRANT USAGE ON INTEGRATION {ACCESS} TO ROLE TRAINING_ROLE" in made
    assert made.index(integration) < made.index("USE ROLE TRAINING_ROLE")
    assert not [each for each in made if "OWNERSHIP" in each and "DATABASE" not in each]


def test_a_job_that_names_no_hosts_needs_nothing_of_it() -> None:
    assert not [each for each in up(jobs={"hub": Job()}) if "NETWORK" in each or "EXTERNAL" in each or "MODIFY" in each]


def test_a_secret_is_made_without_its_value_and_that_of_others_is_left_alone() -> None:
    made = [each for each in up(jobs={"hub": HUB}) if "SECRET" in each]
    assert [" ".join(each.split()) for each in made] == [
        "CREATE SECRET IF NOT EXISTS HUB_TOKEN TYPE = GENERIC_STRING SECRET_STRING = ? COMMENT = 'made by inv setup'"
    ]


def test_events_are_recorded_from_the_level_that_was_asked_for() -> None:
    made = up(jobs={"hub": Job()}, snowflake=Snowflake(log_event_level="ERROR"))
    assert "ALTER DATABASE TRAINING_DB SET LOG_EVENT_LEVEL = ERROR" in made
    assert not [each for each in up(jobs={"hub": Job()}) if "LOG_EVENT_LEVEL" in each]


def test_what_was_made_for_the_network_goes_before_the_database_that_holds_it() -> None:
    gone = statements(down(Wanted(admin=True), jobs={"hub": HUB}))
    assert gone[:4] == [
        "USE ROLE ACCOUNTADMIN",
        f"DROP INTEGRATION IF EXISTS {ACCESS}",
        "DROP NETWORK RULE IF EXISTS TRAINING_DB.TRAINING_NETWORK.HUB",
        "DROP SCHEMA IF EXISTS TRAINING_DB.TRAINING_NETWORK",
    ]
    assert "DROP SECRET IF EXISTS TRAINING_DB.TRAINING.HUB_TOKEN" in gone
    assert "LOGIN" not in "\n".join(gone)
    kept = down(Wanted(keep_data=True), jobs={"hub": HUB})
    assert "SECRET" not in kept
    assert "NETWORK" not in kept


KEYS = ("admin_role", "role", "database", "schema", "warehouse", "image_repository", "stage")
SHARED = "SNOWSERVICES_INGRESS_OAUTH"


def down(wanted: Wanted, *runs: str, **settings: object) -> str:
    return teardown_sql(Project(REPO, Settings(**settings), dry=True), wanted, runs)  # type: ignore[arg-type]


@pytest.mark.parametrize("key", KEYS)
def test_a_reserved_word_is_quoted_where_it_is_dropped(key: str) -> None:
    sql = down(Wanted(admin=True), snowflake=Snowflake(**{key: "TABLE"}))  # type: ignore[arg-type]
    lines = [line for line in sql.splitlines() if not line.startswith(("--", "DROP TABLE"))]
    assert '"TABLE"' in "\n".join(lines)
    assert not [line for line in lines if " TABLE" in line]


def test_what_is_made_is_dropped_in_reverse_order_but_for_what_all_share() -> None:
    made = [thing for each in statements(text()) if (thing := objects.created(each)) and thing.name != SHARED]
    mine = [each for each in statements(down(Wanted("train", admin=True))) if each.startswith("DROP")]
    gone = [thing for each in mine if (thing := objects.dropped(each)) and thing.kind != "TABLE"]
    names = {(thing.kind.removeprefix("EXTERNAL ACCESS "), thing.stored) for thing in made}
    assert {(thing.kind, thing.stored) for thing in gone} == names
    order = [thing.kind for thing in gone]
    assert order.index("STAGE") < order.index("SCHEMA") < order.index("DATABASE") < order.index("ROLE")


def test_only_admin_drops_what_an_administrator_made() -> None:
    sql = down(Wanted(), "TRAIN_20260101_000000_BCDF")
    assert "DROP SERVICE IF EXISTS TRAINING_DB.TRAINING.TRAIN_20260101_000000_BCDF;" in sql
    for kind in ("DATABASE", "WAREHOUSE", "COMPUTE POOL", "ROLE"):
        assert f"DROP {kind}" not in sql


def test_data_is_kept_with_all_that_it_needs() -> None:
    sql = down(Wanted(admin=True, keep_data=True))
    assert "DROP COMPUTE POOL" in sql
    for kind in ("TABLE", "STAGE", "SCHEMA", "DATABASE", "ROLE"):
        assert f"DROP {kind}" not in sql
    assert "DROP SERVICE" not in down(Wanted(keep_data=True), "TRAIN_20260101_000000_BCDF")


def test_pools_of_all_jobs_go_once_unless_one_is_named() -> None:
    jobs = {"train": Job(), "gpu": Job(compute_pool=ComputePool("GPUS")), "more": Job(compute_pool=ComputePool("GPUS"))}
    every, one = down(Wanted(admin=True), jobs=jobs), down(Wanted("gpu", admin=True), jobs=jobs)
    assert (every.count("DROP COMPUTE POOL"), one.count("DROP COMPUTE POOL")) == (2, 1)
    assert "ALTER COMPUTE POOL IF EXISTS GPUS STOP ALL;\nDROP COMPUTE POOL IF EXISTS GPUS;" in one


def test_sent_is_what_drops_something_after_its_role() -> None:
    stage, pool = objects.Object("STAGE", "S"), objects.Object("COMPUTE POOL", "P")
    steps = [
        Step("USE ROLE R"),
        Step("DROP STAGE S", stage),
        Step("DROP STAGE T", stage, there=False),
        Step("USE ROLE ADMIN"),
        Step("DROP POOL P", pool, stays="others use it"),
    ]
    assert to_send(steps) == ["USE ROLE R", "DROP STAGE S"]


def test_what_a_template_of_the_users_says_besides_is_sent_too() -> None:
    steps = [Step("USE ROLE R"), Step("USE DATABASE D"), Step("REVOKE ROLE R FROM ROLE X")]
    assert to_send(steps) == [step.statement for step in steps]


def test_the_command_to_type_has_the_words_that_were_typed() -> None:
    assert Wanted().command == "inv teardown"
    assert Wanted("gpu", admin=True, keep_data=True).command == "inv teardown --job gpu --admin --keep-data"
