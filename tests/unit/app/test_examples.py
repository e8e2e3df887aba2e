"""The examples that are programs of their own end when they are told to, from their first moment on."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import pytest

Python = Callable[..., subprocess.Popen[str]]


@pytest.mark.parametrize("name", ["language", "finetune"])
def test_sigterm_is_handled_while_torch_is_imported(python: Python, name: str) -> None:
    """Without a handler a container's first process would not even end."""
    script = """
import os, runpy, signal, sys
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "torch":
            print(callable(signal.getsignal(signal.SIGTERM)), flush=True)
            os._exit(0)
sys.meta_path.insert(0, Finder())
runpy.run_module(sys.argv[1], run_name="__main__")
"""
    out, err = python("-c", script, f"examples.{name}.train").communicate(timeout=240)
    assert (out, err) == ("True\n", "")
