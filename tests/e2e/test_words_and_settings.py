"""What a user may get wrong before anything is sent: each has its exit code, its reason and the command that mends it.

None of these needs an account, and none may start one.
"""

from __future__ import annotations

from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from tests.support import Outcome, Project


def refused(done: Outcome, code: int, *said: str) -> None:
    assert done.code == code, done
    assert "Traceback" not in done.stderr, done
    for text in said:
        assert text in done.stderr, done


def untouched(project: Project) -> None:
    assert not Path(project.env["SPCS_LOCAL_ROOT"]).exists(), "an account was started"


@pytest.mark.parametrize("task", ["render", "build", "push", "run"])
def test_an_unknown_job(fresh: Project, task: str) -> None:
    refused(fresh.inv(task, "--job", "trian"), 2, "there is no job 'trian'", "fix: did you mean 'train'?")
    untouched(fresh)


def test_an_unknown_key_and_a_wrong_type(fresh: Project) -> None:
    fresh.edit("invoke.yaml", "image_repository: IMAGES", "image_repo: IMAGES")
    refused(fresh.inv("build"), 2, "unknown setting 'snowflake.image_repo' (invoke.yaml:", "'image_repository'?")
    fresh.edit("invoke.yaml", "image_repo: IMAGES", "image_repository: [IMAGES]")
    refused(fresh.inv("build"), 2, "'snowflake.image_repository' must be text", "(invoke.yaml:")
    untouched(fresh)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("INVOKE_SNOWFLAKE_ROLLE", "X", "did you mean 'INVOKE_SNOWFLAKE_ROLE'?"),
        ("INVOKE_SNOWFLAKE_COMPUTE_POOL_MAX_NODES", "many", "must be a whole number, not 'many'"),
        ("INVOKE_IMAGE_BUILD_OPTIONS", "--network host", "must be a list"),
    ],
)
def test_a_wrong_variable(fresh: Project, name: str, text: str, said: str) -> None:
    refused(fresh.inv("build", env={name: text}), 2, name, said)
    untouched(fresh)


def test_a_settings_file_that_is_not_there(fresh: Project) -> None:
    refused(fresh.inv("-f", "mine.yaml", "build"), 2, "there is no settings file", "mine.yaml")


def test_an_error_in_a_template(fresh: Project) -> None:
    fresh.edit("templates/spec.yaml.j2", "{{ image | tojson }}", "{{ imge | tojson }}")
    refused(
        fresh.inv("--dry", "run", env={"INVOKE_IMAGE_ENGINE": "none"}),
        2,
        "templates/spec.yaml.j2:7: 'imge' is undefined",
        "fix: choose from the names a template gets:",
    )


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "- name: {{ container | tojson }}",
            "- name: {{ container | tojson }}\n    imagge: x",
            "unknown option 'imagge' for 'spec.containers[0]'",
        ),
        (
            "{% block volume_mounts %}{% endblock %}",
            "    - {name: scratch, mountPath: /scratch}",
            "scratch",
        ),
    ],
    ids=["unknown key", "mount without volume"],
)
def test_a_specification_that_is_not_valid(fresh: Project, old: str, new: str, said: str) -> None:
    fresh.edit("templates/spec.yaml.j2", old, new)
    done = fresh.inv("--dry", "run", env={"INVOKE_IMAGE_ENGINE": "none"})
    refused(done, 2, "the specification of job 'train' is not valid (templates/spec.yaml.j2, line", said, "fix: ")


