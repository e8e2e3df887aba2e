"""What is kept of a statement that holds a secret."""

from __future__ import annotations

import re

_VALUE = re.compile(
    r"""(\b(?:SECRET_STRING|PASSWORD|OAUTH_REFRESH_TOKEN)\s*=\s*)('(?:[^'\\]|\\.|'')*'|\$\$.*?\$\$)""",
    re.IGNORECASE | re.DOTALL,
)


def redacted(sql: str) -> str:
    """The statement with `***` for every value that a secret or a user is given."""
    return _VALUE.sub(r"\1'***'", sql)
