"""Which file, which entry, which environment variable: the connection a word means."""

import json
import sys
from pathlib import Path

import pytest

from spcs.account import resolve
from spcs.account.connections import home, place
from spcs.errors import NotReady, SettingsProblem

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="file modes are POSIX")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty SNOWFLAKE_HOME, and nothing of Snowflake's in the environment."""
    import os

    for name in os.environ:
        if name.startswith(("SNOWFLAKE_", "SPCS_LOCAL_ROOT", "PRIVATE_KEY_PASSPHRASE")):
            monkeypatch.delenv(name)
    made = tmp_path / "snowflake"
    made.mkdir()
    monkeypatch.setenv("SNOWFLAKE_HOME", str(made))
    return made


def write(folder: Path, name: str, text: str, mode: int = 0o600) -> Path:
    file = folder / name
    file.write_text(text)
    file.chmod(mode)
    return file


def test_entry_of_connections_toml(folder: Path) -> None:
    write(folder, "connections.toml", '[dev]\naccount = "org-acct"\nport = 444\n')
    assert resolve("dev", Path()) == {"account": "org-acct", "port": 444}


def test_entry_of_connections_toml_with_the_long_heading(folder: Path) -> None:
    write(folder, "connections.toml", '[connections.dev]\naccount = "a"\n')
    assert resolve("dev", Path()) == {"account": "a"}


def test_entry_of_config_toml(folder: Path) -> None:
    write(folder, "config.toml", '[connections.dev]\naccount = "a"\n[cli.logs]\nlevel = "info"\n')
    assert resolve("dev", Path()) == {"account": "a"}
    assert place("dev").startswith("[connections.dev] in ")


def test_connections_toml_replaces_what_config_toml_says(folder: Path) -> None:
    write(folder, "config.toml", '[connections.old]\naccount = "a"\n')
    write(folder, "connections.toml", '[new]\naccount = "b"\n')
    with pytest.raises(SettingsProblem) as raised:
        resolve("old", Path())
    assert raised.value.why.endswith("connections.toml, which names new")