@pytest.mark.parametrize(
    ("resources", "said"),
    [
        ("{requests: {gpu: 1}}", "nvidia.com/gpu"),
        ("{requests: {cpu: '8'}}", "Requirement exceeds compute pool instance capacity 3"),
        ("{requests: {memory: 20Gi}}", "Requirement exceeds compute pool instance capacity"),
        ("{requests: {memory: '20'}}", "memory"),
        ("{requests: {gpu: 1}, limits: {gpu: 1}}", "nvidia.com/gpu"),
    ],
    ids=["gpu in one of both", "too many cores", "too much memory", "no unit", "gpu where there is none"],
)
def test_a_request_that_can_never_be_met(fresh: Project, resources: str, said: str) -> None:
    fresh.write("mine.yaml", f"job: mine\njobs:\n  mine:\n    resources: {resources}\n")
    done = fresh.inv("-f", "mine.yaml", "--dry", "run", env={"INVOKE_IMAGE_ENGINE": "none"})
    refused(done, 2, "the specification of job 'mine' is not valid", said, "fix: ")


def test_a_connection_that_is_not_there(fresh: Project) -> None:
    Path(fresh.env["SNOWFLAKE_HOME"], "connections.toml").write_text('[work]\naccount = "a"\nuser = "u"\n')
    Path(fresh.env["SNOWFLAKE_HOME"], "connections.toml").chmod(0o600)
    refused(fresh.inv("setup", env={"INVOKE_CONNECTION": "wrok"}), 2, "wrok", "work", "fix: ")
    untouched(fresh)


def test_a_real_account_without_an_engine(fresh: Project) -> None:
    Path(fresh.env["SNOWFLAKE_HOME"], "connections.toml").write_text('[work]\naccount = "a"\nuser = "u"\n')
    Path(fresh.env["SNOWFLAKE_HOME"], "connections.toml").chmod(0o600)
    done = fresh.inv("build", env={"INVOKE_CONNECTION": "work", "PATH": "/nowhere"})
    refused(
        done, 3, "there is no container engine on this machine", "fix: inv build push --engine wheels", "install Docker"
    )


def test_an_engine_that_nobody_knows(fresh: Project) -> None:
    refused(fresh.inv("build", "--engine", "weels"), 2, "there is no engine 'weels'", "fix: did you mean 'wheels'?")


@pytest.mark.parametrize("words", [["render"], ["--dry", "images"], ["--dry", "run"]], ids=" ".join)
def test_what_asks_nothing_of_an_engine_needs_none_for_a_real_account(fresh: Project, words: list[str]) -> None:
    file = Path(fresh.env["SNOWFLAKE_HOME"], "connections.toml")
    file.write_text('[work]\naccount = "a"\nuser = "u"\n')
    file.chmod(0o600)
    done = fresh.inv(*words, env={"INVOKE_CONNECTION": "work"})
    assert done.code == 0, done


def test_the_whole_chain_can_be_read_on_a_fresh_clone(fresh: Project) -> None:
    done = fresh.inv("--dry", "setup", "data", "build", "push", "run")
    assert done.code == 0, done
    assert "EXECUTE JOB SERVICE" in done.stdout
    untouched(fresh)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("status", "SHOW SERVICE CONTAINERS IN SERVICE"),
        ("logs", "SYSTEM$GET_SERVICE_LOGS("),
        ("logs --follow", "SYSTEM$GET_SERVICE_LOGS("),
        ("logs --replica 2 --container side", "train_20260101_000000_bcdf', '2', 'side', "),
        ("wait --timeout 10m", "DESCRIBE SERVICE"),
        ("fetch", "GET @TRAINING_DB.TRAINING.RUNS/runs/train_20260101_000000_bcdf/output/ "),
        ("cancel", "!SPCS_CANCEL_JOB()"),
    ],
)
def test_what_would_be_asked_about_a_run_can_be_read(fresh: Project, words: str, said: str) -> None:
    done = fresh.inv("--dry", *words.split(), "--run", "train_20260101_000000_bcdf")
    assert done.code == 0, done
    assert said in done.stdout
    untouched(fresh)


def test_an_engine_that_does_not_run(fresh: Project, tmp_path: Path) -> None:
    client = tmp_path / "bin" / "docker"
    client.parent.mkdir()
    client.write_text("#!/bin/sh\necho 'Cannot connect to the Docker daemon. Is it running?' >&2\nexit 1\n")
    client.chmod(0o755)
    done = fresh.inv("build", env={"INVOKE_IMAGE_ENGINE": "docker", "PATH": f"{client.parent}:/usr/bin:/bin"})
    refused(done, 3, "docker is installed, but its engine is not running", "Is it running?", "fix: ")
    untouched(fresh)


