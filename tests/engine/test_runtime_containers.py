"""Jobs as real containers, seen through SQL and through the engine."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import support
from tests.accounts import LocalAccount, local_account, spec

pytestmark = pytest.mark.engine

IMAGE = "base:1"
UNTIL_TOLD = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
print('running')
while not os.path.exists('/opt/out/go'): time.sleep(0.05)
print('over')
"""


def docker(*words: str, data: str = "") -> str:
    path = str(support.clients()[0][0].path)
    done = subprocess.run([path, *words], input=data, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAccount]:
    """An account with docker whose repository holds the base image as `base:1`."""
    folder = tmp_path_factory.mktemp("containers")
    with local_account(folder, "docker") as made:
        name = f"{made.host}/db/s/images/{IMAGE}"
        config = ("--config", str(folder / "docker"))
        docker("tag", support.base_image(), name)
        docker(*config, "login", "-u", "0sessiontoken", "--password-stdin", made.host, data=made.registry_password())
        docker(*config, "push", name)
        docker("rmi", name)
        prefix = f"{made.host}/"
        yield made
    images = docker("images", "--digests", "--format", "{{.Repository}}@{{.Digest}}").splitlines()
    if pulled := [image for image in images if image.startswith(prefix)]:
        docker("rmi", *pulled)


def start(account: LocalAccount, *codes: str, clauses: str = "", **more: Any) -> str:
    return account.start(spec(*codes, image=IMAGE, **more), clauses)


def finished(account: LocalAccount, *codes: str, **more: Any) -> tuple[str, str]:
    job = start(account, *codes, **more)
    return job, account.wait(job)


def containers(account: LocalAccount, job: str, *more: str) -> list[str]:
    """Ids of a job's containers, found by their labels."""
    return docker("ps", "-aq", "--no-trunc", "--filter", f"label=spcs.service=DB.S.{job}", *more).split()


def volume(source: dict[str, Any], mount: str) -> dict[str, Any]:
    return {
        "volumes": [{"name": "vol", **source}],
        "volumeMounts": [{"name": "vol", "mountPath": mount}],
    }


def output(directory: str, **more: Any) -> dict[str, Any]:
    return volume({"source": "stage", "stageConfig": {"name": f"@DB.S.RUNS/{directory}"}, **more}, "/opt/out")


def test_a_job_is_a_container_pulled_by_digest_and_found_by_its_labels(account: LocalAccount) -> None:
    job, status = finished(account, "print('hello')")
    assert (status, account.logs(job)) == ("DONE", ["hello"])
    (container,) = containers(account, job)
    shown = json.loads(docker("inspect", container))[0]
    digest = account.query("SHOW IMAGES IN IMAGE REPOSITORY IMAGES")[0]["digest"]
    assert shown["Config"]["Image"] == f"{account.host}/db/s/images/base@{digest}"
    labels = shown["Config"]["Labels"]
    assert (labels["spcs.instance"], labels["spcs.container"]) == ("0", "main")


def test_an_exit_code_is_kept(account: LocalAccount) -> None:
    job, status = finished(account, "raise SystemExit(3)")
    assert status == "FAILED"
    (container,) = account.containers(job)
    assert (container["last_exit_code"], container["message"]) == (3, "User application error, check container logs")


def test_too_much_memory_is_told_from_other_failures(account: LocalAccount) -> None:
    limits = {"resources": {"requests": {"memory": "100Mi"}, "limits": {"memory": "100Mi"}}}
    job, status = finished(account, "x = bytearray(500 << 20)", **limits)
    assert status == "FAILED"
    assert account.containers(job)[0]["message"] == "Container was OOMKilled due to resource usage"


def test_limits_are_those_of_the_specification(account: LocalAccount) -> None:
    limits = {"resources": {"requests": {"memory": "100Mi", "cpu": 0.5}, "limits": {"memory": "100Mi", "cpu": 0.5}}}
    code = """
from pathlib import Path
from typing import Any
new = Path('/sys/fs/cgroup/memory.max')
print((new if new.exists() else Path('/sys/fs/cgroup/memory/memory.limit_in_bytes')).read_text().strip())
"""
    job, _ = finished(account, code, **limits)
    assert account.logs(job) == [str(100 << 20)]
    host = json.loads(docker("inspect", *containers(account, job)))[0]["HostConfig"]
    assert (host["NanoCpus"], host["MemorySwap"]) == (500_000_000, 100 << 20)


