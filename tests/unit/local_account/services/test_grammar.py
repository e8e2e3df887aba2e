"""The statements of services, pools and image repositories."""

from __future__ import annotations

from typing import Any

import pytest

from local_account.errors import SqlError
from local_account.parse import parse
from local_account.parse.images import CreateRepository, ShowImages, ShowRepositories
from local_account.parse.names import Name, StagePath
from local_account.parse.pools import AlterPool, CreatePool, ShowFamilies
from local_account.parse.services import (
    DropService,
    ExecuteJob,
    ShowContainers,
    ShowServices,
    SpecSource,
)

SPEC = '$$\nspec:\n  containers: [{name: a, image: "/d/s/r/i:1"}] # it\'s; -- ; fine\n$$'
HEAD = "EXECUTE JOB SERVICE IN COMPUTE POOL p"


def job(text: str) -> ExecuteJob:
    found = parse(text)
    assert isinstance(found, ExecuteJob)
    return found


@pytest.mark.parametrize(
    "clauses",
    [
        f"FROM SPECIFICATION {SPEC} NAME = d.s.j ASYNC = TRUE REPLICAS = 2 QUERY_WAREHOUSE = w COMMENT = 'x'",
        f"NAME = d.s.j ASYNC = TRUE REPLICAS = 2 QUERY_WAREHOUSE = w COMMENT = 'x' FROM SPECIFICATION {SPEC}",
        f"COMMENT='x' NAME=IDENTIFIER('d.s.j') FROM SPECIFICATION {SPEC} REPLICAS='2' ASYNC=true QUERY_WAREHOUSE=w;",
    ],
)
def test_clauses_come_in_any_order_after_the_pool(clauses: str) -> None:
    found = job(f"{HEAD} {clauses}")
    assert (found.pool, found.name) == (Name(("P",)), Name(("D", "S", "J")))
    assert (found.is_async, found.replicas, found.warehouse, found.comment) == (True, 2, Name(("W",)), "x")
    assert found.source.text == SPEC[2:-2]


@pytest.mark.parametrize("word", ["SPECIFICATION_FILE", "SPEC"])
def test_a_staged_specification_has_two_spellings(word: str) -> None:
    expected = SpecSource(stage=StagePath(Name(("D", "S", "ST")), "runs/x"), file="spec.yaml")
    assert job(f"{HEAD} FROM @d.s.st/runs/x {word} = 'spec.yaml' NAME = j").source == expected


def test_a_quoted_stage_is_taken() -> None:
    assert job(f"{HEAD} FROM '@st/a b' SPECIFICATION_FILE='s.yaml'").source.stage == StagePath(Name(("ST",)), "a b")


def test_an_inline_specification_may_be_a_plain_string() -> None:
    assert job(f"{HEAD} FROM SPECIFICATION '{{\"spec\": 1}}'").source.text == '{"spec": 1}'


def test_absent_clauses_are_told_from_given_ones() -> None:
    found = job(f"{HEAD} FROM SPECIFICATION {SPEC}")
    assert (found.name, found.is_async, found.replicas, found.integrations) == (None, False, None, ())


def test_access_integrations_are_a_list() -> None:
    assert job(f"{HEAD} EXTERNAL_ACCESS_INTEGRATIONS = (a, B) FROM SPECIFICATION {SPEC}").integrations == ("A", "B")


@pytest.mark.parametrize(
    ("text", "unexpected"),
    [
        (f"{HEAD} NAME = j", "<EOF>"),
        (f"{HEAD} FROM SPECIFICATION {SPEC} BOGUS = 1", "BOGUS"),
        (f"{HEAD} FROM SPECIFICATION {SPEC} NAME = a NAME = b", "NAME"),
        (f"{HEAD} FROM @st SPECIFICATION 'x'", "SPECIFICATION"),
        ("EXECUTE JOB SERVICE NAME = j", "NAME"),
    ],
)
def test_a_wrong_clause_is_a_syntax_error_that_names_it(text: str, unexpected: str) -> None:
    with pytest.raises(SqlError, match=f"unexpected '{unexpected}'") as caught:
        parse(text)
    assert caught.value.errno == 1003


@pytest.mark.parametrize("clause", ["SPECIFICATION_TEMPLATE $$x$$", "@st SPECIFICATION_TEMPLATE_FILE = 'x'"])
def test_templates_of_snowflake_are_refused_by_name(clause: str) -> None:
    with pytest.raises(SqlError, match=r"SPECIFICATION_TEMPLATE.*local account"):
        parse(f"{HEAD} FROM {clause} USING (a => 1)")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("drop service if exists j force", DropService(Name(("J",)), True, True)),
        ("SHOW JOB SERVICES LIKE 'x%'", ("x%", True)),
        ("show services exclude jobs like '%%'", ("%%", False)),
        ("SHOW SERVICE CONTAINERS IN SERVICE d.s.j", ShowContainers(Name(("D", "S", "J")))),
    ],
)
def test_services_are_dropped_and_shown(text: str, expected: Any) -> None:
    found = parse(text)
    if isinstance(found, ShowServices):
        assert (found.scope.like, found.jobs) == expected
    else:
        assert found == expected


def test_a_pool_has_its_properties() -> None:
    found = parse(
        "CREATE COMPUTE POOL IF NOT EXISTS p MIN_NODES=1 MAX_NODES=2 INSTANCE_FAMILY='CPU_X64_XS' WITH TAG (a='b')"
    )
    assert isinstance(found, CreatePool)
    assert found.if_not_exists
    assert found.properties == {"MIN_NODES": 1, "MAX_NODES": 2, "INSTANCE_FAMILY": "CPU_X64_XS"}


@pytest.mark.parametrize(
    ("text", "action"),
    [
        ("SUSPEND", "SUSPEND"),
        ("RESUME", "RESUME"),
        ("STOP ALL", "STOP ALL"),
        ("SET MAX_NODES = 3", "SET"),
        ("UNSET COMMENT", "UNSET"),
    ],
)
def test_a_pool_is_altered(text: str, action: str) -> None:
    found = parse(f"ALTER COMPUTE POOL p {text}")
    assert isinstance(found, AlterPool)
    assert found.action == action


def test_families_are_told_from_pools() -> None:
    assert isinstance(parse("SHOW COMPUTE POOL INSTANCE FAMILIES LIKE 'GPU%'"), ShowFamilies)


def test_an_image_repository_is_replaced_or_not() -> None:
    found = parse("CREATE OR REPLACE IMAGE REPOSITORY d.s.r ENCRYPTION = (TYPE = 'SNOWFLAKE_SSE') COMMENT = 'c'")
    assert isinstance(found, CreateRepository)
    assert (found.or_replace, found.properties["ENCRYPTION"]) == (True, {"TYPE": "SNOWFLAKE_SSE"})


def test_images_are_shown_in_a_repository() -> None:
    found = parse("show images like '%%' in image repository d.s.r")
    assert isinstance(found, ShowImages)
    assert found.scope.name == Name(("D", "S", "R"))
    assert isinstance(parse("show image repositories in schema snowflake.images"), ShowRepositories)
