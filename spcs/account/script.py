"""A text of several SQL statements, taken apart."""

from __future__ import annotations

import re
from collections.abc import Sequence

from spcs.account.quoting import literal

# Comments before quotes: an apostrophe in a comment opens nothing, and the first mark that is met decides.
_PIECE = re.compile(
    r"""(?P<line>^[ \t]*--[^\n]*\n?)
      | (?P<comment>[ \t]*--[^\n]*|/\*.*?\*/)
      | (?P<quoted>\$\$.*?\$\$|'(?:[^'\\]|''|\\.)*'|"(?:[^"]|"")*")
      | (?P<end>;)
      | (?P<text>.)""",
    re.DOTALL | re.VERBOSE | re.MULTILINE,
)


def statements(text: str) -> list[str]:
    """The statements of `text` in order, without comments and the `;` between them; quoted text stays as it is."""
    found = [""]
    for piece in _PIECE.finditer(text):
        if piece["end"]:
            found.append("")
        elif not piece["line"]:
            found[-1] += " " if piece["comment"] else piece.group()
    return [statement.strip() for statement in found if statement.strip()]


def filled(statement: str, values: Sequence[str]) -> str:
    """The statement with a literal for each `?` that stands in no quotes.

    Not a bind: Snowflake shows bound values in its history of queries, and hides the secrets among literals.
    """
    left = list(values)
    pieces = (
        literal(left.pop(0)) if piece["text"] == "?" and left else piece.group() for piece in _PIECE.finditer(statement)
    )
    return "".join(pieces) if values else statement


def headline(statement: str) -> str:
    """A statement's first clause on one line, for a list of what was done."""
    return re.sub(r"\s+", " ", statement.splitlines()[0].strip()).removesuffix(" WITH")