def test_environment_beats_the_file_and_fills_gaps(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(folder, "connections.toml", '[dev]\naccount = "a"\nuser = "file"\nrole = "R"\n')
    monkeypatch.setenv("SNOWFLAKE_CONNECTIONS_DEV_USER", "env")
    monkeypatch.setenv("SNOWFLAKE_ROLE", "NOT_THIS")
    monkeypatch.setenv("SNOWFLAKE_PASSWORD", "gap")
    monkeypatch.setenv("SNOWFLAKE_CONNECTIONS_DEV_PORT", "444")
    assert resolve("dev", Path()) == {"account": "a", "user": "env", "role": "R", "password": "gap", "port": 444}


def test_environment_of_a_longer_name_is_not_ours(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(folder, "connections.toml", '[dev]\naccount = "a"\n')
    monkeypatch.setenv("SNOWFLAKE_CONNECTIONS_DEV_EU_USER", "other")
    assert resolve("dev", Path()) == {"account": "a"}


def test_connection_may_be_defined_by_the_environment_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SNOWFLAKE_CONNECTIONS_CI_ACCOUNT", "a")
    monkeypatch.setenv("SNOWFLAKE_CONNECTIONS_CI_PRIVATE_KEY_PATH", "/k.p8")
    assert resolve("ci", Path()) == {"account": "a", "private_key_file": "/k.p8"}


def test_raw_key_becomes_what_the_connector_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SNOWFLAKE_CONNECTIONS_CI_ACCOUNT", "a")
    kind = "PRIVATE KEY"
    pem = f"-----BEGIN {kind}-----\nTUlJ\nQUJD\n-----END {kind}-----\n"
    monkeypatch.setenv("SNOWFLAKE_CONNECTIONS_CI_PRIVATE_KEY_RAW", pem)
    assert resolve("ci", Path()) == {"account": "a", "private_key": "TUlJQUJD"}
    monkeypatch.setenv("SNOWFLAKE_CONNECTIONS_CI_PRIVATE_KEY_RAW", pem.replace(kind, f"ENCRYPTED {kind}"))
    with pytest.raises(SettingsProblem) as raised:
        resolve("ci", Path())
    assert "PRIVATE_KEY_PASSPHRASE" in raised.value.fix


def test_default_is_what_the_cli_takes_when_it_is_told_none(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(folder, "config.toml", 'default_connection_name = "two"\n[connections.two]\naccount = "2"\n')
    assert resolve("default", Path()) == {"account": "2"}
    write(folder, "connections.toml", '[default]\naccount = "1"\n[two]\naccount = "two"\n[three]\naccount = "3"\n')
    assert resolve("default", Path()) == {"account": "two"}
    monkeypatch.setenv("SNOWFLAKE_DEFAULT_CONNECTION_NAME", "three")
    assert resolve("default", Path()) == {"account": "3"}
    assert place("default").startswith("[three] in ")
    monkeypatch.delenv("SNOWFLAKE_DEFAULT_CONNECTION_NAME")
    write(folder, "config.toml", "")
    assert resolve("default", Path()) == {"account": "1"}


def test_a_passphrase_in_the_environment_is_for_keys_and_beaten_by_the_entry(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRIVATE_KEY_PASSPHRASE", "env")
    entries = {"a": "", "b": 'private_key_path = "k"', "c": 'private_key_file = "k"\nprivate_key_passphrase = "own"'}
    write(folder, "connections.toml", "".join(f'[{name}]\naccount = "x"\n{text}\n' for name, text in entries.items()))
    assert [resolve(name, Path()).get("private_key_file_pwd") for name in "abc"] == [None, "env", "own"]


def test_an_answer_to_mfa_is_remembered_as_the_cli_does(folder: Path) -> None:
    write(folder, "connections.toml", '[dev]\naccount = "a"\nauthenticator = "USERNAME_PASSWORD_MFA"\n')
    assert resolve("dev", Path())["client_request_mfa_token"] is True


def test_unknown_connection_names_the_known_and_a_sample(folder: Path) -> None:
    write(folder, "connections.toml", '[production]\naccount = "a"\n')
    with pytest.raises(SettingsProblem) as raised:
        resolve("prodution", Path())
    assert raised.value.code == 2
    assert raised.value.fix.startswith("did you mean 'production'?\n")
    assert raised.value.why.endswith("connections.toml, which names production")
    assert "[prodution]" in raised.value.fix
    assert "connections.toml" in raised.value.fix


def test_no_file_at_all_says_where_to_write_one(folder: Path) -> None:
    with pytest.raises(SettingsProblem) as raised:
        resolve("dev", Path())
    assert raised.value.why.endswith("connections.toml, which is not there yet")
    assert str(folder / "connections.toml") in raised.value.fix


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o602])
def test_file_that_others_may_read_is_refused_with_the_chmod(folder: Path, mode: int) -> None:
    file = write(folder, "connections.toml", '[dev]\naccount = "a"\n', mode)
    with pytest.raises(SettingsProblem) as raised:
        resolve("dev", Path())
    assert raised.value.fix == f'chmod 0600 "{file}"'


def test_broken_toml_is_a_settings_problem(folder: Path) -> None:
    write(folder, "connections.toml", "[dev\n")
    with pytest.raises(SettingsProblem, match="not valid TOML"):
        resolve("dev", Path())


def test_without_the_folder_the_platform_says_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SNOWFLAKE_HOME", str(tmp_path / "none"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    monkeypatch.setattr("sys.platform", "linux")
    assert home() == tmp_path / "xdg" / "snowflake"
    monkeypatch.setattr("sys.platform", "darwin")
    assert home() == Path.home() / "Library" / "Application Support" / "snowflake"


def local_files(root: Path) -> None:
    root.mkdir()
    (root / "server.json").write_text(json.dumps({"host": "127.0.0.1", "port": 4711, "pid": 1}))
    (root / "credentials").write_text(json.dumps({"user": "u", "password": "p"}))


def test_local_reads_the_two_files_of_the_local_account(tmp_path: Path) -> None:
    local_files(tmp_path / ".local")
    assert resolve("local", tmp_path) == {
        "account": "local",
        "protocol": "http",
        "host": "127.0.0.1",
        "port": 4711,
        "user": "u",
        "password": "p",
    }


def test_local_root_may_be_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    local_files(tmp_path / "other")
    monkeypatch.setenv("SPCS_LOCAL_ROOT", str(tmp_path / "other"))
    assert resolve("local", tmp_path)["port"] == 4711


def test_local_takes_nothing_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    local_files(tmp_path / ".local")
    monkeypatch.setenv("SNOWFLAKE_ACCOUNT", "real")
    monkeypatch.setenv("SNOWFLAKE_ROLE", "REAL")
    assert resolve("local", tmp_path)["account"] == "local"
    assert "role" not in resolve("local", tmp_path)


def test_local_account_that_was_never_started_is_not_ready(tmp_path: Path) -> None:
    with pytest.raises(NotReady) as raised:
        resolve("local", tmp_path)
    assert raised.value.fix == "inv local.up"


def test_broken_files_of_the_local_account_are_not_ready(tmp_path: Path) -> None:
    local_files(tmp_path / ".local")
    (tmp_path / ".local" / "server.json").write_text("{")
    with pytest.raises(NotReady) as raised:
        resolve("local", tmp_path)
    assert "local.up" in raised.value.fix
