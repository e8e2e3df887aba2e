"""Secrets where users have them, and a look for them everywhere else: command lines, output, logs, records, images."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization as forms
from cryptography.hazmat.primitives.asymmetric import rsa

from tests import support
from tests.support import Outcome, Project

JOBS = """
jobs:
  hub:
    command: [python, hub.py]
    code: [app, hub.py]
    pins: {}
    network: [huggingface.co]
    secrets: [{name: HUB_TOKEN, env: HF_TOKEN}, {name: HUB_TOKEN, mount: /secrets/hub}]
"""
PROGRAM = """
import hashlib, os
token = os.environ.pop("HF_TOKEN")
print("digest", hashlib.sha256(token.encode()).hexdigest())
print("environment", dict(os.environ))
"""
MORE = (
    *(
        "render --job hub",
        "--dry setup --job hub",
        "setup --job hub",
        "login",
        "status --json",
        "logs",
        "fetch",
        "jobs",
    ),
    *("report", "doctor --job hub --json", "images", "local.status", "--dry teardown --admin"),
)
FILES = (".env", ".netrc", "id_rsa", "credentials.json", "connections.toml", "app/.env", "app/.netrc")
VARIABLES = ("SNOWFLAKE_PASSWORD", "SNOWFLAKE_TOKEN", "AWS_SECRET_ACCESS_KEY", "PRIVATE_KEY_PASSPHRASE")
MINE = """
[mine]
account = "local"
protocol = "http"
host = "127.0.0.1"
port = {port}
user = "LOCAL"
"""


@dataclass
class Desk:
    """A project with secrets around it. `planted` are those by what holds them, `said` is all that commands printed."""

    project: Project
    planted: dict[str, str] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)

    @property
    def account(self) -> Path:
        return Path(self.project.env["SPCS_LOCAL_ROOT"])

    def plant(self, holder: str) -> str:
        """A new secret; it begins with a letter and needs no quotes anywhere."""
        return self.planted.setdefault(holder, f"Z{secrets.token_hex(16)}")

    def inv(self, *words: str, **env: str) -> Outcome:
        done = self.project.inv(*words, env=env)
        self.said.append(f"inv {' '.join(words)}\n{done}")
        return done


@pytest.fixture(params=[pytest.param("process"), pytest.param("docker", marks=pytest.mark.engine)])
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Desk]:
    home = tmp_path / "home"
    home.mkdir()
    nowhere = f"unix://{tmp_path / 'no-engine.sock'}"
    env = {
        "SPCS_LOCAL_ROOT": str(tmp_path / "account"),
        "SNOWFLAKE_HOME": str(home),
        "PYTHONPATH": str(support.REPO / "tests" / "overheard"),
        "OVERHEARD": str(tmp_path / "overheard"),
    }
    env |= {"DOCKER_HOST": nowhere, "CONTAINER_HOST": nowhere} if request.param == "process" else {}
    made = Desk(Project(support.copy_project(tmp_path / "project"), {**support.MACHINES_SETTINGS, **env}))
    made.project.edit("invoke.yaml", "\njobs:\n", JOBS)
    made.project.write("hub.py", PROGRAM)
    for name in FILES:
        made.project.write(name, f"key = {made.plant(name)}\n")
    made.project.env.update({name: made.plant(name) for name in VARIABLES})
    made.project.env["SPCS_SECRET_HUB_TOKEN"] = made.plant("the secret HUB_TOKEN")
    yield made
    made.project.close()


def chain(desk: Desk) -> None:
    """Every kind of command that goes well, loud ones and plans among them."""
    assert desk.inv("--dry", "setup", "build", "push", "run", "--job", "hub").code == 0
    done = desk.inv("--debug", "setup", "build", "push", "run", "--job", "hub")
    assert done.code == 0, done
    digest = hashlib.sha256(desk.planted["the secret HUB_TOKEN"].encode()).hexdigest()
    assert f"digest {digest}" in done.stdout, done
    for words in MORE:
        desk.inv(*words.split())


def failures(desk: Desk) -> None:
    """Logins that are refused, and a statement that is refused for what stands beside the secret's value."""
    file, home = desk.planted, Path(desk.project.env["SNOWFLAKE_HOME"])
    port = int((desk.account / "port").read_text())
    locked = forms.BestAvailableEncryption(file["PRIVATE_KEY_PASSPHRASE"].encode())
    key = rsa.generate_private_key(65537, 2048).private_bytes(forms.Encoding.PEM, forms.PrivateFormat.PKCS8, locked)
    (home / "key.p8").write_bytes(key)
    ways = {
        "a password": f'password = "{desk.plant("a password")}"',
        "a token": f'authenticator = "PROGRAMMATIC_ACCESS_TOKEN"\ntoken = "{desk.plant("a token")}"',
        "a key": f'authenticator = "SNOWFLAKE_JWT"\nprivate_key_file = "{home / "key.p8"}"',
        "OAuth": f'authenticator = "oauth"\ntoken = "{desk.plant("OAuth")}"',
        "no TOML": f'password = "{desk.plant("no TOML")}" "',
    }
    for way, text in ways.items():
        (home / "connections.toml").write_text(MINE.format(port=port) + text + "\n")
        (home / "connections.toml").chmod(0o600)
        assert desk.inv("--debug", "images", INVOKE_CONNECTION="mine").code in (2, 4), way
    assert desk.inv("doctor", "--json", INVOKE_CONNECTION="mine").code == 3
    desk.project.sql("DROP SECRET TRAINING_DB.TRAINING.HUB_TOKEN")
    desk.project.edit("templates/setup.sql.j2", "SECRET_STRING = ?", "SECRET_STRING ?")
    refused = desk.inv("--debug", "setup", "--job", "hub")
    assert (refused.code, "SECRET_STRING ?" in refused.stderr) == (4, True), refused
    desk.project.write("app/credentials.json", desk.planted["credentials.json"])
    private = desk.inv("build", "--job", "hub")
    assert (private.code, "app/credentials.json looks like a secret" in private.stderr) == (2, True), private


