"""`python3 install.py [--compile-bytecode] [--cache-dir DIR] WORDS…`: install into the environment of a new image.

It runs inside the image, with the base's own Python (3.8 or newer), and knows nothing of the rest of the project. WORDS
are those of `pip install` that `uv pip install` knows, too. uv takes half of pip's time, and is there only meanwhile:
the base's pip fetches the artifact whose hash is known (uv.txt), and it is gone when the packages are there; in DIR,
which is no part of the image, it stays for the next time. A base may tell pip where packages are, through which proxy
and with whose certificates; uv reads none of that, so it is told the same in its own words. Where it fails all the
same, pip has the last word: it gets by without an index that does not answer, and without uv. The environment gets the
pip that `python3 -m venv` would put there, too, for one's own steps.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import os
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Mapping
from pathlib import Path

VENV = "/opt/venv"
UV = Path(__file__).with_name("uv.txt")
BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt")
"""Where Linux distributions keep the certificates that a company's base has its own among."""
NAMES = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "trusted-host": "UV_INSECURE_HOST",
    "cert": "SSL_CERT_FILE",
    "client-cert": "SSL_CLIENT_CERT",
    "proxy": "ALL_PROXY",
    "default-timeout": "UV_HTTP_TIMEOUT",
    "timeout": "UV_HTTP_TIMEOUT",
    "retries": "UV_HTTP_RETRIES",
}
"""pip's settings, and uv's variables of the same meaning."""


def main(argv: list[str]) -> int:
    """Install; gives the exit code of what failed, with its own words on stderr, or 0."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--compile-bytecode", action="store_true")
    parser.add_argument("--cache-dir")
    own, words = parser.parse_known_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        if by_uv(words, own.compile_bytecode, own.cache_dir, folder) == 0:
            return 0
    print("uv cannot do it; pip tries", file=sys.stderr, flush=True)
    return by_pip(words, own.compile_bytecode)


def by_uv(words: list[str], compiled: bool, cache: str | None, folder: str) -> int:
    """Install with uv, which comes into `folder`; the exit code."""
    pip = [*pip_of_base(folder), "--disable-pip-version-check", "--no-input"]
    home = kept(cache) if cache else Path(folder, "uv")
    with subprocess.Popen([*pip, "config", "list"], stdout=subprocess.PIPE, text=True) as listing:
        code = 0 if home.exists() else fetch(pip, home)
        listed, _ = listing.communicate()
    if code or listing.returncode:
        return code or listing.returncode
    settings = settings_of(listed)
    told = {**environment(settings), **os.environ}
    uv = [f"{home}/bin/uv", "pip", "install", "--python", VENV, "--no-python-downloads"]
    asked = ["--link-mode", "copy", "--cache-dir", cache] if cache else ["--no-cache"]
    asked += ["--compile-bytecode"] if compiled else []
    asked += ["--no-index"] if is_on(settings.get("no-index")) else []
    # All indexes count alike, as for pip. What is locked by its hash cannot be another one's.
    code = run([*uv, *asked, "--index-strategy", "unsafe-best-match", *words], told) or give_pip(uv, told)
    Path(VENV, ".lock").unlink(missing_ok=True)  # uv's own, which anybody may write to
    return code


def kept(cache: str) -> Path:
    """Where uv stays for the next layer and the next build: one folder for each machine, C library and uv."""
    artifacts = hashlib.sha256(UV.read_bytes()).hexdigest()[:12]
    return Path(cache, f"installer-{artifacts}-{sysconfig.get_config_var('HOST_GNU_TYPE')}")


def fetch(pip: list[str], home: Path) -> int:
    """Let pip put uv into the folder `home`, which is there when all of it is; the exit code."""
    words = ["install", "--quiet", "--no-cache-dir", "--no-compile", "--no-deps", "--require-hashes"]
    # uv is a program, the same for every Python. An index has thousands of its files, and pip takes a third less time
    # when it need not match each with all that this Python could run.
    words += ["--only-binary", ":all:", "--implementation", "py", "--abi", "none"]
    words += ["--python-version", "3", "--ignore-requires-python"]
    quiet = {**os.environ, "PIP_ROOT_USER_ACTION": "ignore"}
    with tempfile.TemporaryDirectory(dir=home.parent) as folder:
        code = run([*pip, *words, "--target", f"{folder}/uv", "--requirement", str(UV)], quiet)
        if code == 0:
            try:
                Path(folder, "uv").rename(home)
            except OSError:  # another build with the same cache was faster
                if not home.exists():
                    raise
    return code


def by_pip(words: list[str], compiled: bool) -> int:
    """Install with the pip of the environment; the exit code."""
    python = f"{VENV}/bin/python"
    given = give_pip([], dict(os.environ))
    compiling = "--compile" if compiled else "--no-compile"
    return given or run([python, "-m", "pip", "install", "--no-input", "--no-cache-dir", compiling, *words], os.environ)


def run(words: list[str], env: Mapping[str, str]) -> int:
    return subprocess.run(words, env=env, check=False).returncode


def pip_of_base(folder: str) -> list[str]:
    """The command of the base's pip, or of one put into `folder` where the base has it only in new environments."""
    # The first Python on PATH is the image's environment, which has no pip yet.
    python = str(Path(sys.executable).resolve())
    found = subprocess.run([python, "-c", "import pip"], stderr=subprocess.DEVNULL, check=False)
    if found.returncode:
        subprocess.run([python, "-m", "venv", f"{folder}/pip"], check=True)
        python = f"{folder}/pip/bin/python"
    return [python, "-m", "pip"]


def settings_of(listed: str) -> dict[str, str]:
    """What `pip config list` says that holds for `pip install`: files of all kinds, and above them the environment."""
    settings: dict[str, str] = {}
    for section in ("global.", "install.", ":env:."):
        for line in listed.splitlines():
            name, _, value = line.partition("=")
            if name.startswith(section):
                settings[name[len(section) :]] = str(ast.literal_eval(value))
    return settings


def environment(settings: dict[str, str]) -> dict[str, str]:
    """The settings of pip as variables that uv reads, and the certificates that the base trusts."""
    bundles = (os.environ.get("REQUESTS_CA_BUNDLE"), os.environ.get("CURL_CA_BUNDLE"), *BUNDLES)
    known = dict([("SSL_CERT_FILE", bundle) for bundle in bundles if bundle and Path(bundle).exists()][:1])
    for name, variable in NAMES.items():
        if name in settings:
            known[variable] = ("," if variable == "UV_FIND_LINKS" else " ").join(settings[name].split())
    return known


def is_on(value: str | None) -> bool:
    return (value or "").lower() in ("1", "true", "yes", "on", "y", "t")


def give_pip(uv: list[str], env: Mapping[str, str]) -> int:
    """Put the base's own pip into the environment, unless there is one: with uv, in no time, or without."""
    if Path(VENV, "bin", "pip").exists():
        return 0
    # Where ensurepip has its wheels; Debian keeps them elsewhere.
    folder = sysconfig.get_config_var("WHEEL_PKG_DIR") or f"{sysconfig.get_path('stdlib')}/ensurepip/_bundled"
    wheels = sorted(map(str, Path(folder).glob("pip-*.whl")))
    if not (uv and wheels):
        return run([f"{VENV}/bin/python", "-m", "ensurepip", "--default-pip"], env)
    return run([*uv, "--quiet", "--no-cache", "--no-deps", "--no-index", wheels[-1]], env)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
