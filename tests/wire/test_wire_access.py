"""Network rules, external access integrations and secrets: made, shown, described, used by a job, and dropped."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import pytest

from tests.accounts import LocalAccount, spec
from tests.wire import images

VALUE = "it's a `value` with $$ and \\ in it"
QUOTED = VALUE.replace("\\", "\\\\").replace("'", "''")
GENERIC = "CREATE SECRET IF NOT EXISTS DB.S.HUB TYPE = GENERIC_STRING SECRET_STRING = '{}' COMMENT = 'mine'"
RULE = "CREATE NETWORK RULE {}DB.S.OUT TYPE = HOST_PORT MODE = EGRESS VALUE_LIST = ('a.org', 'b.org:80')"


@pytest.fixture(scope="module")
def access(wire: LocalAccount) -> Iterator[LocalAccount]:
    """The session's account, with one of each of these, and an image to run."""
    for statement in (
        RULE.format("IF NOT EXISTS "),
        "CREATE EXTERNAL ACCESS INTEGRATION IF NOT EXISTS OUT_ACCESS ALLOWED_NETWORK_RULES = (DB.S.OUT) ENABLED = TRUE",
        GENERIC.format(QUOTED),
        "CREATE SECRET IF NOT EXISTS DB.S.LOGIN TYPE = PASSWORD USERNAME = 'jane' PASSWORD = 'hunter2'",
    ):
        wire.query(statement)
    images.push(f"{wire.host}/db/s/images", wire.registry_password())
    yield wire
    for drop in ("INTEGRATION OUT_ACCESS", "NETWORK RULE DB.S.OUT", "SECRET DB.S.HUB", "SECRET DB.S.LOGIN"):
        wire.query(f"DROP {drop}")


def test_they_are_shown_without_what_a_secret_holds(access: LocalAccount) -> None:
    (rule,) = access.query("SHOW NETWORK RULES LIKE 'OUT' IN SCHEMA DB.S")
    assert (rule["type"], rule["mode"], rule["entries_in_valuelist"]) == ("HOST_PORT", "EGRESS", 2)
    (integration,) = access.query("SHOW EXTERNAL ACCESS INTEGRATIONS LIKE 'OUT_ACCESS'")
    assert (integration["type"], integration["enabled"]) == ("EXTERNAL_ACCESS", "true")
    assert "OUT_ACCESS" in [row["name"] for row in access.query("SHOW INTEGRATIONS")]
    assert [row["name"] for row in access.query("SHOW SECRETS IN SCHEMA DB.S")] == ["HUB", "LOGIN"]
    described = access.query("DESCRIBE SECRET DB.S.LOGIN")
    assert (described[0]["secret_type"], described[0]["username"]) == ("PASSWORD", "jane")
    for shown in (described, access.query("DESCRIBE SECRET DB.S.HUB"), access.query("SHOW SECRETS IN ACCOUNT")):
        assert VALUE not in str(shown)
        assert "hunter2" not in str(shown)


def test_they_are_described(access: LocalAccount) -> None:
    assert access.query("DESCRIBE NETWORK RULE DB.S.OUT")[0]["value_list"] == "a.org,b.org:80"
    for kind in ("INTEGRATION", "EXTERNAL ACCESS INTEGRATION"):
        said = {row["property"]: row["property_value"] for row in access.query(f"DESCRIBE {kind} OUT_ACCESS")}
        assert (said["ENABLED"], said["ALLOWED_NETWORK_RULES"]) == ("true", "[DB.S.OUT]")
    access.query("ALTER NETWORK RULE DB.S.OUT SET VALUE_LIST = ('c.org')")
    assert access.query("DESCRIBE NETWORK RULE DB.S.OUT")[0]["value_list"] == "c.org"


def test_grants_on_them_are_kept(access: LocalAccount) -> None:
    access.query("CREATE ROLE IF NOT EXISTS HUB_ROLE")
    access.query("GRANT USAGE ON INTEGRATION OUT_ACCESS TO ROLE HUB_ROLE")
    access.query("GRANT READ ON SECRET DB.S.HUB TO ROLE HUB_ROLE")
    rows = access.query("SHOW GRANTS TO ROLE HUB_ROLE")
    granted = {(row["privilege"], row["granted_on"], row["name"]) for row in rows}
    assert granted == {("USAGE", "INTEGRATION", "OUT_ACCESS"), ("READ", "SECRET", "DB.S.HUB")}
    assert "HUB_ROLE" in [row["grantee_name"] for row in access.query("SHOW GRANTS ON INTEGRATION OUT_ACCESS")]
    access.query("DROP ROLE HUB_ROLE")


