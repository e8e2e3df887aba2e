"""`inv doctor` as typed: before and after the set-up, and with one thing wrong at a time."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support import Outcome, Project

Findings = dict[str, dict[str, str]]
AT = "TRAINING_POOL"


def found(done: Outcome) -> Findings:
    """The findings of `inv doctor --json` by check."""
    assert "Traceback" not in done.stderr, done
    return {line["check"]: line for line in map(json.loads, done.stdout.splitlines())}


def of_status(findings: Findings, status: str) -> list[str]:
    return [name for name, finding in findings.items() if finding["status"] == status]


def test_before_and_after_the_setup(fresh: Project) -> None:
    before = fresh.inv("doctor")
    assert before.code == 3, before
    assert "of 26 checks fails: role\n  fix: inv setup\n" in before.stderr
    assert "  fail  role          this user cannot take the role TRAINING_ROLE: " in before.stdout
    assert "  skip  grants        not checked: role fails\n" in before.stdout
    assert "a node of CPU_X64_S holds the job: cpu 1 (main) = 1 of 3; memory 2Gi (main) + 0.5Gi" in before.stdout
    assert fresh.inv("setup").code == 0
    without = found(fresh.inv("doctor", "--json"))
    assert {name: without[name]["fix"] for name in of_status(without, "fail")} == {
        "image": "inv build push",
        "data": "inv data",
    }
    assert fresh.inv("data", "build", "push").code == 0
    after = fresh.inv("doctor")
    assert after.code == 0, after
    assert "fail" not in after.stdout
    assert "not checked" not in after.stdout


def test_all_is_well(desk: Project) -> None:
    done = desk.inv("doctor", "--json")
    findings = found(done)
    assert done.code == 0, done
    assert not of_status(findings, "fail")
    assert not of_status(findings, "skip")
    assert set(findings["image"]) == {"check", "group", "status", "message", "fix"}
    assert findings["image"]["message"].endswith(" as pushed")


def test_all_is_well_with_version_4_of_the_connector(desk: Project, old_connector: Path) -> None:
    findings = found(desk.inv("doctor", "--json", env={"PYTHONPATH": str(old_connector)}))
    assert of_status(findings, "fail") == of_status(findings, "skip") == []
    assert "snowflake-connector-python is 4.8.1, not " in findings["packages"]["message"]


def test_a_plan_asks_nothing(fresh: Project) -> None:
    done = fresh.inv("--dry", "doctor")
    assert done.code == 0, done
    assert "\nUSE ROLE TRAINING_ROLE;\n" in done.stdout
    assert "\nSHOW COMPUTE POOLS LIKE 'TRAINING_POOL';\n" in done.stdout
    assert not Path(fresh.env["SPCS_LOCAL_ROOT"]).exists()


def test_a_job_whose_pool_and_image_are_not_there(desk: Project) -> None:
    done = desk.inv("doctor", "--job", "train_gpu", "--json")
    findings = found(done)
    assert done.code == 3, done
    assert findings["pool"]["fix"] == "inv setup --job train_gpu"
    assert findings["image"]["fix"] == "inv build push --job train_gpu"
    assert findings["family"]["message"] == "not checked: pool fails"
    assert "gpu 1 (main) = 1 of 1" in findings["capacity"]["message"]


def test_an_image_that_was_not_pushed(desk: Project) -> None:
    findings = found(desk.inv("doctor", "--json", env={"INVOKE_JOBS_TRAIN_CODE": "[app, data]"}))
    assert of_status(findings, "fail") == ["image"]


def test_a_job_that_asks_for_more_than_a_node_has(desk: Project) -> None:
    env = {"INVOKE_JOBS_TRAIN_RESOURCES_REQUESTS_MEMORY": "13Gi", "INVOKE_JOBS_TRAIN_RESOURCES_LIMITS_MEMORY": "13Gi"}
    done = desk.inv("doctor", "--json", env=env)
    findings = found(done)
    assert (done.code, of_status(findings, "fail")) == (3, ["capacity"])
    said = "memory 13Gi (main) + 0.5Gi (stage-mount-v2-sidecar-output) = 13.5Gi of 13Gi"
    assert said in findings["capacity"]["message"]


def test_a_pool_that_is_suspended_and_one_that_was_dropped(fresh: Project) -> None:
    assert fresh.inv("setup", "data", "build", "push").code == 0
    fresh.sql(f"ALTER COMPUTE POOL {AT} RESUME")
    assert found(fresh.inv("doctor", "--json"))["pool"]["status"] == "ok"
    fresh.sql(f"ALTER COMPUTE POOL {AT} SUSPEND")
    suspended = fresh.inv("doctor", "--json")
    assert (suspended.code, found(suspended)["pool"]["status"]) == (0, "warn")
    fresh.sql(f"DROP COMPUTE POOL {AT}")
    dropped = fresh.inv("doctor", "--json")
    findings = found(dropped)
    assert (dropped.code, of_status(findings, "fail")) == (3, ["grants", "pool"])
    assert f"GRANT USAGE ON COMPUTE POOL {AT} TO ROLE TRAINING_ROLE;" in findings["grants"]["fix"]
    assert fresh.inv("setup", "doctor").code == 0


def test_a_template_that_is_broken_leaves_the_rest_checked(fresh: Project) -> None:
    fresh.edit("templates/spec.yaml.j2", "{{ image | tojson }}", "{{ imge | tojson }}")
    assert fresh.inv("setup").code == 0
    findings = found(fresh.inv("doctor", "--json"))
    assert "'imge' is undefined" in findings["templates"]["message"]
    assert findings["image"]["message"] == findings["capacity"]["message"] == "not checked: templates fails"
    assert findings["stage"]["status"] == "ok"


def connections(home: Path, port: int, password: str = "guess") -> dict[str, str]:
    """The environment of a connection that is not `local`; the file can be read by its owner alone."""
    file = home / "connections.toml"
    file.write_text(
        f'[mine]\naccount = "local"\nhost = "127.0.0.1"\nport = {port}\nprotocol = "http"\n'
        f'user = "local"\npassword = "{password}"\n'
    )
    file.chmod(0o600)
    return {"INVOKE_CONNECTION": "mine", "SNOWFLAKE_HOME": str(home)}


@contextmanager
def silent_server() -> Iterator[int]:
    """The port of somebody who takes every connection and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield int(listener.getsockname()[1])


