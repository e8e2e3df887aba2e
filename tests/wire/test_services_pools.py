"""Compute pools and image repositories as SQL sees them."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.accounts import LocalAccount, local_account, spec
from tests.wire import images

SLEEP = "import time; time.sleep(1000)"


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAccount]:
    with local_account(tmp_path_factory.mktemp("pools"), "process") as made:
        images.push(f"{made.host}/db/s/images", made.registry_password())
        yield made


def pool(account: LocalAccount, name: str, more: str = "") -> None:
    account.query(f"CREATE COMPUTE POOL {name} MIN_NODES=1 MAX_NODES=2 INSTANCE_FAMILY=CPU_X64_XS {more}")


def state(account: LocalAccount, name: str) -> str:
    return str(json.loads(account.one(f"SELECT SYSTEM$GET_COMPUTE_POOL_STATUS('{name}')"))["status"])


def test_a_pool_is_shown_with_its_properties(account: LocalAccount) -> None:
    pool(account, "SHOWN", "AUTO_SUSPEND_SECS=60 COMMENT='mine'")
    (shown,) = account.query("SHOW COMPUTE POOLS LIKE 'shown'")
    (described,) = account.query("DESCRIBE COMPUTE POOL SHOWN")
    assert {key: described[key] for key in shown} == shown
    assert (shown["state"], shown["instance_family"], shown["auto_suspend_secs"]) == ("IDLE", "CPU_X64_XS", 60)
    assert (shown["comment"], shown["auto_resume"]) == ("mine", "true")


def test_a_job_wakes_a_suspended_pool(account: LocalAccount) -> None:
    pool(account, "WOKEN", "INITIALLY_SUSPENDED=TRUE")
    assert state(account, "WOKEN") == "SUSPENDED"
    account.query(f"EXECUTE JOB SERVICE IN COMPUTE POOL WOKEN NAME=J_WAKE FROM SPECIFICATION $${spec('1')}$$")
    assert state(account, "WOKEN") == "IDLE"


def test_stop_all_cancels_the_jobs_and_only_then_the_pool_can_go(account: LocalAccount) -> None:
    pool(account, "BUSY")
    account.query(
        f"EXECUTE JOB SERVICE IN COMPUTE POOL BUSY NAME=J_BUSY ASYNC=TRUE FROM SPECIFICATION $${spec(SLEEP)}$$"
    )
    account.wait("J_BUSY", "RUNNING")
    assert state(account, "BUSY") == "ACTIVE"
    assert [row["name"] for row in account.query("SHOW SERVICES IN COMPUTE POOL BUSY")] == ["J_BUSY"]
    assert "J_BUSY" in account.refused("DROP COMPUTE POOL BUSY").msg
    account.query("ALTER COMPUTE POOL BUSY STOP ALL")
    assert account.wait("J_BUSY") == "CANCELLED"
    assert account.one("DROP COMPUTE POOL BUSY") == "BUSY successfully dropped."


def test_a_pool_is_suspended_resumed_and_changed(account: LocalAccount) -> None:
    pool(account, "CHANGED")
    account.query("ALTER COMPUTE POOL CHANGED SUSPEND")
    assert state(account, "CHANGED") == "SUSPENDED"
    account.query("ALTER COMPUTE POOL CHANGED RESUME")
    account.query("ALTER COMPUTE POOL CHANGED SET MAX_NODES = 5 COMMENT = 'more'")
    (shown,) = account.query("SHOW COMPUTE POOLS LIKE 'CHANGED'")
    assert (shown["state"], shown["max_nodes"], shown["comment"]) == ("IDLE", 5, "more")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("P MIN_NODES=1 MAX_NODES=1 INSTANCE_FAMILY=NOPE", "INSTANCE_FAMILY"),
        ("P MIN_NODES=0 MAX_NODES=1 INSTANCE_FAMILY=CPU_X64_XS", "MIN_NODES"),
        ("P MIN_NODES=2 MAX_NODES=1 INSTANCE_FAMILY=CPU_X64_XS", "MAX_NODES"),
        ('"quoted" MIN_NODES=1 MAX_NODES=1 INSTANCE_FAMILY=CPU_X64_XS', "unquoted identifier"),
        ("P MIN_NODES=1 MAX_NODES=1 INSTANCE_FAMILY=CPU_X64_XS SIZE=1", "unexpected 'SIZE'"),
    ],
)
def test_a_wrong_property_is_named(account: LocalAccount, text: str, sentence: str) -> None:
    assert sentence in account.refused(f"CREATE COMPUTE POOL {text}").msg


def test_a_name_is_taken_once(account: LocalAccount) -> None:
    pool(account, "ONCE")
    again = "ONCE MIN_NODES=1 MAX_NODES=1 INSTANCE_FAMILY=CPU_X64_XS"
    assert account.refused(f"CREATE COMPUTE POOL {again}").errno == 2002
    assert "already exists, statement succeeded" in account.one(f"CREATE COMPUTE POOL IF NOT EXISTS {again}")
    assert account.refused("DESCRIBE COMPUTE POOL NOPE").errno == 2003
    account.query("DROP COMPUTE POOL IF EXISTS NOPE")


def test_families_are_listed_with_their_sizes(account: LocalAccount) -> None:
    (family,) = account.query("SHOW COMPUTE POOL INSTANCE FAMILIES LIKE 'GPU_NV_M'")
    assert (family["vcpu"], family["memory_gib"], family["gpu_count"]) == (44, 178, 4)


def test_an_image_repository_has_a_url_in_lower_case(account: LocalAccount) -> None:
    (shown,) = account.query("SHOW IMAGE REPOSITORIES LIKE 'IMAGES' IN SCHEMA DB.S")
    assert shown["repository_url"] == f"127.0.0.1:{account.port}/db/s/images"
    assert account.query("SHOW IMAGE REPOSITORIES IN ACCOUNT")


def test_images_are_listed_with_tag_digest_and_path(account: LocalAccount) -> None:
    digest = images.push(f"{account.host}/db/s/images", account.registry_password(), "listed", "v1")
    (shown,) = account.query("SHOW IMAGES LIKE 'listed' IN IMAGE REPOSITORY DB.S.IMAGES")
    assert (shown["tags"], shown["digest"]) == ("v1", digest)
    assert shown["image_path"] == "db/s/images/listed:v1"


def test_dropping_a_repository_drops_its_images(account: LocalAccount) -> None:
    account.query("CREATE IMAGE REPOSITORY DB.S.BRIEF")
    images.push(f"{account.host}/db/s/brief", account.registry_password())
    assert account.one("DROP IMAGE REPOSITORY DB.S.BRIEF") == "BRIEF successfully dropped."
    account.query("CREATE IMAGE REPOSITORY DB.S.BRIEF")
    assert account.query("SHOW IMAGES IN IMAGE REPOSITORY DB.S.BRIEF") == []
    assert account.refused("SHOW IMAGES IN IMAGE REPOSITORY DB.S.NOPE").errno == 2003


def test_replacing_a_repository_empties_it(account: LocalAccount) -> None:
    account.query("CREATE IMAGE REPOSITORY DB.S.AGAIN")
    images.push(f"{account.host}/db/s/again", account.registry_password())
    account.query("CREATE OR REPLACE IMAGE REPOSITORY DB.S.AGAIN")
    assert account.query("SHOW IMAGES IN IMAGE REPOSITORY DB.S.AGAIN") == []
