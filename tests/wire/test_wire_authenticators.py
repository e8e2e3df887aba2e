"""Every way to log in that the local account takes, from an entry of connections.toml through the real connector."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization as forms
from cryptography.hazmat.primitives.asymmetric import rsa

from spcs.account import Account, connections, resolve, sql
from spcs.errors import Problem, Refused, SettingsProblem
from tests import support
from tests.accounts import LocalAccount, spec
from tests.wire import images

PASSPHRASE = "correct horse"


def pem(key: rsa.RSAPrivateKey, passphrase: str = "") -> str:
    lock = forms.BestAvailableEncryption(passphrase.encode()) if passphrase else forms.NoEncryption()
    return key.private_bytes(forms.Encoding.PEM, forms.PrivateFormat.PKCS8, lock).decode()


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture(scope="module")
def token(wire: LocalAccount, key: rsa.RSAPrivateKey) -> Iterator[str]:
    """A programmatic access token of the account's user, which has the key, too."""
    public = key.public_key().public_bytes(forms.Encoding.PEM, forms.PublicFormat.SubjectPublicKeyInfo).decode()
    wire.query(f"ALTER USER LOCAL SET RSA_PUBLIC_KEY = '{public}'")
    (made,) = wire.query("ALTER USER ADD PROGRAMMATIC ACCESS TOKEN ci ROLE_RESTRICTION = 'SYSADMIN'")
    yield made["token_secret"]
    wire.query("ALTER USER LOCAL REMOVE PAT ci")
    wire.query("ALTER USER LOCAL UNSET RSA_PUBLIC_KEY")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SNOWFLAKE_HOME", str(tmp_path))
    return tmp_path


def entry(wire: LocalAccount, home: Path, **said: Any) -> Account:
    """The account of an entry `ci` in a connections.toml."""
    at = {"account": "local", "user": "LOCAL", "host": "127.0.0.1", "port": wire.port, "protocol": "http"}
    file = home / "connections.toml"
    file.write_text("[ci]\n" + "".join(f"{name} = {json.dumps(value)}\n" for name, value in (at | said).items()))
    file.chmod(0o600)
    return Account(resolve("ci", home), name="ci")


def session(account: Account) -> tuple[str, str]:
    (row,) = account.query(sql.current_session())
    account.close()
    return row["user_name"], row["role_name"]


def written(folder: Path, text: str) -> str:
    file = folder / "secret"
    file.write_text(text)
    file.chmod(0o600)
    return str(file)


def test_a_key_pair(wire: LocalAccount, home: Path, token: str, key: rsa.RSAPrivateKey) -> None:
    said = {"authenticator": "SNOWFLAKE_JWT", "private_key_file": written(home, pem(key))}
    assert session(entry(wire, home, **said)) == ("LOCAL", "ACCOUNTADMIN")


