"""What a statement of the set-up is about, and where what is there is not what it says."""

from __future__ import annotations

import pytest

from spcs.account import objects
from spcs.account.objects import Object

POOL = (
    "CREATE COMPUTE POOL IF NOT EXISTS pool\n  MIN_NODES = 1 MAX_NODES = 2 INSTANCE_FAMILY = CPU_X64_S\n"
    "  AUTO_RESUME = TRUE AUTO_SUSPEND_SECS = 300\n  COMMENT = 'made by inv setup'"
)
STAGE = "CREATE STAGE IF NOT EXISTS runs DIRECTORY = ( ENABLE = TRUE ) ENCRYPTION = ( TYPE = 'SNOWFLAKE_SSE' )"
THERE = {"name": "POOL", "min_nodes": 1, "max_nodes": "2", "instance_family": "CPU_X64_S", "auto_suspend_secs": 300}


@pytest.mark.parametrize(
    ("statement", "kind", "name", "stored"),
    [
        ("CREATE ROLE IF NOT EXISTS r COMMENT = 'x'", "ROLE", "r", "R"),
        ('CREATE SCHEMA IF NOT EXISTS db."My Schema"', "SCHEMA", 'db."My Schema"', "My Schema"),
        ('CREATE STAGE IF NOT EXISTS "TABLE"', "STAGE", '"TABLE"', "TABLE"),
        ("create image\n repository if not exists i", "IMAGE REPOSITORY", "i", "I"),
    ],
)
def test_the_object_that_a_statement_creates(statement: str, kind: str, name: str, stored: str) -> None:
    made = objects.created(statement)
    assert made
    assert (made.kind, made.name, made.stored) == (kind, name, stored)


@pytest.mark.parametrize("statement", ["USE ROLE r", "GRANT USAGE ON WAREHOUSE w TO ROLE r", "CREATE ROLE r"])
def test_other_statements_create_nothing_that_may_exist(statement: str) -> None:
    assert objects.created(statement) is None


def test_the_object_that_a_statement_drops() -> None:
    assert objects.dropped("DROP STAGE IF EXISTS db.s.runs") == Object("STAGE", "db.s.runs")
    assert objects.dropped("ALTER COMPUTE POOL IF EXISTS p STOP ALL") == Object("COMPUTE POOL", "p")
    assert objects.dropped("DROP STAGE runs") is None


def test_the_look_finds_one_name_among_those_that_are_like_it() -> None:
    stage = Object("STAGE", "my_runs")
    assert objects.look(stage, "DB", "S") == "SHOW STAGES LIKE 'MY_RUNS' IN SCHEMA DB.S"
    assert objects.find(stage, [{"name": "MY2RUNS"}, {"name": "MY_RUNS", "type": "INTERNAL"}]) == {
        "name": "MY_RUNS",
        "type": "INTERNAL",
    }
    assert objects.look(Object("SEQUENCE", "s"), "DB", "S") is None


def test_the_look_goes_where_the_name_says() -> None:
    assert objects.look(Object("STAGE", "other.x.runs"), "DB", "S") == "SHOW STAGES LIKE 'RUNS' IN SCHEMA other.x"
    assert objects.look(Object("STAGE", "x.runs"), "DB", "S") == "SHOW STAGES LIKE 'RUNS' IN SCHEMA DB.x"
    assert objects.look(Object("SCHEMA", "other.x"), "DB", "S") == "SHOW SCHEMAS LIKE 'X' IN DATABASE other"


def test_a_pool_as_the_settings_say_differs_in_nothing() -> None:
    pool = objects.created(POOL)
    assert pool
    assert objects.differences(pool, THERE) == []


def test_a_pool_that_differs_is_mended_by_one_statement() -> None:
    pool = objects.created(POOL)
    assert pool
    (found,) = objects.differences(pool, {**THERE, "max_nodes": 5, "auto_suspend_secs": 0})
    assert found.what == "has MAX_NODES 5 and AUTO_SUSPEND_SECS 0, the settings say 2 and 300"
    assert found.fix == "ALTER COMPUTE POOL pool SET MAX_NODES = 2 AUTO_SUSPEND_SECS = 300"


def test_no_statement_is_named_for_what_none_changes() -> None:
    pool, stage = objects.created(POOL), objects.created(STAGE)
    assert pool
    assert stage
    for found in (
        *objects.differences(pool, {**THERE, "instance_family": "GPU_NV_S"}),
        *objects.differences(stage, {"name": "RUNS", "type": "INTERNAL"}),
    ):
        assert "no ALTER changes" in found.fix
    assert objects.differences(stage, {"name": "RUNS", "type": "INTERNAL NO CSE"}) == []
    assert objects.differences(stage, {"name": "RUNS", "type": "a type of another day"}) == []


RULE = "CREATE NETWORK RULE IF NOT EXISTS d.n.hub\n TYPE = HOST_PORT MODE = EGRESS VALUE_LIST = ('a.org', 'b.org:80')"
ACCESS = "CREATE EXTERNAL ACCESS INTEGRATION IF NOT EXISTS x\n  ALLOWED_NETWORK_RULES = (d.n.hub) ENABLED = TRUE"


def test_hosts_of_a_rule_are_compared_whatever_their_order() -> None:
    rule = objects.created(RULE)
    assert rule
    assert objects.details(rule) == "DESCRIBE NETWORK RULE d.n.hub"
    for same in ("b.org:80,a.org:443", "a.org, B.org:80", ""):
        assert objects.differences(rule, {"name": "HUB", "value_list": same}) == []
    (found,) = objects.differences(rule, objects.described([{"name": "HUB", "value_list": "a.org"}]))
    assert found.what == "lets out to a.org, the settings say a.org, b.org:80"
    assert found.fix == "ALTER NETWORK RULE d.n.hub SET VALUE_LIST = ('a.org', 'b.org:80')"


def test_an_integration_is_described_property_by_property() -> None:
    made = objects.created(ACCESS)
    assert made
    rows = [{"property": "ENABLED", "property_value": "false"}]
    rows += [{"property": "ALLOWED_NETWORK_RULES", "property_value": '["D"."N"."OTHER"]'}]
    rules, off = objects.differences(made, objects.described(rows))
    assert rules.what == "takes its hosts from D.N.OTHER, the settings say D.N.HUB"
    assert rules.fix == "ALTER EXTERNAL ACCESS INTEGRATION x SET ALLOWED_NETWORK_RULES = (D.N.HUB)"
    assert (off.what, off.fix) == ("is switched off", "ALTER EXTERNAL ACCESS INTEGRATION x SET ENABLED = TRUE")
    assert objects.differences(made, {"enabled": "true", "allowed_network_rules": "[D.N.HUB]"}) == []


def test_an_answer_tells_what_no_look_could_see() -> None:
    assert objects.was_there([{"status": "R already exists, statement succeeded."}])
    assert not objects.was_there([{"status": "Role R successfully created."}])