def of_the_account(desk: Desk) -> None:
    """The secrets that the local account made up itself: its password, its registry's and a job's tokens."""
    config = desk.project.root / ".spcs" / "docker" / "config.json"
    assert (config.stat().st_mode & 0o777, config.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    desk.planted["the account's password"] = json.loads((desk.account / "credentials").read_text())["password"]
    for host, entry in json.loads(config.read_text())["auths"].items():
        password = base64.b64decode(entry["auth"]).decode().partition(":")[2]
        desk.planted[f"the token for {host}"] = json.loads(password)["token"]
    for number, token in enumerate(desk.account.glob("jobs/*/session/token")):
        desk.planted[f"the token of job {number}"] = token.read_text()


def places(desk: Desk) -> Iterator[tuple[str, bytes]]:
    """All that was written or shown, but for the files whose purpose is to hold a secret."""
    for number, text in enumerate(desk.said):
        yield f"output {number} ({text.splitlines()[0]})", text.encode()
    yield "command lines", Path(desk.project.env["OVERHEARD"]).read_bytes()
    private = desk.project.root / ".spcs" / "docker"
    written = [file for file in desk.project.root.rglob("*") if private not in file.parents]
    written = [file for file in written if file.relative_to(desk.project.root).as_posix() not in (*FILES, KEPT)]
    written += [*desk.account.glob("stages/**/*"), *desk.account.glob("registry/**/*"), *desk.account.glob("*.log")]
    written += [*desk.account.glob("jobs/**/log"), *desk.account.glob("tables/**/*")]
    for file in written:
        if file.is_file() and not file.is_symlink():
            content = file.read_bytes()
            yield str(file), content
            if content.startswith(b"\x1f\x8b"):
                yield f"{file}, unpacked", gzip.decompress(content)
    for name in images(desk):
        yield f"the image {name}", docker("save", name)


KEPT = "app/credentials.json"


def docker(*words: str) -> bytes:
    done = subprocess.run([support.clients()[0][0].path, *words], capture_output=True, check=True)
    return done.stdout


def images(desk: Desk) -> list[str]:
    """The images of this account that the engine has; none where the project does without."""
    if "DOCKER_HOST" in desk.project.env or not (desk.account / "port").exists():
        return []
    repository = f":{(desk.account / 'port').read_text()}/"
    listed = docker("images", "--format", "{{.Repository}}:{{.Tag}}").decode().split()
    return [name for name in listed if repository in name and "<none>" not in name]


def forms_of(text: str) -> Iterator[bytes]:
    """A text as it is, and in base64, wherever in a longer text it began."""
    yield text.encode()
    for before in range(3):
        encoded = base64.b64encode(b"x" * before + text.encode())
        yield encoded[4 if before else 0 : -4]


def test_no_secret_is_anywhere_but_where_it_was_put(desk: Desk) -> None:
    chain(desk)
    of_the_account(desk)
    failures(desk)
    assert any("EXECUTE JOB SERVICE" in text for text in desk.said), "nothing was looked at"
    searched, found = 0, []
    for place, content in places(desk):
        searched += 1
        found += [
            f"{holder} in {place}"
            for holder, secret in desk.planted.items()
            if any(form in content for form in forms_of(secret))
        ]
    assert not found, "\n".join(found)
    assert searched > 100
    overheard = Path(desk.project.env["OVERHEARD"]).read_text()
    assert "local_account" in overheard
    if "DOCKER_HOST" not in desk.project.env:
        assert images(desk)
        assert '"--env", "HF_TOKEN"' in overheard


@pytest.mark.parametrize("desk", ["process"], indirect=True)
def test_the_search_finds_what_is_there(desk: Desk) -> None:
    """The test above can fail: a secret in a command line, and one in base64 in a file."""
    script = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'pass', sys.argv[1]])"
    env = {**os.environ, **desk.project.env}
    subprocess.run([sys.executable, "-c", script, desk.planted[".env"]], env=env, check=True)
    desk.project.write(".spcs/x", base64.b64encode(f"ab:{desk.planted['.netrc']}".encode()).decode())
    found = {
        (holder, place)
        for place, content in places(desk)
        for holder, secret in desk.planted.items()
        if any(form in content for form in forms_of(secret))
    }
    assert found == {(".env", "command lines"), (".netrc", str(desk.project.root / ".spcs" / "x"))}
