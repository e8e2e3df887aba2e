"""What runs inside an image while it is built: old Pythons can read it, and uv is told what pip is."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from tests.support import REPO

INSIDE = REPO / "spcs" / "image" / "inside"
# As pip 23 lists a file for all commands, one for `pip install`, and the environment.
LISTED = r"""
:env:.extra-index-url='https://a/simple https://b/simple'
download.index-url='https://other/simple'
global.cert='/etc/corp.pem'
global.default-timeout='180'
global.extra-index-url='https://c/simple'
global.find-links='\n/wheels\nhttps://d/flat'
global.index-url='https://global/simple'
global.no-index='false'
install.index-url='https://user:p%40ss@index/simple'
"""


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("install", INSIDE / "install.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_python_of_a_base_can_read_it() -> None:
    ast.parse((INSIDE / "install.py").read_text(), feature_version=(3, 8))


def test_uv_is_the_one_of_the_desk() -> None:
    pinned = [
        line.split()[0] for line in (REPO / "requirements.txt").read_text().splitlines() if line.startswith("uv==")
    ]
    assert pinned[0] in (INSIDE / "uv.txt").read_text().split()


def test_uv_is_told_what_pip_is(script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)
    settings = script.settings_of(LISTED)
    assert script.environment(settings) == {
        "UV_DEFAULT_INDEX": "https://user:p%40ss@index/simple",
        "UV_INDEX": "https://a/simple https://b/simple",
        "UV_FIND_LINKS": "/wheels,https://d/flat",
        "SSL_CERT_FILE": "/etc/corp.pem",
        "UV_HTTP_TIMEOUT": "180",
    }
    assert not script.is_on(settings["no-index"])
    assert script.is_on("1")


def test_certificates_that_pip_takes_from_the_environment_are_passed_on(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = tmp_path / "corp.pem"
    bundle.touch()
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.setenv("CURL_CA_BUNDLE", str(bundle))
    assert script.environment({}) == {"SSL_CERT_FILE": str(bundle)}
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "not there"))
    assert script.environment({}) == {"SSL_CERT_FILE": str(bundle)}
