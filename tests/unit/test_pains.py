"""What users of Snowpark Container Services have suffered, by the texts they reported: each is prevented here, or
answered with its remedy. Texts without an issue beside them are Snowflake's documentation's."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from spcs.account import sql
from spcs.account.errors import Failure, Missing, problem
from spcs.account.opening import not_opened
from spcs.config import load
from spcs.doctor import pool
from spcs.errors import Problem, Refused, SettingsProblem
from spcs.image import fingerprint
from spcs.image.credentials import Folder
from spcs.image.docker import UNAUTHORISED, ContainerEngine, build_argv, login_argv
from spcs.image.engines import Build, Client
from spcs.image.failures import of_login, of_push
from spcs.image.registry import plain_url
from spcs.run import diagnosis, remedies
from spcs.run.model import ContainerStatus, LogLine, Run, Snapshot, State
from spcs.run.names import new_run
from spcs.spec import FAMILIES, SpecError, check_fit, parse
from tests.images import make_plan, write_code
from tests.support import REPO

HOST = "sfsenorthamerica-build-spcs.registry.snowflakecomputing.com"
REF = f"{HOST}/db_user0029/schema_llm/image_repo/llm-bootcamp:latest"
DOCKER = Client("docker", "docker", "28.2.2", "28.2.2")
RUN = Run("train_20260827_120005_bcdf", "DB", "APP", "DB.APP.RUNS")
NAMES = {"job": "train", "run": RUN.name, "pool": "MACHINES"}
ENTRY = {"connection": "mine", "place": "[mine] in ~/.snowflake/connections.toml"}
SPEC = "spec:\n  containers:\n  - {name: main, image: /db/s/images/x:1, resources: {requests: {cpu: 1.5}}}\n"
#: Held where there is an account to ask: the number, the file, the test.
ELSEWHERE = {
    25: ("tests/wire/test_run_logs.py", "test_a_node_that_is_gone_leaves_the_records"),
    26: ("tests/wire/test_services_logs.py", "test_a_waiting_container_has_no_logs_yet"),
    28: ("tests/engine/test_image_push.py", "test_push_whose_last_step_fails_is_made_again"),
}


def said(text: str, errno: int | None = None, statement: str = "") -> Problem:
    return problem(Failure(text, errno, None, statement, "R", **ENTRY))


def ended(code: int, message: str) -> Snapshot:
    return Snapshot(State.FAILED, (ContainerStatus(0, "main", "FAILED", message, code),), pool="MACHINES")


def test_pain_1_a_host_with_an_underscore() -> None:  # Snowflake-Labs/llm-bootcamp-build-2023#14
    assert plain_url("my_org-acct.registry.snowflakecomputing.com/db/s/my_images").startswith("my-org-acct.")
    assert plain_url("o-a.registry.snowflakecomputing.com/db/s/my_images").endswith("/db/s/my_images")
    text = 'The push refers to repository [my_org-acct…]\nGet "https:/v2/": http: no Host in request URL'
    assert "no host with a _" in of_push(REF, "train", text).why


def test_pain_2_login_and_push_name_one_host() -> None:  # Snowflake-Labs/llm-bootcamp-build-2023#38
    engine = ContainerEngine(DOCKER, Folder(Path(".spcs/docker")))
    login, push = engine.commands_to_push(REF)
    assert login[2] == push[2].partition("/")[0] == HOST
    assert plain_url(f"{HOST.upper()}/db/s/r") == f"{HOST}/db/s/r"


def test_pain_3_a_push_that_is_not_authorised() -> None:  # Snowflake-Labs/llm-bootcamp-build-2023#38
    text = "unauthorized: Authentication Failure: Failed to"
    assert any(sign in text for sign in UNAUTHORISED), "so it is tried again with a fresh login"
    assert of_push(REF, "train", text).fix.startswith("check with inv login")


def test_pain_4_a_login_at_the_wrong_account() -> None:  # Snowflake-Labs/llm-bootcamp-build-2023#27, snowflake-cli#445
    text = f'daemon: Get "https://{HOST}/v2/": unknown: Failure: Failed to perform repository operation.'
    assert "<organization>-<account>" in of_login(HOST, text).fix


def test_pain_5_a_host_that_does_not_exist() -> None:  # Snowflake-Labs/llm-bootcamp-build-2023#37
    text = (
        f'Error response from daemon: Get "https://{HOST}/v2/": dialing {HOST}:443 with direct connection: resolving '
        f"host {HOST}: lookup {HOST}: no such host"
    )
    for failed in (of_login(HOST, text), of_push(REF, "train", text)):
        assert "repository_url of SHOW IMAGE REPOSITORIES" in failed.fix


def test_pain_6_a_locator_in_the_host() -> None:  # Snowflake-Labs/llm-bootcamp-build-2023#11
    assert "without a region" in of_login(HOST, "404: Not Found").fix


def test_pain_7_mfa_asks_at_every_layer() -> None:  # Snowflake-Labs/sfquickstarts#1604, snowflake-cli#2044
    argv = login_argv(DOCKER, HOST, "0sessiontoken", Folder(Path(".spcs/docker")))
    assert argv[-3:] == ["-u", "0sessiontoken", "--password-stdin"], "the session's token, no password of a user"


def test_pain_8_mfa_by_password() -> None:
    text = "250001 (08001): None: Failed to connect to DB: o-a.snowflakecomputing.com:443. MFA with TOTP is required."
    assert "key pair" in said(text, 250001).fix


def test_pain_9_an_access_token_without_a_network_policy() -> None:  # xlang-ai/Spider2#143
    text = "Failed to connect to DB: RSRSBDK-YDB67606.snowflakecomputing.com:443. Fail : Network policy is required."
    assert said(text, 250001).fix.startswith("have a network policy attached to the user")


def test_pain_10_an_empty_token() -> None:  # docker/cli#5401
    assert "inv doctor" in of_login(HOST, "Error: Cannot perform an interactive login from a non TTY device").fix


@pytest.mark.parametrize(
    "text",
    [
        "Password was not given but private key is encrypted",  # snowflake-cli#2864, connector 4
        "Incorrect password, could not decrypt key",  # connector 4
        # connector 5
        "Failed to login: Authentication failed. Private key is encrypted but no passphrase was provided; set "  # noqa: ISC004
        "`private_key_password`",
    ],
)
def test_pain_11_a_key_with_a_passphrase(text: str) -> None:
    for found in (said(text, 250001), not_opened(TypeError(text), **ENTRY)):
        assert isinstance(found, SettingsProblem)
        assert found.fix.startswith("write private_key_file_pwd into [mine]")


def test_pain_12_windows_keeps_no_long_token(tmp_path: Path) -> None:  # snowflake-connector-python#2930
    found = not_opened(Exception(1783, "CredWrite", "The stub received bad data"), **ENTRY)
    assert found is not None
    assert "client_store_temporary_credential = false" in found.fix
    logins = Folder(tmp_path)
    logins.prepare(HOST)
    assert "credsStore" not in logins.file.read_text(), "and the registry's token never goes there"


def test_pain_13_buildx_pushes_without_the_login(tmp_path: Path) -> None:
    write_code(tmp_path)
    argv = build_argv(DOCKER, "buildx", Build(make_plan(tmp_path), REF, tmp_path, (), {}))
    assert "--load" in argv
    assert "--push" not in argv


def test_pain_14_an_image_for_arm() -> None:
    text = (
        "Failed to retrieve image: SPCS only supports image for amd64 architecture. Please rebuild your image with "
        "'--platform linux/amd64' option."
    )
    assert said(text, 395000).fix == "inv build push"
    assert diagnosis.diagnose(RUN, ended(1, text), []).remedy.startswith("inv build push run --job train")
    assert {FAMILIES["GPU_NV_S"].architecture, FAMILIES["GEN_ARM_G1_4"].architecture} == {"amd64", "arm64"}


@pytest.mark.parametrize("text", ["OSError: /home/app/rows.so: invalid ELF header", "exec ./rows: exec format error"])
def test_pain_15_programs_of_another_processor(text: str) -> None:
    found = remedies.of_failure("", None, [text], **NAMES)
    assert found is not None
    assert "jobs.train.code" in found.fix


def test_pain_16_an_unknown_key() -> None:
    with pytest.raises(SpecError, match="unknown option 'serviceRoles' for 'spec'"):
        parse(SPEC + "  serviceRoles: []\n")
    assert "inv render" in said("Invalid spec: unknown option 'serviceRoles' for 'spec'.", 395018).fix


def test_pain_17_more_than_a_node_has() -> None:  # Snowflake-Labs/sfquickstarts#2109
    text = (
        "invalid value 1.5 for 'total containers.requests.cpu'. Requirement exceeds compute pool instance capacity 1."
    )
    with pytest.raises(SpecError, match=re.escape("Requirement exceeds compute pool instance capacity 1")):
        check_fit(parse(SPEC), FAMILIES["CPU_X64_XS"])
    assert "larger instance_family" in said(text, 395018).fix


def test_pain_18_no_right_to_start_jobs() -> None:
    refused = said("Insufficient privileges to operate on schema 'APP'", 3001, "EXECUTE JOB SERVICE")
    assert refused.fix.endswith("GRANT CREATE SERVICE ON SCHEMA APP TO ROLE R")


def test_pain_19_no_right_to_the_images() -> None:
    missing = said("Image repository 'DB.APP.R' does not exist or not authorized.", 2003)
    assert isinstance(missing, Missing)
    assert missing.fix == "inv setup, or have its owner run: GRANT READ ON IMAGE REPOSITORY DB.APP.R TO ROLE R"


def test_pain_20_no_room_in_the_pool() -> None:
    found = remedies.of_wait("Unschedulable due to insufficient resources", **NAMES)
    assert found is not None
    assert found.fix.startswith("DESCRIBE COMPUTE POOL MACHINES")


@pytest.mark.parametrize(
    ("code", "text", "fix"),
    [
        (392507, "… We have observed CAPACITY_ERROR.", "wait, or name another compute_pool.instance_family"),
        (
            392508,
            "Compute pool has reached the maximum node limit. Consider increasing max_nodes …",
            "ALTER COMPUTE POOL MACHINES SET MAX_NODES = 3",
        ),
    ],
)
def test_pain_21_a_pool_that_gets_no_machines(code: int, text: str, fix: str) -> None:
    row = {"name": "MACHINES", "state": "RESIZING", "min_nodes": 1, "max_nodes": 2, "instance_family": "CPU_X64_S"}
    assert pool.judge({**row, "error_code": code, "status_message": text}).fix.startswith(fix)


def test_pain_22_a_name_that_is_taken() -> None:
    taken = said("Object 'DB.APP.TRAIN' already exists.", 2002, "EXECUTE JOB SERVICE")
    assert isinstance(taken, Refused)
    assert taken.fix == "inv run (it takes a fresh name), or DROP SERVICE DB.APP.TRAIN"
    assert len({new_run("train") for _ in range(20)}) == 20


def test_pain_23_the_program_failed() -> None:
    log = 'Traceback (most recent call last):\n  File "/home/app/x.py", line 1, in <module>\nKeyError: 3'
    lines = [LogLine(0, 0, "main", line) for line in log.splitlines()]
    found = diagnosis.diagnose(RUN, ended(1, "User application error, check container logs"), lines)
    assert found.traceback == tuple(log.splitlines())
    assert "exit code 1" in found.reason


def test_pain_24_out_of_memory() -> None:
    found = diagnosis.diagnose(RUN, ended(137, "Container was OOMKilled due to resource usage"), [])
    assert "ran out of memory" in found.reason
    assert found.remedy.startswith("raise jobs.train.resources.limits.memory")


def test_pain_27_an_old_image_goes_on_running(tmp_path: Path) -> None:
    write_code(tmp_path)
    before = fingerprint(make_plan(tmp_path), "container")
    (tmp_path / "app" / "__main__.py").write_text("print('edited')\n")
    assert fingerprint(make_plan(tmp_path), "container") != before, "every content has a tag of its own"


def test_pain_29_a_container_that_does_not_reach_its_account(tmp_path: Path) -> None:
    with pytest.raises(SettingsProblem, match=r"jobs\.train\.env\.SNOWFLAKE_HOST"):
        load({"jobs": {"train": {"env": {"SNOWFLAKE_HOST": "x"}}}}, {}, tmp_path / "invoke.yaml")
    text = "250001: Could not connect to Snowflake backend after 2 attempt(s).Aborting"
    found = remedies.of_failure("", None, [text], **NAMES)
    assert found is not None
    assert "SNOWFLAKE_HOST" in found.fix


def test_pain_30_a_pool_that_goes_on_stopping() -> None:
    row = {"name": "MACHINES", "state": "STOPPING", "min_nodes": 1, "max_nodes": 2, "instance_family": "CPU_X64_S"}
    assert pool.judge(row).fix.endswith("ALTER COMPUTE POOL MACHINES STOP ALL")


def test_pain_31_a_statement_cut_in_two() -> None:  # Snowflake-Labs/sf-samples#135
    statement = sql.execute_job("x", pool="P", stage="@S/runs/x", spec_file="spec.yaml")
    assert "SPECIFICATION_FILE" in statement
    assert not re.search(r"\$\$|;", statement), "the specification is a file, so there is no text to split"


def test_pain_32_a_specification_that_is_not_found() -> None:
    statement = sql.put(Path("spec.yaml").absolute(), "@S/runs/x")
    assert "AUTO_COMPRESS=FALSE" in statement
    assert "OVERWRITE=TRUE" in statement


def test_every_pain_has_its_test() -> None:
    here = {int(number) for number in re.findall(r"def test_pain_(\d+)_", Path(__file__).read_text())}
    for file, test in ELSEWHERE.values():
        assert f"def {test}" in (REPO / file).read_text()
    assert here | set(ELSEWHERE) == set(range(1, 33))
