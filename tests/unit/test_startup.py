"""What `inv --list` may cost: everything heavy is imported by the task that needs it."""

from __future__ import annotations

import json
import subprocess
import sys

from tests.support import REPO

LIST = """
import io, json, sys
from contextlib import redirect_stdout
from invoke.main import program
with redirect_stdout(io.StringIO()) as listed:
    program.run(["inv", "--list"], exit=False)
assert "build" in listed.getvalue(), listed.getvalue()
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""
HEAVY = {"snowflake", "jinja2", "torch", "torchdata", "rich", "numpy", "pyarrow", "httpx", "starlette", "duckdb"}


def test_listing_the_tasks_imports_nothing_heavy() -> None:
    done = subprocess.run([sys.executable, "-c", LIST], cwd=REPO, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert HEAVY & set(json.loads(done.stdout)) == set()
