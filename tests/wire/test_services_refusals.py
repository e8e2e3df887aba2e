"""What is refused when the statement is sent, before anything starts, and in which words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.accounts import LocalAccount, local_account, spec
from tests.wire import images

HELLO = "print('hello')"


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAccount]:
    with local_account(tmp_path_factory.mktemp("refusals"), "process") as made:
        url, password = f"{made.host}/db/s/images", made.registry_password()
        images.push(url, password)
        images.push(url, password, "engine", labels={})
        yield made


def refused(account: LocalAccount, text: str, pool: str = "POOL", clauses: str = "NAME = NEVER") -> Any:
    return account.refused(f"EXECUTE JOB SERVICE IN COMPUTE POOL {pool} {clauses} FROM SPECIFICATION $${text}$$")


def changed(**container: Any) -> str:
    text = json.loads(spec(HELLO))
    text["spec"]["containers"][0].update(container)
    return json.dumps(text)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (changed(bogus=1), "Invalid spec: unknown option 'bogus'"),
        (changed(volumeMounts=[{"name": "nope", "mountPath": "/x"}]), "nope"),
        (changed(resources={"limits": {"nvidia.com/gpu": 1}}), "nvidia.com/gpu"),
        ("spec: [", "Invalid spec"),
        (
            changed(resources={"requests": {"cpu": 4}, "limits": {"cpu": 4}}),
            "'total containers.requests.cpu'. Requirement exceeds compute pool instance capacity 3.",
        ),
    ],
)
def test_an_invalid_specification_is_refused_as_snowflake_does(account: LocalAccount, text: str, sentence: str) -> None:
    error = refused(account, text)
    assert sentence in error.msg
    assert error.errno == 395018
    assert error.sqlstate == "22023"


@pytest.mark.parametrize(
    ("image", "errno", "sentence"),
    [
        ("/db/s/images/tiny:2", 397012, "tags there: 1"),
        ("/db/s/images/nope:1", 397012, "manifest not found"),
        ("/db/s/nope/tiny:1", 2003, "Image repository 'DB.S.NOPE' does not exist or not authorized."),
        ("tiny", 395018, "must be /<database>/<schema>/<repository>/<image>:<tag>"),
        ("/db/s/images/engine:1", 397012, "built for a container engine"),
    ],
)
def test_an_image_that_cannot_run_is_refused(account: LocalAccount, image: str, errno: int, sentence: str) -> None:
    error = refused(account, changed(image=image))
    assert (error.errno, sentence in error.msg) == (errno, True), error.msg


def test_an_image_of_another_architecture_is_refused(account: LocalAccount) -> None:
    account.query("CREATE COMPUTE POOL IF NOT EXISTS ARM MIN_NODES=1 MAX_NODES=1 INSTANCE_FAMILY=GEN_ARM_G1_2")
    error = refused(account, spec(HELLO), pool="ARM")
    assert "Please rebuild your image with '--platform linux/arm64' option." in error.msg


@pytest.mark.parametrize(("count", "errno"), [(0, 1008), (101, 1008), (99999999, 1008), ("9" * 39, 1003)])
def test_a_number_of_replicas_that_this_machine_cannot_run_is_refused(
    account: LocalAccount, count: object, errno: int
) -> None:
    assert refused(account, spec(HELLO), clauses=f"NAME = NEVER REPLICAS = {count}").errno == errno


def test_missing_objects_are_named(account: LocalAccount) -> None:
    assert "Compute pool 'NOPE' does not exist" in refused(account, spec(HELLO), pool="NOPE").msg
    volumes = [{"name": "out", "source": "stage", "stageConfig": {"name": "@DB.S.NOPE/x"}}]
    text = spec(HELLO, volumes=volumes, volumeMounts=[{"name": "out", "mountPath": "/x"}])
    error = refused(account, text)
    assert error.errno == 2003
    assert "DB.S.NOPE" in error.msg


def test_a_missing_file_is_named_and_a_compressed_one_explained(account: LocalAccount) -> None:
    folder = account.root.parent / "put"
    folder.mkdir()
    (folder / "spec.yaml").write_text(spec(HELLO))
    account.query(f"PUT file://{folder}/spec.yaml @RUNS AUTO_COMPRESS=TRUE")
    head = "EXECUTE JOB SERVICE IN COMPUTE POOL POOL NAME = NEVER"
    assert "other.yaml" in account.refused(f"{head} FROM @RUNS SPECIFICATION_FILE = 'other.yaml'").msg
    assert "AUTO_COMPRESS=FALSE" in account.refused(f"{head} FROM @RUNS SPECIFICATION_FILE = 'spec.yaml'").msg


@pytest.mark.parametrize("name", ['"quoted"', "ends_", "a$b", "a" * 64])
def test_a_name_that_is_no_dns_label_is_refused(account: LocalAccount, name: str) -> None:
    assert "Invalid service name" in refused(account, spec(HELLO), clauses=f"NAME = {name}").msg


def test_what_would_be_left_out_silently_is_refused(account: LocalAccount) -> None:
    secret = {"snowflakeSecret": "s", "envVarName": "A", "secretKeyRef": "password"}
    assert "Secret 'DB.S.S' does not exist" in refused(account, changed(secrets=[secret])).msg
    config = {"mountConnectionConfig": True}
    assert "local account" in refused(account, changed(sessionTokenConfig=config)).msg


def test_nothing_was_made_by_a_refused_statement(account: LocalAccount) -> None:
    refused(account, changed(bogus=1))
    assert account.query("SHOW JOB SERVICES IN ACCOUNT") == []


def test_missing_services_are_2003_everywhere(account: LocalAccount) -> None:
    for statement in (
        "DESCRIBE SERVICE NOPE",
        "DROP SERVICE NOPE",
        "SHOW SERVICE CONTAINERS IN SERVICE NOPE",
        "SHOW SERVICE INSTANCES IN SERVICE NOPE",
        "CALL NOPE!SPCS_CANCEL_JOB()",
        "SELECT SYSTEM$GET_SERVICE_LOGS('NOPE', 0, 'main')",
        "SELECT SYSTEM$GET_SERVICE_STATUS('NOPE')",
    ):
        error = account.refused(statement)
        assert (error.errno, "does not exist or not authorized" in error.msg) == (2003, True), statement