def test_a_pool_may_have_the_name_of_a_kind(access: LocalAccount) -> None:
    access.query("GRANT USAGE, MONITOR ON COMPUTE POOL POOL TO ROLE SYSADMIN")
    granted = access.query("SHOW GRANTS ON COMPUTE POOL POOL")
    assert {("USAGE", "SYSADMIN"), ("MONITOR", "SYSADMIN")} <= {(r["privilege"], r["grantee_name"]) for r in granted}
    access.query("REVOKE ALL ON COMPUTE POOL POOL FROM ROLE SYSADMIN")


@pytest.mark.parametrize(
    ("sql", "errno"),
    [
        ("CREATE NETWORK RULE x", 2029),
        ("CREATE NETWORK RULE x TYPE = HOST_PORT VALUE_LIST = ('a.org')", 1008),
        ("CREATE NETWORK RULE x TYPE = IPV4 MODE = EGRESS VALUE_LIST = ('10.0.0.1')", 1008),
        (RULE.format(""), 2002),
        ("CREATE EXTERNAL ACCESS INTEGRATION x ALLOWED_NETWORK_RULES = (DB.S.NONE) ENABLED = TRUE", 2003),
        ("CREATE EXTERNAL ACCESS INTEGRATION x ALLOWED_NETWORK_RULES = (DB.S.OUT)", 2029),
        ("CREATE SECURITY INTEGRATION OUT_ACCESS TYPE = OAUTH", 2002),
        ("CREATE SECRET DB.S.X TYPE = GENERIC_STRING", 2029),
        ("CREATE SECRET DB.S.X TYPE = OAUTH2 API_AUTHENTICATION = x", 1003),
        ("DESCRIBE SECRET DB.S.NONE", 2003),
        ("DROP INTEGRATION NOBODYS", 2003),
        ("GRANT USAGE ON INTEGRATION NOBODYS TO ROLE SYSADMIN", 2003),
        ("GRANT READ ON SECRET DB.S.NONE TO ROLE SYSADMIN", 2003),
    ],
)
def test_what_cannot_be_is_refused(access: LocalAccount, sql: str, errno: int) -> None:
    assert access.refused(sql).errno == errno


def test_a_job_may_name_only_what_is_there(access: LocalAccount) -> None:
    def refused(*clauses: str, secret: dict[str, str] | None = None) -> str:
        text = spec("pass", secrets=[secret] if secret else [])
        head = f"EXECUTE JOB SERVICE IN COMPUTE POOL POOL NAME = NEVER {' '.join(clauses)}"
        return str(access.refused(f"{head} FROM SPECIFICATION $${text}$$"))

    assert "External access integration 'NOBODYS' does not exist" in refused("EXTERNAL_ACCESS_INTEGRATIONS = (NOBODYS)")
    assert "Secret 'DB.S.NONE' does not exist" in refused(secret={"snowflakeSecret": "none", "directoryPath": "/x"})
    wrong = {"snowflakeSecret": "HUB", "envVarName": "X", "secretKeyRef": "password"}
    assert "invalid value 'password' for 'secretKeyRef'" in refused(secret=wrong)


def test_a_secret_reaches_the_job_as_a_variable(access: LocalAccount) -> None:
    secret = {"snowflakeSecret": "DB.S.HUB", "envVarName": "HUB_TOKEN", "secretKeyRef": "secret_string"}
    code = "import json, os; print(json.dumps(os.environ['HUB_TOKEN']))"
    job = access.start(spec(code, secrets=[secret]), "EXTERNAL_ACCESS_INTEGRATIONS = (OUT_ACCESS)")
    assert access.wait(job) == "DONE"
    assert json.loads(access.logs(job)[-1]) == VALUE
    (described,) = access.query(f"DESCRIBE SERVICE {job}")
    assert json.loads(described["external_access_integrations"]) == ["OUT_ACCESS"]
    assert VALUE not in str(described)


def test_a_secret_reaches_the_job_as_files(access: LocalAccount) -> None:
    secret = {"snowflakeSecret": "DB.S.LOGIN", "directoryPath": "/secrets/login"}
    code = "import os, pathlib as p; print(sorted((f.name, f.read_text()) for f in p.Path(os.environ['AT']).iterdir()))"
    job = access.start(spec(code, secrets=[secret], env={"AT": "/secrets/login"}))
    assert access.wait(job) == "DONE"
    assert access.logs(job)[-1] == "[('password', 'hunter2'), ('username', 'jane')]"


def test_the_history_of_statements_has_no_value(access: LocalAccount) -> None:
    with access.connect() as connection:
        cursor = connection.cursor()
        cursor.execute("ALTER SECRET DB.S.LOGIN SET PASSWORD = 'hunter3'")
        token = json.loads(access.registry_password())["token"]
        headers = {"Authorization": f'Snowflake Token="{token}"'}
        answer = httpx.get(f"http://{access.host}/monitoring/queries/{cursor.sfqid}", headers=headers).json()
    assert answer["data"]["queries"][0]["sqlText"] == "ALTER SECRET DB.S.LOGIN SET PASSWORD = '***'"
    assert "hunter" not in (access.root / "server.log").read_text()
