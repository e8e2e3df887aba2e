"""What is wrong with a specification, said as Snowflake says it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

INVALID_SPEC = 395018


class SpecError(ValueError):
    """A specification that Snowflake would refuse.

    message: the whole sentence, e.g. "Invalid spec: unknown option 'x' for 'spec.containers[0]'."
    path: where, from the root of the document, e.g. "spec.containers[0].env"; "" is the document itself
    code: Snowflake's error number (SQL state 22023)
    line: the line in the text, counted from 1, where it is known
    hint: what was probably meant, e.g. "did you mean 'image'?"
    """

    def __init__(
        self,
        message: str,
        *,
        path: str = "",
        code: int = INVALID_SPEC,
        line: int | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.path = path
        self.code = code
        self.line = line
        self.hint = hint


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """A hint naming the known word nearest to `word`, or None where none is near."""
    by_folded = {name.casefold(): name for name in known}
    folded = word.casefold()
    near = [name for name in by_folded if name.endswith(folded)] or difflib.get_close_matches(folded, by_folded, n=1)
    return f"did you mean '{by_folded[near[0]]}'?" if near else None
