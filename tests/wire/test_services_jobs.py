"""Jobs as SQL makes them, run by the process runtime and seen through the real connector."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from snowflake.connector.errors import ProgrammingError

from tests.accounts import LocalAccount, local_account, spec
from tests.wire import images

HELLO = "print('hello')"
SLEEP = "import time; print('sleeping'); time.sleep(1000)"
STAGE_VOLUME: dict[str, Any] = {
    "volumeMounts": [{"name": "out", "mountPath": "/opt/out"}],
    "env": {"OUT": "/opt/out"},
}


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAccount]:
    with local_account(tmp_path_factory.mktemp("jobs"), "process") as made:
        images.push(f"{made.host}/db/s/images", made.registry_password())
        yield made


def execute(account: LocalAccount, name: str, text: str, clauses: str = "") -> str:
    return str(
        account.one(f"EXECUTE JOB SERVICE IN COMPUTE POOL POOL NAME = {name} {clauses} FROM SPECIFICATION $${text}$$")
    )


def test_a_synchronous_job_answers_when_it_is_done(account: LocalAccount) -> None:
    assert execute(account, "J_SYNC", spec(HELLO)) == "Job J_SYNC completed successfully with status: DONE."
    assert account.status("J_SYNC") == "DONE"
    assert account.logs("J_SYNC") == ["hello"]


def test_an_asynchronous_job_answers_at_once(account: LocalAccount) -> None:
    answer = execute(account, "J_ASYNC", spec(HELLO), "ASYNC = TRUE")
    assert answer == "Started Snowpark Container Services Job 'J_ASYNC'."
    assert account.wait("J_ASYNC") == "DONE"


def test_a_job_that_exits_3_is_failed_and_says_so(account: LocalAccount) -> None:
    error = account.refused(
        f"EXECUTE JOB SERVICE IN COMPUTE POOL POOL NAME = J_3 FROM SPECIFICATION $${spec('raise SystemExit(3)')}$$"
    )
    assert "Job J_3 failed to complete" in str(error.msg)
    assert "Exited with status: FAILED" in str(error.msg)
    (container,) = account.containers("J_3")
    assert container["status"] == "FAILED"
    assert container["message"] == "User application error, check container logs"
    assert container["last_exit_code"] == 3
    assert container["instance_status"] == "FAILED"


def test_a_program_that_is_not_there_fails_the_job_with_its_name(account: LocalAccount) -> None:
    text = json.loads(spec(HELLO))
    text["spec"]["containers"][0]["command"] = ["nosuchprogram"]
    job = account.start(json.dumps(text))
    assert account.wait(job) == "FAILED"
    (container,) = account.containers(job)
    assert container["message"].startswith("Encountered fatal error while starting container")
    assert "nosuchprogram" in container["message"]
    assert account.logs(job) == [""]


def test_a_staged_specification_is_read(account: LocalAccount) -> None:
    folder = account.root.parent / "put"
    folder.mkdir()
    (folder / "spec.yaml").write_text(spec(HELLO))
    account.query(f"PUT file://{folder}/spec.yaml @RUNS/a AUTO_COMPRESS=FALSE OVERWRITE=TRUE")
    for name, source in (
        ("J_F1", "@RUNS/a SPECIFICATION_FILE = 'spec.yaml'"),
        ("J_F2", "@DB.S.RUNS SPEC='a/spec.yaml'"),
    ):
        account.query(f"EXECUTE JOB SERVICE IN COMPUTE POOL POOL FROM {source} NAME = {name}")
        assert account.status(name) == "DONE"


def test_an_output_on_a_stage_volume_is_listed(account: LocalAccount) -> None:
    volumes = [{"name": "out", "source": "stage", "stageConfig": {"name": "@DB.S.RUNS/out"}}]
    code = "import os; p = os.environ['OUT']; os.makedirs(p + '/sub'); open(p + '/sub/x', 'w').write('hi')"
    execute(account, "J_OUT", spec(code, volumes=volumes, **STAGE_VOLUME))
    assert [(row["name"], row["size"]) for row in account.query("LIST @RUNS/out")] == [("runs/out/sub/x", 2)]


def test_a_job_sees_the_variables_and_logs_in_with_its_token(account: LocalAccount) -> None:
    code = """
