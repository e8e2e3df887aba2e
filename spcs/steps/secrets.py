"""Where the value of a secret comes from: the environment, or somebody at the terminal. It is kept nowhere."""

from __future__ import annotations

import getpass
import os
import sys

from spcs.account import Secret


def variable(name: str) -> str:
    """The environment variable that holds the value of the secret called `name`."""
    return f"SPCS_SECRET_{name.upper()}"


def value_of(name: str) -> Secret | None:
    """The value to give a secret; None where there is none, and nobody to be asked or no answer."""
    given = os.environ.get(variable(name))
    if not given and sys.stdin.isatty():
        given = getpass.getpass(f"value of the secret {name} (not shown; nothing: leave it out): ", stream=sys.stderr)
    return Secret(given) if given else None
