"""Snowflake's and the connector's errors, and what a user is told: exit code, name, mending command."""

import pytest

from spcs.account.errors import Failure, Missing, SessionOver, Unreachable, failure, problem, unreachable
from spcs.errors import Problem, Refused, SettingsProblem

DEV = {"connection": "dev", "place": "[dev] in ~/.snowflake/connections.toml"}


class Raised(Exception):
    """Shaped like the connector's errors."""

    def __init__(self, text: str, errno: int = -1, sqlstate: str | None = None) -> None:
        super().__init__(text)
        self.raw_msg, self.errno, self.sqlstate = text, errno, sqlstate


def said(text: str, errno: int | None = None, sql: str = "", role: str = "") -> Problem:
    return problem(Failure(text, errno, None, sql, role, **DEV))


@pytest.mark.parametrize(
    ("text", "kind", "name", "fix"),
    [
        ("Image repository 'D.S.R' does not exist or not authorized.", "image repository", "D.S.R", "inv setup"),
        ("Compute pool 'P' does not exist or not authorized.", "compute pool", "P", "inv setup"),
        (
            "Secret 'D.S.T' does not exist or not authorized.",
            "secret",
            "D.S.T",
            "inv setup, where the job's `secrets` names it; else create it and grant this role READ on it",
        ),
        ("Stage 'D.S.RUNS' does not exist or not authorized.", "stage", "D.S.RUNS", "inv setup"),
        ("Database 'D' does not exist or not authorized.", "database", "D", "inv setup"),
        ("Schema 'D.S' does not exist or not authorized.", "schema", "D.S", "inv setup"),
        ("Object 'W' does not exist or not authorized.", "object", "W", "inv setup"),
        ("Table 'D.S.DIGITS' does not exist or not authorized.", "table", "D.S.DIGITS", "inv data"),
        ("Service 'D.S.J' does not exist or not authorized.", "service", "D.S.J", "inv status"),
    ],
)
def test_missing_object_is_not_ready(text: str, kind: str, name: str, fix: str) -> None:
    missing = said(text, 2003)
    assert isinstance(missing, Missing)
    assert missing.code == 3
    assert (missing.kind, missing.name, missing.errno) == (kind, name, 2003)
    assert missing.fix.startswith(fix)


def test_missing_object_without_a_name_is_not_ready_too() -> None:
    assert isinstance(said("Object does not exist, or operation cannot be performed.", 2043), Missing)


def test_missing_file_is_named_by_what_was_asked_for() -> None:
    missing = said(
        "While getting file(s) there was an error: the file does not exist", 253006, "GET '@S/a b' file:///x"
    )
    assert isinstance(missing, Missing)
    assert (missing.kind, missing.name) == ("file", "'@S/a b'")


def test_missing_role_at_login_asks_for_setup() -> None:
    text = "Role 'TRAINING_ROLE' specified in the connect string does not exist or not authorized."
    missing = said(text, 390189)
    assert isinstance(missing, Missing)
    assert (missing.kind, missing.name, missing.fix) == ("role", "TRAINING_ROLE", "inv setup")


def test_name_taken_keeps_its_number() -> None:
    sql = "EXECUTE JOB SERVICE\n  IN COMPUTE POOL P"
    taken = said("Object 'D.S.J' already exists.", 2002, sql)
    assert isinstance(taken, Refused)
    assert (taken.code, taken.errno) == (4, 2002)
    assert "D.S.J already exists" in taken.what
    assert "DROP SERVICE D.S.J" in taken.fix


@pytest.mark.parametrize(
    ("text", "sql", "grant"),
    [
        (
            "Insufficient privileges to operate on schema 'APP'",
            "EXECUTE JOB SERVICE\n IN COMPUTE POOL P",
            "GRANT CREATE SERVICE ON SCHEMA APP TO ROLE R",
        ),
        (
            "Insufficient privileges to operate on schema 'APP'",
            "CREATE IMAGE REPOSITORY IF NOT EXISTS I",
            "GRANT CREATE IMAGE REPOSITORY ON SCHEMA APP TO ROLE R",
        ),
        (
            "Insufficient privileges to operate on account 'ACME'",
            "CREATE COMPUTE POOL IF NOT EXISTS P MIN_NODES = 1",
            "GRANT CREATE COMPUTE POOL ON ACCOUNT TO ROLE R",
        ),
        (
            "Insufficient privileges to operate on account 'ACME'",
            "CREATE SECURITY INTEGRATION IF NOT EXISTS X TYPE = OAUTH",
            "GRANT CREATE INTEGRATION ON ACCOUNT TO ROLE R",
        ),
        (
            "Insufficient privileges to operate on compute pool 'P'",
            "DESCRIBE COMPUTE POOL P",
            "GRANT USAGE, MONITOR ON COMPUTE POOL P TO ROLE R",
        ),
        (
            "Insufficient privileges to operate on compute pool 'P'",
            "ALTER COMPUTE POOL P SUSPEND",
            "GRANT OPERATE ON COMPUTE POOL P TO ROLE R",
        ),
    ],
)
def test_lacking_privilege_names_the_grant_to_ask_for(text: str, sql: str, grant: str) -> None:
    refused = said(text, 3001, sql, role="R")
    assert isinstance(refused, Refused)
    assert refused.fix.endswith(grant)
    assert "R lacks" in refused.what