import os, snowflake.connector as c
e = os.environ
print(e['SNOWFLAKE_ACCOUNT'], e['SNOWFLAKE_DATABASE'], e['SNOWFLAKE_SCHEMA'], e['SNOWFLAKE_SERVICE_NAME'])
print('JOB_INDEX' in ''.join(e))
token = open(e['SNOWFLAKE_TOKEN_PATH']).read()
with c.connect(host=e['SNOWFLAKE_HOST'], port=int(e['SNOWFLAKE_PORT']), protocol=e['SNOWFLAKE_PROTOCOL'],
               account=e['SNOWFLAKE_ACCOUNT'], token=token, authenticator='oauth') as con:
    print(*con.cursor().execute('SELECT CURRENT_USER(), CURRENT_DATABASE()').fetchone())
"""
    execute(account, "J_ENV", spec(code))
    lines = account.logs("J_ENV")
    assert lines[:2] == ["LOCAL DB S J_ENV", "False"]
    assert lines[-1] == "J_ENV DB"


def test_a_token_is_worth_nothing_after_its_job(account: LocalAccount) -> None:
    execute(account, "J_TOKEN", spec("import os; print(open(os.environ['SNOWFLAKE_TOKEN_PATH']).read())"))
    (token,) = account.logs("J_TOKEN")
    with pytest.raises(Exception, match="Invalid OAuth access token"):
        account.connect(user=None, password=None, token=token, authenticator="oauth")


def test_replicas_know_their_place_and_the_job_waits_for_all(account: LocalAccount) -> None:
    code = "import os; print(os.environ['SNOWFLAKE_JOB_INDEX'], os.environ['SNOWFLAKE_JOBS_COUNT'])"
    execute(account, "J_REP", spec(code), "REPLICAS = 2")
    assert [account.logs("J_REP", instance=index) for index in (0, 1)] == [["0 2"], ["1 2"]]
    instances = account.query("SHOW SERVICE INSTANCES IN SERVICE J_REP")
    assert [(row["instance_id"], row["status"]) for row in instances] == [("0", "SUCCEEDED"), ("1", "SUCCEEDED")]
    assert account.query("DESCRIBE SERVICE J_REP")[0]["target_instances"] == 2


def test_one_failing_replica_ends_the_others(account: LocalAccount) -> None:
    code = "import os, time\nif os.environ['SNOWFLAKE_JOB_INDEX'] == '1': raise SystemExit(4)\ntime.sleep(1000)"
    job = account.start(spec(code), "REPLICAS = 2")
    assert account.wait(job, "FAILED") == "FAILED"
    deadline = time.monotonic() + 120
    while any(container["last_exit_code"] is None for container in account.containers(job)):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert [container["last_exit_code"] for container in account.containers(job)] == [143, 4]


def test_a_job_is_done_when_its_last_container_is(account: LocalAccount) -> None:
    job = account.start(spec("print('main')", "import time; time.sleep(0.5); print('side')"))
    assert account.wait(job) == "DONE"
    assert account.logs(job, "side1") == ["side"]


def test_cancel_sends_sigterm_and_the_job_ends_as_cancelled(account: LocalAccount) -> None:
    code = """
import signal, sys, time
def leave(*_):
    print('asked to stop'); sys.exit(75)
