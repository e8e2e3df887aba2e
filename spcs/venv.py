"""Makes `.venv` with exactly what requirements.txt names: `python3 -m spcs.venv`, and `--test` for what the tests add.

Runs on a bare Python, before anything is installed: the standard library only, and syntax that an older Python can
still read far enough to be told that it is too old. Says a line for each thing it does and nothing where nothing is
to be done. Exit codes: 0 ready, 2 a wrong word, 3 not ready (the message says what to install), 130 left with Ctrl-C.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import importlib.util
import json
import os
import shutil
import ssl
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / "installed.json"
PYTHON = VENV / "bin" / "python"
NEEDS = (3, 11)
TORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"
PROBE_SECONDS = 3.0


class NotReadyError(Exception):
    """This machine lacks something; the text says what, and the command that mends it."""

    def __init__(self, what: str, fix: str = "") -> None:
        super().__init__(f"{what}\n  fix: {fix}" if fix else what)


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python3 -m spcs.venv", description="Makes or updates .venv.")
    parser.add_argument("--test", action="store_true", help="also install what the tests need")
    test = parser.parse_args(words).test
    try:
        check_python()
        # Two makes at once: the second waits, and then finds everything there.
        with (ROOT / "requirements.txt").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            make(["requirements.txt", "requirements-test.txt"] if test else ["requirements.txt"])
    except NotReadyError as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        return 130
    return 0


def check_python() -> None:
    """Raises NotReadyError if this Python is too old or cannot make environments."""
    wanted = ".".join(map(str, NEEDS))
    if sys.version_info[:2] < NEEDS:
        newer = [name for name in (f"python3.{minor}" for minor in range(14, 10, -1)) if shutil.which(name)]
        mend = f"make PYTHON={newer[0]} …" if newer else "install one, then make PYTHON=/path/to/it …"
        raise NotReadyError(f"Python {wanted} or newer is needed, and {sys.executable} is {_version()}", mend)
    if importlib.util.find_spec("ensurepip") is None:
        package = f"python3.{sys.version_info.minor}-venv"
        raise NotReadyError(
            "this Python cannot make environments: its ensurepip is missing", f"sudo apt-get install {package}"
        )


def make(files: list[str]) -> None:
    """Brings `.venv` to the pins of `files` (names in the project's root); costs a few milliseconds if it has them."""
    stamp = _stamp()
    wanted = {name: hashlib.sha256((ROOT / name).read_bytes()).hexdigest() for name in files}
    if not _usable(stamp):
        stamp = {}
        _create()
    missing = [name for name in files if stamp.get(name) != wanted[name]]
    if not missing:
        return
    started = time.monotonic()
    # Until pip is through, the stamp says so: an interrupted installation is thrown away by the next call.
    _write({"installing": " ".join(missing)})
    _install(missing)
    _write({**stamp, **wanted, "python": _version(), "folder": str(VENV)})
    _say(f"ready in {time.monotonic() - started:.0f} s")


def _usable(stamp: dict[str, str]) -> bool:
    """Whether `.venv` is whole and belongs to this Python. One that somebody else made well is taken over."""
    if not VENV.exists():
        return False
    if "installing" in stamp:
        _say("the last installation was interrupted; starting afresh")
        return False
    if stamp and PYTHON.exists():
        # Its scripts name the folder they were made for, so one that moved is of no use.
        if (stamp.get("python"), stamp.get("folder")) == (_version(), str(VENV)):
            return True
        _say(f".venv was made with Python {stamp.get('python')} in {stamp.get('folder')}; starting afresh")
        return False
    probe = [str(PYTHON), "-c", "import pip, platform, sys; print(platform.python_version(), sys.prefix)"]
    if PYTHON.exists():
        found = subprocess.run(probe, capture_output=True, text=True, check=False)
        if found.stdout.strip() == f"{_version()} {VENV}":
            return True
    _say(".venv is broken or made with another Python; starting afresh")
    return False


def _create() -> None:
    _say(f"making .venv with Python {_version()}")
    shutil.rmtree(VENV, ignore_errors=True)
    VENV.mkdir()
    _write({"installing": "pip"})
    _run([sys.executable, "-m", "venv", str(VENV)], "Python could not make .venv (its own words are above)")


def _install(files: list[str]) -> None:
    indexes = _torch_indexes() if "requirements.txt" in files else []
    _say(f"installing {' and '.join(files)} (a few minutes the first time)")
    pip = [str(PYTHON), "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"]
    requirements = [word for name in files for word in ("--requirement", str(ROOT / name))]
    _run(pip + indexes + requirements, "pip failed (its own words are above)", "mend that, then run the command again")


def _torch_indexes() -> list[str]:
    """pip options that get torch without CUDA where there is no GPU to use it."""
    if sys.platform != "linux":
        return []
    if _has_gpu():
        _say("an NVIDIA GPU is here: torch comes with CUDA")
        return []
    if _answers(f"{TORCH_CPU_INDEX}/torch/"):
        _say(f"no GPU here: torch's CPU build comes from {TORCH_CPU_INDEX}")
        return ["--extra-index-url", TORCH_CPU_INDEX]
    _say("no GPU here, and torch's CPU index does not answer: pip takes the torch it finds by itself")
    return []


def _has_gpu() -> bool:
    if Path("/dev/nvidiactl").exists():
        return True
    # Many images carry nvidia-smi without a device, and WSL has devices elsewhere: ask it.
    smi = shutil.which("nvidia-smi")
    if smi is None:
        return False
    found = subprocess.run([smi, "-L"], capture_output=True, text=True, check=False)
    return found.returncode == 0 and "GPU" in found.stdout


def _answers(url: str) -> bool:
    """Whether `url` can be read within PROBE_SECONDS, name resolution included (which urllib's own timeout is not)."""
    answered = threading.Event()

    def ask() -> None:
        try:
            bundle = os.environ.get("PIP_CERT") or None
            context = ssl.create_default_context(cafile=bundle)
            request = urllib.request.Request(url, method="HEAD")
            with urllib.request.urlopen(request, timeout=PROBE_SECONDS, context=context):
                answered.set()
        except (OSError, ValueError):
            pass

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(PROBE_SECONDS)
    return answered.is_set()


def _run(command: list[str], failure: str, fix: str = "") -> None:
    if subprocess.run(command, check=False).returncode != 0:
        raise NotReadyError(failure, fix)


def _stamp() -> dict[str, str]:
    try:
        found = json.loads(STAMP.read_text())
    except (OSError, ValueError):
        return {}
    return {str(key): str(value) for key, value in found.items()} if isinstance(found, dict) else {}


def _write(stamp: dict[str, str]) -> None:
    STAMP.write_text(json.dumps(stamp, indent=1) + "\n")


def _version() -> str:
    return ".".join(map(str, sys.version_info[:3]))


def _say(text: str) -> None:
    print(f"venv: {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