def test_a_memory_volume_has_its_size(account: LocalAccount) -> None:
    code = "import os; f = os.statvfs('/dev/shm'); print(f.f_blocks * f.f_frsize)"
    job, _ = finished(account, code, **volume({"source": "memory", "size": "128Mi"}, "/dev/shm"))
    assert account.logs(job) == [str(128 << 20)]


def test_output_of_any_user_is_listed_and_can_be_removed(account: LocalAccount) -> None:
    code = """
import os
os.setgid(4321); os.setuid(4321); os.umask(0o077)
os.makedirs('/opt/out/a/b')
open('/opt/out/a/b/x', 'w').write('hi')
"""
    job, status = finished(account, code, **output("user"))
    assert status == "DONE", account.logs(job)
    assert [row["name"] for row in account.query("LIST @RUNS/user")] == ["runs/user/a/b/x"]
    account.query("REMOVE @RUNS/user")
    assert account.query("LIST @RUNS/user") == []


def test_inputs_on_a_stage_can_be_read_by_any_user(account: LocalAccount, tmp_path: Path) -> None:
    (tmp_path / "input").write_text("data")
    account.query(f"PUT file://{tmp_path}/input @RUNS/in AUTO_COMPRESS=FALSE")
    job, _ = finished(account, "import os; os.setuid(4321); print(open('/opt/out/input').read())", **output("in"))
    assert account.logs(job) == ["data"]


def test_the_owner_of_a_volume_is_that_of_the_specification(account: LocalAccount) -> None:
    code = "import os; s = os.stat('/opt/out'); print(s.st_uid, s.st_gid)"
    job, _ = finished(account, code, **output("owned", uid=1234, gid=2345))
    assert account.logs(job) == ["1234 2345"]


def test_a_container_logs_in_with_its_token(account: LocalAccount) -> None:
    code = """
import json, os, urllib.request
e = os.environ
token = open('/snowflake/session/token').read()
body = {'data': {'AUTHENTICATOR': 'OAUTH', 'TOKEN': token, 'ACCOUNT_NAME': e['SNOWFLAKE_ACCOUNT']}}
url = f"{e['SNOWFLAKE_PROTOCOL']}://{e['SNOWFLAKE_HOST']}:{e['SNOWFLAKE_PORT']}/session/v1/login-request"
request = urllib.request.Request(url, json.dumps(body).encode(), {'content-type': 'application/json'})
print(json.load(urllib.request.urlopen(request))['success'], e['SNOWFLAKE_SERVICE_NAME'])
print(oct(os.stat('/snowflake/session/token').st_mode)[-3:])
"""
    job, status = finished(account, code)
    assert (status, account.logs(job)) == ("DONE", [f"True {job}", "644"])


def test_a_secret_reaches_a_container_by_its_environment_and_as_a_file(account: LocalAccount) -> None:
    value = "two\nlines, it's"
    account.query("CREATE SECRET DB.S.HUB TYPE = GENERIC_STRING SECRET_STRING = 'two\\nlines, it''s'")
    by_variable = {"snowflakeSecret": "DB.S.HUB", "envVarName": "HUB", "secretKeyRef": "secret_string"}
    by_file = {"snowflakeSecret": "DB.S.HUB", "directoryPath": "/secrets/hub"}
    code = "import os; print([os.environ['HUB'], open('/secrets/hub/secret_string').read()])"
    job, status = finished(account, code, secrets=[by_variable, by_file])
    assert status == "DONE", account.containers(job)
    assert account.logs(job) == [str([value, value])]


def test_cancel_gives_the_process_its_sigterm(account: LocalAccount) -> None:
    code = """
import signal, sys, time
def leave(*_):
    print('asked to stop'); sys.exit(75)
signal.signal(signal.SIGTERM, leave)
print('ready')
time.sleep(100)
"""
    job = start(account, code)
    account.wait_for_line(job, "ready")
    account.query(f"CALL {job}!SPCS_CANCEL_JOB()")
    assert account.wait(job) == "CANCELLED"
    assert account.logs(job) == ["ready", "asked to stop"]
    assert account.containers(job)[0]["last_exit_code"] == 75