signal.signal(signal.SIGTERM, leave)
print('ready')
time.sleep(1000)
"""
    job = account.start(spec(code))
    account.wait_for_line(job, "ready")
    account.query(f"CALL {job}!SPCS_CANCEL_JOB()")
    assert account.wait(job) == "CANCELLED"
    assert account.logs(job) == ["ready", "asked to stop"]
    assert account.containers(job)[0]["last_exit_code"] == 75


@pytest.mark.parametrize("call", ["SELECT SYSTEM$CANCEL_JOB('{}')", "SELECT DB.S.{}!SPCS_CANCEL_JOB()"])
def test_cancelling_has_several_spellings_and_a_second_time_changes_nothing(account: LocalAccount, call: str) -> None:
    job = account.start(spec(SLEEP))
    account.query(call.format(job))
    assert account.wait(job) == "CANCELLED"
    assert "already ended" in account.one(call.format(job))
    assert account.status(job) == "CANCELLED"


def test_a_done_job_is_not_cancelled(account: LocalAccount) -> None:
    execute(account, "J_LATE", spec(HELLO))
    account.query("CALL J_LATE!SPCS_CANCEL_JOB()")
    assert account.status("J_LATE") == "DONE"


def test_aborting_a_synchronous_statement_cancels_its_job(account: LocalAccount) -> None:
    with account.connect(database="DB", schema="S") as other, other.cursor() as cursor:
        cursor.execute_async(
            f"EXECUTE JOB SERVICE IN COMPUTE POOL POOL NAME = J_ABORT FROM SPECIFICATION $${spec(SLEEP)}$$"
        )
        account_waits_until_listed(account, "J_ABORT")
        account.wait("J_ABORT", "RUNNING")
        cursor.abort_query(cursor.sfqid)
        assert account.wait("J_ABORT") == "CANCELLED"


def account_waits_until_listed(account: LocalAccount, job: str) -> None:
    deadline = time.monotonic() + 120
    while not account.query(f"SHOW JOB SERVICES LIKE '{job}'"):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_drop_ends_a_running_job_and_frees_its_name(account: LocalAccount) -> None:
    account.start(spec(SLEEP), name="J_DROP")
    account.wait_for_line("J_DROP", "sleeping")
    assert account.one("DROP SERVICE J_DROP FORCE") == "J_DROP successfully dropped."
    assert account.refused("DESCRIBE SERVICE J_DROP").errno == 2003
    assert "DONE" in execute(account, "J_DROP", spec(HELLO))
    account.query("DROP SERVICE IF EXISTS NO_SUCH_JOB")


def test_a_name_stays_taken_until_it_is_dropped(account: LocalAccount) -> None:
    execute(account, "J_TWICE", spec(HELLO))
    with pytest.raises(ProgrammingError, match="already exists") as caught:
        execute(account, "J_TWICE", spec(HELLO))
    assert caught.value.errno == 2002


def test_without_a_name_the_job_has_one_made_of_its_query(account: LocalAccount) -> None:
    answer = account.one(f"EXECUTE JOB SERVICE IN COMPUTE POOL POOL FROM SPECIFICATION $${spec(HELLO)}$$")
    assert answer.startswith("Job JOB_")


def test_the_specification_is_shown_with_its_digest_and_resources(account: LocalAccount) -> None:
    execute(account, "J_SPEC", spec(HELLO))
    shown = account.query("DESCRIBE SERVICE J_SPEC")[0]
    digest = account.query("SHOW IMAGES IN IMAGE REPOSITORY IMAGES")[0]["digest"]
    assert shown["spec"].startswith("---\n")
    assert f'sha256: "@{digest}"' in shown["spec"]
    assert 'cpu: "3"' in shown["spec"]
    assert (shown["is_job"], shown["is_async_job"], shown["compute_pool"]) == ("true", "false", "POOL")
    assert account.containers("J_SPEC")[0]["image_digest"] == digest


def test_a_gpu_where_there_is_none_is_said_in_the_message(account: LocalAccount) -> None:
    account.query("CREATE COMPUTE POOL IF NOT EXISTS GPUS MIN_NODES=1 MAX_NODES=1 INSTANCE_FAMILY=GPU_NV_M")
    resources = {"requests": {"nvidia.com/gpu": 4}, "limits": {"nvidia.com/gpu": 4}}
    account.query(
        "EXECUTE JOB SERVICE IN COMPUTE POOL GPUS NAME = J_GPU ASYNC = TRUE"
        f" FROM SPECIFICATION $${spec(SLEEP, resources=resources)}$$"
    )
    account.wait("J_GPU", "RUNNING")
    message = account.containers("J_GPU")[0]["message"]
    account.query("DROP SERVICE J_GPU")
    assert message.startswith("Running (")
    assert "4 requested" in message


def test_a_dropped_schema_takes_its_jobs_with_it(account: LocalAccount) -> None:
    account.query("CREATE SCHEMA DB.GONE")
    account.query("USE SCHEMA DB.S")
    account.start(spec(SLEEP), name="DB.GONE.J")
    account.query("DROP SCHEMA DB.GONE")
    account.query("USE SCHEMA DB.S")
    assert account.query("SHOW JOB SERVICES LIKE 'J' IN ACCOUNT") == []
