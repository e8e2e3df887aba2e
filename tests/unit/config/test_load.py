"""Settings: what is taken, what is refused, and where each value is said to come from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from spcs.config import JobSecret, Settings, Snowflake, integrations, job_named, load, made_secrets, secret_path
from spcs.errors import SettingsProblem

REPOSITORY = Path(__file__).parents[3]


def loaded(text: str, tmp_path: Path, **environment: str) -> Settings:
    file = tmp_path / "invoke.yaml"
    file.write_text(text)
    return load(yaml.safe_load(text) or {}, environment, file)


def refused(text: str, tmp_path: Path, **environment: str) -> SettingsProblem:
    with pytest.raises(SettingsProblem) as caught:
        loaded(text, tmp_path, **environment)
    assert caught.value.code == 2
    return caught.value


def test_an_empty_file_is_a_whole_project(tmp_path: Path) -> None:
    assert loaded("", tmp_path) == Settings()


def test_a_command_is_a_whole_job(tmp_path: Path) -> None:
    job = job_named(loaded("jobs: {train: {}, mine: {command: [python, x.py]}}", tmp_path), "mine")
    assert job.command == ("python", "x.py")
    assert job.replicas == 1


def test_the_file_of_the_repository_is_valid() -> None:
    file = REPOSITORY / "invoke.yaml"
    settings = load(yaml.safe_load(file.read_text()), {}, file)
    assert {"train", "tutorial"} <= set(settings.jobs)
    assert "@sha256:" in settings.image.base


@pytest.mark.parametrize(
    ("text", "what", "fix"),
    [
        ("jbos: {}", "unknown setting 'jbos' (invoke.yaml:1)", "did you mean 'jobs'?"),
        ("snowflake:\n  rolle: X", "unknown setting 'snowflake.rolle' (invoke.yaml:2)", "did you mean 'role'?"),
        ("jobs:\n  train:\n    replica: 2", "unknown setting 'jobs.train.replica' (invoke.yaml:3)", "'replicas'"),
        ("image: {engine: dokcer}", "'image.engine' is 'dokcer' (invoke.yaml:1)", "did you mean 'docker'?"),
        (
            "jobs: {train: {replicas: two}}",
            "'jobs.train.replicas' must be a whole number, not 'two'",
            "such as replicas: 2",
        ),
        (
            "jobs: {train: {max_credits: much}}",
            "'jobs.train.max_credits' must be a number, not 'much'",
            "such as max_credits: 0.5",
        ),
        (
            "jobs: {train: {replicas: true}}",
            "'jobs.train.replicas' must be a whole number, not True",
            "in invoke.yaml:1 write",
        ),
        (
            "jobs: {train: {args: --fast}}",
            "'jobs.train.args' must be a list, not '--fast'",
            "in invoke.yaml:1 write a list, such as args: [--fast]",
        ),
        ("image: {code: {a: b}}", "'image.code' must be a list", 'such as code: ["…"]'),
        ("jobs: {train: {secrets: TOKEN}}", "must be a list", "such as secrets: [{name: …}]"),
        (
            "jobs: {train: {volumes: [data]}}",
            "'jobs.train.volumes.0' must be a table of name,",
            "in invoke.yaml:1 write a table, such as {name: …, mount: …}",
        ),
        ("jobs: {train: {env: DEBUG}}", "'jobs.train.env' must be a table", 'such as env: {NAME: "…"}'),
        ("image: {base: [a]}", "'image.base' must be text, not ['a']", 'write text, such as base: "…"'),
        ("image: {base: }", "'image.base' must be text, not nothing", 'write text, such as base: "…"'),
        ("snowflake: X", "'snowflake' must be a table of", "such as snowflake: {admin_role: …}"),
        ("pins: {torch: 2.10}", "'pins.torch' must be a version", 'write it in quotes, such as torch: "2.13.0"'),
        (
            "jobs: {train: {volumes: [{mount: /x}]}}",
            "'jobs.train.volumes.0' lacks 'name'",
            "in invoke.yaml:1 add name: … to jobs.train.volumes.0",
        ),
        ("snowflake: {role: 'my role'}", "'snowflake.role' is 'my role'", "use letters, digits and _"),
        ("jobs: {train: {}, Train-2: {}}", "a job cannot be called 'Train-2' (invoke.yaml:1)", "lower-case"),
        ("job: trian\njobs: {train: {}}", "there is no job 'trian'", "did you mean 'train'?"),
    ],
)
def test_a_wrong_setting_is_named_with_its_line(text: str, what: str, fix: str, tmp_path: Path) -> None:
    problem = refused(text, tmp_path)
    assert what in problem.what
    assert fix in problem.fix


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("jobs: {train: {replicas: 0}}", "'jobs.train.replicas' is 0 (invoke.yaml:1)"),
        ("jobs: {train: {replicas: -2}}", "'jobs.train.replicas' is -2 (invoke.yaml:1)"),
        ("snowflake: {compute_pool: {min_nodes: -1}}", "'snowflake.compute_pool.min_nodes' is -1"),
        ("snowflake: {compute_pool: {max_nodes: 0, min_nodes: 0}}", "'snowflake.compute_pool.max_nodes' is 0"),
        ("snowflake: {compute_pool: {min_nodes: 3}}", "'snowflake.compute_pool' has min_nodes 3, but max_nodes 1"),
        ("snowflake: {compute_pool: {auto_suspend_secs: -1}}", "'snowflake.compute_pool.auto_suspend_secs' is -1"),
        ("snowflake: {compute_pool: {instance_family: 'X; DROP'}}", "instance_family' is 'X; DROP'"),
        ("jobs: {train: {compute_pool: {instance_family: ''}}}", "'jobs.train.compute_pool.instance_family' is ''"),
        ("image: {name: ''}", "'image.name' is ''"),
        ("image: {name: My Image}", "'image.name' is 'My Image'"),
        ("image: {base: ''}", "'image.base' is ''"),
        ('image: {base: "a\\nRUN evil"}', "'image.base' is"),
        ("jobs: {train: {base: two words}}", "'jobs.train.base' is 'two words'"),
        ("image: {apt: [libgomp1, curl && evil]}", "'image.apt.1' is 'curl && evil'"),
        ("connection: ''", "'connection' is ''"),
        ("jobs: {train: {env: {A B: x}}}", "'jobs.train.env.A B' is 'A B'"),
        ("jobs: {train: {env: {A=B: x}}}", "'jobs.train.env.A=B' is 'A=B'"),
        ("jobs: {train: {max_credits: 0}}", "'jobs.train.max_credits' is 0"),
        ("jobs: {train: {max_credits: -1.5}}", "'jobs.train.max_credits' is -1.5"),
        ("jobs: {train: {max_credits: .nan}}", "'jobs.train.max_credits' is nan"),
        ("jobs: {train: {env: {SNOWFLAKE_ACCOUNT: x}}}", "'jobs.train.env.SNOWFLAKE_ACCOUNT' is 'SNOWFLAKE_ACCOUNT'"),
        ("jobs: {train: {output: /}}", "'jobs.train.output' is '/'"),
        ("jobs: {train: {output: out}}", "'jobs.train.output' is 'out'"),
        ("jobs: {train: {output: /opt/../etc}}", "'jobs.train.output' is '/opt/../etc'"),
        ("jobs: {train: {volumes: [{name: v, mount: data}]}}", "'jobs.train.volumes.0.mount' is 'data'"),
    ],
)
def test_a_value_that_cannot_work_is_told_on_the_desk(text: str, what: str, tmp_path: Path) -> None:
    problem = refused(text, tmp_path)
    assert what in problem.what
    assert problem.fix


@pytest.mark.parametrize(
    "text",
    [
        "image: {name: my-image_2.x, base: 'localhost:5000/a/python:3.11@sha256:0a', apt: [libstdc++6, g++=4:12.2]}",
        "jobs: {train: {env: {_a1: x, spark.ui: y}, output: /opt/.cache/out/, replicas: 4}}",
        "snowflake: {compute_pool: {min_nodes: 0, max_nodes: 5, auto_suspend_secs: 0}}",
    ],
)
def test_unusual_values_that_work_are_taken(text: str, tmp_path: Path) -> None:
    loaded(text if "jobs" in text else f"{text}\njobs: {{train: {{}}}}", tmp_path)


def test_the_environment_is_above_the_file(tmp_path: Path) -> None:
    settings = loaded(
        "snowflake: {role: A}",
        tmp_path,
        INVOKE_SNOWFLAKE_ROLE="B",
        INVOKE_SNOWFLAKE_COMPUTE_POOL_MAX_NODES="3",
        INVOKE_IMAGE_BUILD_OPTIONS="[--network, host]",
        INVOKE_IMAGE_BASE="base:1",
    )
    assert settings.snowflake.role == "B"
    assert settings.snowflake.compute_pool.max_nodes == 3
    assert settings.image.build_options == ("--network", "host")
    assert settings.image.base == "base:1"


def test_a_job_of_the_file_is_reached_by_the_environment(tmp_path: Path) -> None:
    settings = loaded("jobs: {train: {}}", tmp_path, INVOKE_JOBS_TRAIN_REPLICAS="2", INVOKE_JOBS_TRAIN_SHM="1Gi")
    assert settings.jobs["train"].replicas == 2
    assert settings.jobs["train"].shm == "1Gi"


@pytest.mark.parametrize(
    ("name", "text", "what", "fix"),
    [
        (
            "INVOKE_SNOWFLAKE_ROLLE",
            "X",
            "INVOKE_SNOWFLAKE_ROLLE in the environment matches no setting",
            "did you mean 'INVOKE_SNOWFLAKE_ROLE'?",
        ),
        (
            "INVOKE_JOBS_TRAIN_REPLICAS",
            "two",
            "must be a whole number, not 'two' (INVOKE_JOBS_TRAIN_REPLICAS)",
            "give it a whole number: INVOKE_JOBS_TRAIN_REPLICAS=2",
        ),
        (
            "INVOKE_IMAGE_BUILD_OPTIONS",
            "--network host",
            "'image.build_options' must be a list",
            "give it a list: INVOKE_IMAGE_BUILD_OPTIONS='[--network host]'",
        ),
        (
            "INVOKE_IMAGE_BUILD_OPTIONS",
            "[--a",
            "INVOKE_IMAGE_BUILD_OPTIONS cannot be read",
            "write it as in YAML: a list is INVOKE_IMAGE_BUILD_OPTIONS='[a, b]'",
        ),
        (
            "INVOKE_IMAGE_ENGINE",
            "dokcer",
            "'image.engine' is 'dokcer' (INVOKE_IMAGE_ENGINE)",
            "did you mean 'docker'?",
        ),
    ],
)
def test_a_wrong_variable_is_named(name: str, text: str, what: str, fix: str, tmp_path: Path) -> None:
    problem = refused("jobs: {train: {}}", tmp_path, **{name: text})
    assert what in problem.what
    assert problem.fix == fix


def test_a_version_that_was_read_as_a_number_says_what_became_of_it(tmp_path: Path) -> None:
    assert refused("pins: {torch: 2.10}", tmp_path).why == "without quotes YAML reads a number: 2.10 is 2.1"
    assert refused("pins: {torch: [a]}", tmp_path).why == ""


def test_a_file_given_with_f_is_above_the_environment(tmp_path: Path) -> None:
    runtime: dict[str, Any] = {"snowflake": {"role": "C"}}
    settings = load(runtime, {"INVOKE_SNOWFLAKE_ROLE": "B"}, tmp_path / "invoke.yaml", tmp_path / "mine.yaml", runtime)
    assert settings.snowflake.role == "C"


@pytest.mark.parametrize(
    ("job", "what"),
    [
        ({"args": "--fast"}, "'jobs.mine.args' must be a list, not '--fast' ({file}:2)"),
        ({"volumes": [{"mount": "/x"}]}, "'jobs.mine.volumes.0' lacks 'name' ({file}:2)"),
    ],
)
def test_a_wrong_value_of_a_file_given_with_f_names_that_file(job: dict[str, Any], what: str, tmp_path: Path) -> None:
    file = tmp_path / "mine" / "invoke.yaml"
    file.parent.mkdir()
    file.write_text(f"jobs:\n  mine: {job}\n")
    runtime: dict[str, Any] = {"jobs": {"mine": job}}
    with pytest.raises(SettingsProblem) as caught:
        load({**runtime, "job": "mine"}, {}, tmp_path / "invoke.yaml", file, runtime)
    assert caught.value.what == what.format(file=file)


def of_job(entry: str) -> str:
    return f"jobs: {{train: {{{entry}}}}}"


def test_hosts_and_secrets_of_a_job(tmp_path: Path) -> None:
    text = of_job("network: [a.org, 'b.org:8443'], secrets: [{name: T, env: HF}, {name: d.s.t, mount: /t}]")
    job = job_named(loaded(text, tmp_path), "train")
    assert job.secrets == (JobSecret("T", env="HF"), JobSecret("d.s.t", mount="/t"))
    flake = Snowflake(database="d", schema="s")
    assert integrations(flake, "train", job) == ("D_S_TRAIN_ACCESS",)
    assert [secret_path(flake, JobSecret(name)) for name in ("t", "x.t", "y.x.t")] == ["d.s.t", "d.x.t", "y.x.t"]
    assert made_secrets([job, job]) == ["T"]


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("network: ['*.a.org']", "'jobs.train.network.0' is '*.a.org'"),
        ("network: ['https://a.org']", "'jobs.train.network.0'"),
        ("network: ['a.org:25']", "'jobs.train.network.0' is 'a.org:25'"),
        ("network: ['a.org:99999']", "'jobs.train.network.0'"),
        ("network: ['0.0.0.0:8080']", "'jobs.train.network.0'"),
        ("secrets: [{name: T}]", "'jobs.train.secrets.0' must have either env or mount"),
        ("secrets: [{name: T, env: A, mount: /t}]", "'jobs.train.secrets.0' must have either env or mount"),
        ("secrets: [{name: 'a b', env: A}]", "'jobs.train.secrets.0.name' is 'a b'"),
        ("secrets: [{name: T, mount: t}]", "'jobs.train.secrets.0.mount' is 't'"),
        ("secrets: [{name: T, env: A, value: x}]", "unknown setting 'jobs.train.secrets.0.value'"),
    ],
)
def test_hosts_and_secrets_that_cannot_be(entry: str, said: str, tmp_path: Path) -> None:
    assert said in refused(of_job(entry), tmp_path).what