def test_containers_of_an_instance_share_localhost_and_memory_volumes(account: LocalAccount) -> None:
    server = """
import socket, time
s = socket.create_server(('127.0.0.1', 8000)); open('/mem/ready', 'w').close()
c, _ = s.accept(); print(c.recv(5).decode())
"""
    client = """
import os, socket, time
while not os.path.exists('/mem/ready'): time.sleep(0.05)
socket.create_connection(('127.0.0.1', 8000)).sendall(b'hello')
"""
    text = json.loads(spec(server, client, image=IMAGE, volumes=[{"name": "mem", "source": "memory", "size": "16Mi"}]))
    for container in text["spec"]["containers"]:
        container["volumeMounts"] = [{"name": "mem", "mountPath": "/mem"}]
    job = account.start(json.dumps(text))
    assert account.wait(job) == "DONE", account.containers(job)
    assert account.logs(job) == ["hello"]
    assert containers(account, job, "--filter", "status=running") == []


def test_replicas_find_each_other_by_name(account: LocalAccount) -> None:
    code = """
import os, socket, time
name = os.environ['SNOWFLAKE_SERVICE_NAME'].lower().replace('_', '-')
deadline = time.time() + 120
while len(found := set(socket.gethostbyname_ex('instances.' + name)[2])) < 2 and time.time() < deadline: time.sleep(0.1)
print(len(found))
while len(os.listdir('/opt/out')) < 2 and time.time() < deadline:
    open('/opt/out/' + os.environ['SNOWFLAKE_JOB_INDEX'], 'w').close(); time.sleep(0.1)
"""
    job = start(account, code, clauses="REPLICAS = 2", **output("peers"))
    assert account.wait(job) == "DONE"
    assert [account.logs(job, instance=index) for index in (0, 1)] == [["2"], ["2"]]
    addresses = [row["ip_address"] for row in account.query(f"SHOW SERVICE INSTANCES IN SERVICE {job}")]
    assert len(set(addresses)) == 2


def test_long_lines_and_progress_bars_come_out_whole(account: LocalAccount) -> None:
    job, _ = finished(account, "print('x' * 40000); print('10%', end='\\r'); print('20%'); print('end', end='')")
    assert account.logs(job) == ["x" * 40000, "10%\r20%", "end"]


def test_a_command_that_is_not_in_the_image_fails_the_job_with_its_name(account: LocalAccount) -> None:
    text = json.loads(spec("", image=IMAGE))
    text["spec"]["containers"][0]["command"] = ["nosuchprogram"]
    job = account.start(json.dumps(text))
    assert account.wait(job) == "FAILED"
    message = account.containers(job)[0]["message"]
    assert message.startswith("Encountered fatal error while starting container")
    assert "nosuchprogram" in message


def test_drop_removes_the_containers_and_the_job_directory(account: LocalAccount) -> None:
    job = start(account, UNTIL_TOLD, **output("never"))
    account.wait_for_line(job, "running")
    (container,) = containers(account, job)
    account.query(f"DROP SERVICE {job}")
    deadline = time.monotonic() + 120
    while containers(account, job):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert container not in docker("ps", "-aq", "--no-trunc")


def test_a_job_outlives_its_server_and_is_found_again(account: LocalAccount) -> None:
    running = start(account, UNTIL_TOLD, **output("kill1"))
    ending = start(account, UNTIL_TOLD + "raise SystemExit(7)", **output("kill2"))
    gone = start(account, UNTIL_TOLD, **output("kill3"))
    for job in (running, ending, gone):
        account.wait_for_line(job, "running")
    account.kill()
    stages = account.root / "stages" / "DB" / "S" / "RUNS"
    (stages / "kill2" / "go").touch()
    docker("wait", *containers(account, ending))
    docker("rm", "-f", *containers(account, gone))
    account.up()
    account.query("USE SCHEMA DB.S")
    assert account.wait(ending) == "FAILED"
    assert account.containers(ending)[0]["last_exit_code"] == 7
    assert account.wait(gone) == "FAILED"
    assert "gone" in account.containers(gone)[0]["message"]
    assert account.status(running) == "RUNNING"
    (stages / "kill1" / "go").touch()
    assert account.wait(running) == "DONE"
    assert account.logs(running) == ["running", "over"]


def test_a_container_removed_behind_our_back_fails_its_job(account: LocalAccount) -> None:
    job = start(account, UNTIL_TOLD, **output("removed"))
    account.wait_for_line(job, "running")
    docker("rm", "-f", *containers(account, job))
    assert account.wait(job) == "FAILED"
    assert account.containers(job)[0]["status"] == "FAILED"