@pytest.mark.parametrize("way", ["entry", "environment", "raw"])
def test_a_key_pair_with_a_passphrase(
    way: str, wire: LocalAccount, home: Path, token: str, key: rsa.RSAPrivateKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = {"authenticator": "SNOWFLAKE_JWT"}
    if way == "entry":
        said |= {"private_key_path": written(home, pem(key, PASSPHRASE)), "private_key_passphrase": PASSPHRASE}
    else:
        monkeypatch.setenv(connections.PASSPHRASE, PASSPHRASE)
        if way == "raw":
            monkeypatch.setenv("SNOWFLAKE_CONNECTIONS_CI_PRIVATE_KEY_RAW", pem(key, PASSPHRASE))
        else:
            said |= {"private_key_file": written(home, pem(key, PASSPHRASE))}
    assert session(entry(wire, home, **said)) == ("LOCAL", "ACCOUNTADMIN")


@pytest.mark.parametrize("way", ["token", "file", "password"])
def test_a_programmatic_access_token(way: str, wire: LocalAccount, home: Path, token: str) -> None:
    said = {"authenticator": "PROGRAMMATIC_ACCESS_TOKEN"}
    said |= {"token": token} if way == "token" else {"token_file_path": written(home, token)}
    if way == "password":
        said = {"password": token}
    assert session(entry(wire, home, **said)) == ("LOCAL", "SYSADMIN")


def test_a_password_with_mfa(wire: LocalAccount, home: Path) -> None:
    password = json.loads((wire.root / "credentials").read_text())["password"]
    said = {"authenticator": "username_password_mfa", "password": password, "passcode": "123456"}
    assert session(entry(wire, home, **said)) == ("LOCAL", "ACCOUNTADMIN")


def test_an_oauth_token_of_a_job(wire: LocalAccount, home: Path) -> None:
    images.push(f"{wire.host}/db/s/images", wire.registry_password())
    others = set(wire.root.glob("jobs/*/session/token"))
    job = wire.start(spec("import time; print('up', flush=True); time.sleep(600)"))
    wire.wait_for_line(job, "up")
    (file,) = set(wire.root.glob("jobs/*/session/token")) - others
    token = file.read_text()
    assert session(entry(wire, home, authenticator="oauth", token=token)) == (job, "ACCOUNTADMIN")
    wire.query(f"CALL {job}!SPCS_CANCEL_JOB()")
    wire.wait(job)
    with pytest.raises(Refused):
        session(entry(wire, home, authenticator="oauth", token=token))


def refused(account: Account) -> Problem:
    with pytest.raises(Problem) as caught:
        account.query("SELECT 1")
    return caught.value


def test_what_is_wrong_is_refused_and_not_repeated(
    wire: LocalAccount, home: Path, token: str, key: rsa.RSAPrivateKey
) -> None:
    other = rsa.generate_private_key(65537, 2048)
    stranger = refused(entry(wire, home, authenticator="SNOWFLAKE_JWT", private_key_file=written(home, pem(other))))
    assert (stranger.code, "RSA_PUBLIC_KEY" in stranger.fix) == (4, True), stranger
    wrong = {"authenticator": "PROGRAMMATIC_ACCESS_TOKEN", "token": f"{token}x"}
    expired = refused(entry(wire, home, **wrong))
    assert (expired.code, token in str(expired)) == (4, False), expired
    browser = refused(entry(wire, home, authenticator="oauth_client_credentials", oauth_client_id="a",
                            oauth_client_secret="hunter2", oauth_token_request_url="http://127.0.0.1:1/x"))  # fmt: skip
    assert "hunter2" not in str(browser)


def test_a_wrong_passphrase_is_told_before_anything_is_sent(
    wire: LocalAccount, home: Path, token: str, key: rsa.RSAPrivateKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SNOWFLAKE_CONNECTIONS_CI_PRIVATE_KEY_RAW", pem(key, PASSPHRASE))
    monkeypatch.setenv(connections.PASSPHRASE, "battery staple")
    with pytest.raises(SettingsProblem, match="cannot be decrypted") as caught:
        entry(wire, home, authenticator="SNOWFLAKE_JWT")
    assert "battery" not in str(caught.value)
    monkeypatch.delenv("SNOWFLAKE_CONNECTIONS_CI_PRIVATE_KEY_RAW")
    file = written(home, pem(key, PASSPHRASE))
    problem = refused(entry(wire, home, authenticator="SNOWFLAKE_JWT", private_key_file=file))
    assert (problem.code, "passphrase" in problem.fix.lower()) == (2, True), problem
    assert "battery" not in str(problem)


def test_a_key_that_is_locked_is_a_setting_to_mend(tmp_path: Path, key: rsa.RSAPrivateKey) -> None:
    said = {"authenticator": "SNOWFLAKE_JWT", "private_key_file": written(tmp_path, pem(key, PASSPHRASE))}
    problem = refused(Account({"account": "o-a", "user": "u", **said}, name="mine"))
    assert "its private key is locked by a passphrase" in problem.what
    assert problem.fix.startswith("write private_key_file_pwd into [mine] in ")


def test_all_of_this_with_version_4_of_the_connector(old_connector: str | Path) -> None:
    words = ["-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", __file__, "-k", "not version_4"]
    done = support.run([sys.executable, *words], support.REPO, {"PYTHONPATH": str(old_connector)}, 240)
    assert done.code == 0, done
