"""What a record must not keep: values of settings that are called like secrets, and texts that look like one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

MASK = "***"
SHORTEST = 6
"""A shorter value is no secret, and to mask it would hit other words of a text."""

_WORD = r"(?:password|passwd|passphrase|secret|token|credentials?|(?:api|access|private|secret)[-_]?key)"
# MAX_TOKENS and TOKENIZER are none.
_NAME = re.compile(rf"(?:^|[^a-z]){_WORD}(?:$|[^a-z])", re.IGNORECASE)
# In quotes anything but a number; without, a word with a digit in it, so that code stays: `token = model(x)`.
_ASSIGNED = re.compile(
    rf"({_WORD}[\"']?\s*[:=]\s*)"
    rf"(?:([\"'])(?!\d+\2)[^\"'\n]{{{SHORTEST},}}\2|(?=[a-z+/_=-]*\d)(?!\d+\b)[\w+/=-]{{{SHORTEST},}}(?=[\s\"',}}]|$))",
    re.IGNORECASE,
)
_SHAPES = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|\Z)"
    r"|\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{30,}|\bgithub_pat_\w{30,}|\bhf_[A-Za-z0-9]{30,}"
    r"|\bsk-[A-Za-z0-9_-]{20,}|\bxox[abprs]-[A-Za-z0-9-]{10,}|\beyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]*"
    r"|(?<=://)[^/\s:@]+:[^/\s@]+(?=@)",
    re.DOTALL,
)


def is_secret(name: str) -> bool:
    """Tell whether something of that name is a secret: `HF_TOKEN`, `db-password`; not `MAX_TOKENS`."""
    return _NAME.search(name) is not None


def masked(text: str, secrets: Iterable[str] = ()) -> str:
    """Return the text with `***` in the place of what looks like a secret, and of each of these values."""
    for value in sorted({value for value in secrets if len(value) >= SHORTEST}, key=len, reverse=True):
        text = text.replace(value, MASK)
    return _ASSIGNED.sub(rf"\g<1>{MASK}", _SHAPES.sub(MASK, text))


def secrets_of(env: Mapping[str, Any]) -> list[str]:
    """Return the values of an environment that are called like secrets."""
    return [str(value) for name, value in env.items() if is_secret(name)]