def test_wrong_password_names_the_entry_to_mend() -> None:
    refused = said("Incorrect username or password was specified.", 250001)
    assert isinstance(refused, Refused)
    assert "[dev] in ~/.snowflake/connections.toml" in refused.fix


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("MFA with TOTP is required. To authenticate, provide both.", "private_key_file"),
        ("Network policy is required.", "network policy"),
        ("JWT token is invalid. [0ce9eb56]", "RSA_PUBLIC_KEY"),
    ],
)
def test_login_that_is_refused_says_what_helps(text: str, word: str) -> None:
    refused = said(text, 250001)
    assert isinstance(refused, Refused)
    assert word in refused.fix


@pytest.mark.parametrize(
    "text",
    [
        "Failed to login: HTTP request failed after retries: login request. Connection refused (os error 111)",
        "Failed to login: HTTP request failed after retries: login request. failed to lookup address information",
        "Failed to login: login timed out after 5s",
        "Could not connect to Snowflake backend after 2 attempt(s).Aborting",
        "Invalid Snowflake response. Snowflake responded with error status: 502 Bad Gateway",
    ],
)
def test_unreachable_account_is_not_ready(text: str) -> None:
    assert isinstance(said(text, 250001), Unreachable)
    assert said(text, 250001).code == 3


@pytest.mark.parametrize(
    "text",
    [
        "Session no longer exists. New login required to access the service.",
        "Master token can never be renewed - full re-authentication required",
        "Authentication token has expired. The user must authenticate again.",
    ],
)
def test_a_session_that_is_over_is_told_from_what_the_account_refuses(text: str) -> None:
    assert isinstance(said(text, 250001), SessionOver)


def test_unreachable_local_account_is_started_again() -> None:
    assert unreachable("local", "", "refused").fix == "inv local.up"


@pytest.mark.parametrize(
    ("text", "errno", "word"),
    [
        ("Invalid spec: unknown option 'x' for 'spec'.", 395018, "inv render"),
        (
            "invalid value 1.5 for 'total requests.cpu'. Requirement exceeds compute pool instance capacity 1.",
            395018,
            "instance_family",
        ),
        ("Unable to render service spec from given template: x", 395069, "inv render"),
        (
            "Failed to retrieve image: SPCS only supports image for amd64 architecture. Please rebuild your image.",
            395000,
            "inv build push",
        ),
    ],
)
def test_specification_that_is_refused_says_what_to_edit(text: str, errno: int, word: str) -> None:
    refused = said(text, errno, "EXECUTE JOB SERVICE")
    assert isinstance(refused, Refused)
    assert refused.errno == errno
    assert word in refused.fix


@pytest.mark.parametrize(
    ("name", "fix"),
    [("DB.S.train_gpu_20261123_134741_bf8h", "inv build push --job train_gpu"), ("x", "inv build push")],
)
def test_missing_image_asks_for_a_push_of_that_job(name: str, fix: str) -> None:
    statement = f"EXECUTE JOB SERVICE\n  IN COMPUTE POOL P\n  NAME = {name}\n  ASYNC = TRUE"
    assert said("Failed to retrieve image: image manifest not found", 397012, statement).fix == fix


@pytest.mark.parametrize(
    "text",
    [
        "Configuration error: Configuration validation failed (1 issue(s)): user: Missing required parameter 'user'",
        "Configuration error: Invalid value '/k' for parameter 'private_key_file' - Could not read private key file",
        "Invalid argument: [Error] port: Expected type Int for parameter 'port', got String",
        "251005: User is empty",
        "251001: Account must be specified",
    ],
)
def test_a_connection_that_lacks_something_is_a_setting_to_mend(text: str) -> None:
    problem = said(text, 7)
    assert isinstance(problem, SettingsProblem)
    assert problem.code == 2
    assert problem.fix == "mend [dev] in ~/.snowflake/connections.toml"


def test_anything_else_is_refused_with_its_number_text_and_statement() -> None:
    refused = said("syntax error line 1 at position 7 unexpected 'FORM'.", 1003, "SELECT 1\nFORM t\nWHERE a\nAND b")
    assert isinstance(refused, Refused)
    assert (refused.code, refused.errno) == (4, 1003)
    assert "001003" in refused.what
    assert refused.why == (
        "syntax error line 1 at position 7 unexpected 'FORM'.\nin: SELECT 1\n    FORM t\n    WHERE a …"
    )


def test_heading_and_numbers_are_read_and_dropped() -> None:
    raised = Raised("002003 (42S02): SQL compilation error:\nTable 'T' does not exist or not authorized.", -1, "n/a")
    read = failure(raised)
    assert read == Failure("Table 'T' does not exist or not authorized.", 2003)


def test_error_without_text_is_read_too() -> None:
    assert failure(Raised("", 1003)).errno == 1003
