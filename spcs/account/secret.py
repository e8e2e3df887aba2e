"""A text that must not be seen, and how to keep it out of others."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from spcs.account.quoting import literal


@dataclass(frozen=True)
class Secret:
    """A text that never shows when printed; `reveal()` gives it."""

    text: str = field(repr=False)

    def __str__(self) -> str:
        return "***"

    def reveal(self) -> str:
        return self.text


def hidden(text: str, secrets: Iterable[Secret]) -> str:
    """The text with *** for each of the secrets, as it is and as SQL writes it: an error of syntax quotes what it
    stumbles over."""
    for secret in secrets:
        for form in (literal(secret.reveal()), secret.reveal()):
            text = text.replace(form, str(secret)) if form else text
    return text
