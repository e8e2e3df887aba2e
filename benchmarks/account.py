"""A local account for the length of a benchmark, in which a job is a few lines of Python that run as a process."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from spcs.account import Account, resolve
from spcs.image.credentials import Credentials
from spcs.image.layout import CONFIG_TYPE, Blob
from spcs.image.registry import OCI_MANIFEST, Registry
from spcs.run import names
from spcs.run.model import Run
from spcs.run.submit import Submission, submit

ROOT = Path(__file__).resolve().parent.parent
SETUP = (
    "CREATE DATABASE DB",
    "CREATE SCHEMA DB.S",
    "CREATE STAGE DB.S.RUNS",
    "CREATE IMAGE REPOSITORY DB.S.IMAGES",
    "CREATE COMPUTE POOL POOL MIN_NODES = 1 MAX_NODES = 1 INSTANCE_FAMILY = CPU_X64_S",
)


@dataclass
class Bench:
    """`root` holds the account's state and the receipts of its runs."""

    root: Path
    account: Account

    def start(self, code: str) -> Run:
        """Start a job that runs `code` in one container, `main`."""
        run = Run(names.new_run("bench"), "DB", "S", "DB.S.RUNS", pool="POOL")
        container = {"name": "main", "image": "/db/s/images/bench:1", "command": ["python", "-u", "-c", code]}
        return submit(self.account, Submission(run, json.dumps({"spec": {"containers": [container]}})), self.root)


@contextmanager
def bench() -> Iterator[Bench]:
    """Start an account without a container engine; all of it is gone at the end."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        root = Path(folder)
        os.environ["SPCS_LOCAL_ROOT"] = str(root / "account")
        _account("up", "--runtime", "process")
        try:
            account = Account(resolve("local", root), name="local")
            for statement in SETUP:
                account.query(statement)
            _push(account)
            yield Bench(root, account)
            account.close()
        finally:
            _account("reset")


def _account(*words: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "local_account", *words], cwd=ROOT, check=True, stdout=subprocess.DEVNULL, timeout=180
    )


def _push(account: Account) -> None:
    """Push an image with nothing in it."""
    (repository,) = account.query("SHOW IMAGE REPOSITORIES IN SCHEMA DB.S")
    host, _, path = repository["repository_url"].partition("/")
    registry = Registry(host, Credentials("0sessiontoken", account.registry_token().reveal()))
    empty = io.BytesIO()
    tarfile.open(fileobj=empty, mode="w").close()
    layer = Blob("application/vnd.oci.image.layer.v1.tar", empty.getvalue())
    settings = {"Entrypoint": ["python"], "WorkingDir": "/app", "Labels": {"spcs.runtime": "process"}}
    about = {"architecture": "amd64", "os": "linux", "config": settings}
    about["rootfs"] = {"type": "layers", "diff_ids": [layer.digest]}
    config = Blob(CONFIG_TYPE, json.dumps(about).encode())
    for blob in (layer, config):
        registry.put_blob(f"{path}/bench", blob.digest, blob.content)
    manifest = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config.descriptor}
    registry.put_manifest(f"{path}/bench", "1", json.dumps(manifest | {"layers": [layer.descriptor]}).encode())