def test_code_that_is_not_there(fresh: Project) -> None:
    refused(fresh.inv("build", "--job", "tutorial", env={"INVOKE_IMAGE_ENGINE": "none"}), 2, "main.py", "fix: ")


def test_the_tutorials_job_renders(fresh: Project) -> None:
    fresh.write("main.py", "print('tutorial')\n")
    done = fresh.inv("render", "--job", "tutorial", env={"INVOKE_IMAGE_ENGINE": "none"})
    assert done.code == 0, done
    build = fresh.root / ".spcs" / "build" / "tutorial"
    dockerfile = (build / "Dockerfile").read_text()
    assert dockerfile.count("FROM python:3.8-slim@sha256:") == 1
    requirements = "requirements-heavy.txt", "requirements-light.txt"
    assert all(name in dockerfile for name in requirements)
    spec = (build / "spec.yaml").read_text()
    for text in (
        "nvidia.com/gpu: 4",
        'memory: "188G"',
        'memory: "192G"',
        'MOUNT_PATH: "/opt/training-output"',
        'mountPath: "/dev/shm"',
        'size: "10Gi"',
        'command: ["python3", "main.py"]',
    ):
        assert text in spec, spec
    sql = (build / "setup.sql").read_text()
    assert "INSTANCE_FAMILY = GPU_NV_M" in sql
    again = fresh.inv("render", "--job", "tutorial", env={"INVOKE_IMAGE_ENGINE": "none"})
    assert again.code == 0
    assert ((build / "Dockerfile").read_text(), (build / "spec.yaml").read_text()) == (dockerfile, spec)


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n"], ids=["empty", "csv"])
def test_data_that_is_no_parquet_is_not_sent(fresh: Project, content: bytes) -> None:
    (fresh.root / "data" / "mine.csv").write_bytes(content)
    done = fresh.inv("--dry", "data", env={"INVOKE_DATA_FILE": "data/mine.csv"})
    refused(done, 2, "mine.csv is not a Parquet file", "fix: name a Parquet file in data.file")
    assert "PUT" not in done.stdout


def test_columns_that_differ_in_case_alone_are_refused(fresh: Project) -> None:
    table = pyarrow.table([[1], [2], [3]], names=["label", "LABEL", "x"])
    pyarrow.parquet.write_table(table, fresh.root / "data" / "mine.parquet")
    done = fresh.inv("--dry", "data", env={"INVOKE_DATA_FILE": "data/mine.parquet"})
    refused(done, 2, "columns of mine.parquet are told apart by case alone: label, LABEL", "fix: rename")
    assert "PUT" not in done.stdout


def test_benchmarks_say_whether_they_keep_their_bar(fresh: Project) -> None:
    refused(fresh.inv("bench", "--only", "start"), 2, "no group 'start'", "fix: did you mean 'startup'?")
    assert "-m benchmarks.loader\n" in fresh.inv("--dry", "bench", "--only", "training").stdout
    fresh.edit("benchmarks/startup.py", "pairs=15", "pairs=1")
    fresh.edit("benchmarks/startup.py", "1.35", "1000")
    kept = fresh.inv("bench", "--only", "startup")
    assert kept.code == 0, kept
    assert kept.stdout.endswith("<=1000 ok\n"), kept
    fresh.edit("benchmarks/startup.py", "1000", "0.01")
    refused(fresh.inv("bench", "--only", "startup"), 1, "benchmarks fell short: startup", "fix: inv bench")
    untouched(fresh)


def test_a_whole_image_on_a_local_account_that_runs_none(fresh: Project) -> None:
    assert fresh.inv("setup").code == 0
    refused(
        fresh.inv("build", "--engine", "wheels"), 3, "the local account runs no whole images here", "fix: leave out"
    )