def test_a_wrong_password(desk: Project, tmp_path: Path) -> None:
    server = json.loads((Path(desk.env["SPCS_LOCAL_ROOT"]) / "server.json").read_text())
    done = desk.inv("doctor", "--json", env=connections(tmp_path, server["port"]))
    findings = found(done)
    assert done.code == 3, done
    assert "Incorrect username or password was specified" in findings["login"]["message"]
    assert findings["login"]["fix"].startswith("mend user and password of [mine] in ")
    assert findings["pool"]["message"] == findings["image"]["message"] == "not checked: login fails"
    assert findings["capacity"]["status"] == "ok"
    assert "guess" not in done.stdout + done.stderr


def test_a_file_that_others_can_read(desk: Project, tmp_path: Path) -> None:
    env = connections(tmp_path, 9)
    (tmp_path / "connections.toml").chmod(0o644)
    findings = found(desk.inv("doctor", "--json", env=env))
    assert findings["connection"]["fix"] == f'chmod 0600 "{tmp_path / "connections.toml"}"'
    assert findings["login"]["message"] == "not checked: connection fails"


def test_an_account_that_never_answers_takes_five_seconds(desk: Project, tmp_path: Path) -> None:
    with silent_server() as port:
        done = desk.inv("doctor", "--json", env=connections(tmp_path, port))
    assert found(done)["login"]["message"] == "gave no answer in 5 s"
    assert done.code == 3, done
    assert 5 < done.seconds < 15, done


def test_an_unknown_job(fresh: Project) -> None:
    done = fresh.inv("doctor", "--job", "trian")
    assert (done.code, "did you mean 'train'?" in done.stderr) == (2, True), done
