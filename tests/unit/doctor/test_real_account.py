"""Checks of the account, by the rows that only a real one answers with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from spcs import doctor
from spcs.account import Account, Secret
from spcs.config import Job, Settings, Snowflake
from spcs.doctor import Finding, Ground
from spcs.errors import NotReady, Problem, Refused
from tests.unit.doctor.conftest import SPEC

Make = Callable[..., Ground]
FLAKE = Snowflake(role="R", database="DB", schema="S")


POOL = {"name": "P", "state": "ACTIVE", "min_nodes": 1, "max_nodes": 2, "instance_family": "F", "auto_resume": "true"}


@pytest.mark.parametrize(
    ("row", "status", "fix"),
    [
        ({}, "ok", ""),
        ({"state": "SUSPENDED", "auto_resume": "false"}, "fail", "ALTER COMPUTE POOL P RESUME"),
        (
            {"state": "IDLE", "auto_suspend_secs": 0},
            "warn",
            "ALTER COMPUTE POOL P SET AUTO_SUSPEND_SECS = 300, or inv pool --suspend after a run",
        ),
        ({"state": "STOPPING"}, "warn", "if it stays so: ALTER COMPUTE POOL P STOP ALL"),
        (
            {"error_code": 392508, "status_message": "Compute pool has reached the maximum node limit."},
            "warn",
            "ALTER COMPUTE POOL P SET MAX_NODES = 3",
        ),
        (
            {"error_code": "392507", "status_message": "We have observed CAPACITY_ERROR."},
            "warn",
            "wait, or name another compute_pool.instance_family (of another pool) in invoke.yaml",
        ),
    ],
)
def test_states_of_a_pool(row: dict[str, object], status: str, fix: str) -> None:
    found = doctor.pool.judge({**POOL, **row})
    assert (found.status, found.fix) == (status, fix)


class Known(Account):
    """An account that answers with the rows it is given, as a real one would: the local one has no such objects."""

    def __init__(self, *rows: dict[str, Any], refusal: Problem | None = None) -> None:
        super().__init__({}, name="mine", dry=True)
        self.rows, self.refusal, self.asked = list(rows), refusal, list[str]()

    def query(self, statement: str, *secrets: Secret) -> list[dict[str, Any]]:
        self.asked.append(statement)
        if self.refusal:
            raise self.refusal
        return self.rows


SECRETS = SPEC.replace(
    "    resources", "    secrets: [{snowflakeSecret: {objectName: X.T}, directoryPath: /t}]\n    resources"
)
HUB = Job(external_access_integrations=("HUB",))


def real(ground: Make, opened: Account, look: Callable[[Ground], Finding], **more: Any) -> Finding:
    return look(ground(opened=opened, settings=Settings(connection="mine", snowflake=FLAKE), **more))


def test_secrets_of_a_real_account(ground: Make) -> None:
    there, gone = Known({"name": "T"}), Known()
    assert real(ground, there, doctor.secrets.look, spec=SECRETS).message == "there are DB.X.T"
    assert there.asked == ["SHOW SECRETS LIKE 'T' IN SCHEMA DB.X"]
    found = real(ground, gone, doctor.secrets.look, spec=SECRETS)
    assert (found.status, "GRANT READ ON SECRET DB.X.T TO ROLE R" in found.fix) == ("fail", True)
    with pytest.raises(Refused):
        real(ground, Known(refusal=Refused("no")), doctor.secrets.look, spec=SECRETS)


def test_integrations_of_a_real_account(ground: Make) -> None:
    look = doctor.integrations.look
    assert real(ground, Known({"name": "HUB", "enabled": "true"}), look, job=HUB).status == "ok"
    off = real(ground, Known({"name": "HUB", "enabled": "false"}), look, job=HUB)
    assert (off.status, off.fix) == ("fail", "ALTER EXTERNAL ACCESS INTEGRATION HUB SET ENABLED = TRUE")
    found = real(ground, Known(), look, job=HUB)
    assert (found.status, "GRANT USAGE ON INTEGRATION HUB TO ROLE R" in found.fix) == ("fail", True)


def test_an_idle_pool_is_billed(ground: Make) -> None:
    row = {**POOL, "name": "TRAINING_POOL", "state": "IDLE", "auto_suspend_secs": 300}
    found = real(ground, Known(row), doctor.pool.look)
    assert found == doctor.model.ok(
        "TRAINING_POOL is idle, 1 to 2 nodes of F; it is billed until it has been idle for 300 s"
    )


def test_a_host_with_an_underscore(ground: Make) -> None:
    url = "my_org-acct.registry.snowflakecomputing.com/db/s/images"
    found = real(ground, Known({"name": "IMAGES", "repository_url": url}), doctor.repository.look)
    assert found.status == "ok"
    assert found.message.startswith("my-org-acct.registry.snowflakecomputing.com/db/s/images (")


def test_an_external_stage(ground: Make) -> None:
    found = real(ground, Known({"name": "RUNS", "type": "EXTERNAL"}), doctor.stage.look)
    assert (found.status, "external stage" in found.message) == ("fail", True)


@pytest.mark.parametrize(
    ("parameters", "way"),
    [
        ({"password": "x"}, "password"),
        ({"private_key_file": "k"}, "key pair"),
        ({"authenticator": "externalbrowser"}, "single sign-on in the browser"),
        ({"authenticator": "PROGRAMMATIC_ACCESS_TOKEN"}, "programmatic access token"),
    ],
)
def test_the_connection_in_words(parameters: dict[str, str], way: str) -> None:
    said = doctor.connection.described("[mine] in x.toml", {"account": "o-a", **parameters}, is_local=False)
    assert said == f"[mine] in x.toml: account o-a, by {way}"


def test_a_login_that_waits_for_a_person_may_take_longer(ground: Make, tmp_path: Path, monkeypatch: Any) -> None:
    file = tmp_path / "connections.toml"
    file.write_text('[sso]\naccount = "o-a"\nauthenticator = "externalbrowser"\n[key]\naccount = "o-a"\n')
    file.chmod(0o600)
    monkeypatch.setenv("SNOWFLAKE_HOME", str(tmp_path))
    for name, seconds in {"sso": doctor.login.FOR_A_PERSON, "key": 5.0, "none": 5.0}.items():
        assert doctor.login.patience(ground(settings=Settings(connection=name))) == seconds


def test_no_connection_is_why_nothing_else_is_asked(ground: Make) -> None:
    with pytest.raises(NotReady, match="no server"):
        doctor.connection.look(ground(opened=NotReady("no server")))


class Hidden(Known):
    """An account that shows the grants of some roles only."""

    def __init__(self, shown: dict[str, list[dict[str, Any]]]) -> None:
        super().__init__()
        self.shown = shown

    def query(self, statement: str, *secrets: Secret) -> list[dict[str, Any]]:
        role = statement.rpartition(" ")[2]
        if role not in self.shown:
            raise Refused(f"insufficient privileges to look at {role}")
        return self.shown[role]


def test_grants_that_cannot_be_looked_into_may_be_what_is_missing(ground: Make) -> None:
    row = {"privilege": "USAGE", "granted_on": "DATABASE_ROLE", "name": "DB.READERS"}
    look = doctor.grants.look
    found = real(ground, Hidden({"R": [row], "PUBLIC": []}), look)
    assert (found.status, "unless it has that by DB.READERS, " in found.message) == ("warn", True)
    hidden = real(ground, Hidden({"R": [{**row, "granted_on": "ROLE", "name": "UPPER"}], "PUBLIC": []}), look)
    assert (hidden.status, "unless it has that by UPPER, " in hidden.message) == ("warn", True)
    assert real(ground, Hidden({"R": [], "PUBLIC": []}), look).status == "fail"
    with pytest.raises(Refused):
        real(ground, Hidden({}), look)
