"""Text of a statement -> tokens: strings, `$$` strings, stage paths, file URLs, comments and binds; no grammar."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from local_account.errors import SqlError, syntax_error


class Kind(Enum):
    WORD = "word"
    QUOTED = "quoted identifier"
    STRING = "string"
    NUMBER = "number"
    STAGE = "stage path"
    FILE = "file URL"
    BIND = "bind variable"
    OP = "operator"
    END = "end of statement"


@dataclass(frozen=True)
class Token:
    """`text` is as written; `value` is upper-cased for a word, unescaped for a string, without `@` for a stage path."""

    kind: Kind
    text: str
    value: str
    start: int
    end: int


_PATTERN = re.compile(
    r"""
    (?P<skip>\s+|--[^\n]*|//[^\n]*|/\*.*?\*/)
  | (?P<dollars>\$\$.*?\$\$)
  | (?P<string>'(?:[^'\\]|\\.|'')*')
  | (?P<stage>@(?:"(?:[^"]|"")*"|[^\s;,()'"])+)
  | (?P<file>file://[^\s;,)']+)
  | (?P<quoted>"(?:[^"]|"")*")
  | (?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?(?![A-Za-z_]))
  | (?P<word>[A-Za-z_\u0080-\uffff][\w$]*)
  | (?P<bind>\?|(?<![:\w"\])}]):\d+)
  | (?P<op>=>|->>|->|::|:=|<>|!=|<=|>=|\|\||\$\d+|\$\w+|.)
    """,
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
_KINDS = {
    "string": Kind.STRING,
    "dollars": Kind.STRING,
    "stage": Kind.STAGE,
    "file": Kind.FILE,
    "quoted": Kind.QUOTED,
    "number": Kind.NUMBER,
    "word": Kind.WORD,
    "bind": Kind.BIND,
    "op": Kind.OP,
}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "0": "\0"}
_ESCAPE = re.compile(r"''|\\x([0-9A-Fa-f]{2})|\\u([0-9A-Fa-f]{4})|\\(.)", re.DOTALL)


def scan(sql: str) -> list[Token]:
    """All tokens of `sql` in order, closed by one END token. Raises SqlError 1003 for an unclosed literal."""
    tokens: list[Token] = []
    for match in _PATTERN.finditer(sql):
        group = match.lastgroup or "op"
        if group == "skip":
            continue
        text = match.group()
        if text in ("'", '"') or (sql.startswith(("$$", "/*"), match.start()) and group == "op"):
            raise error_at(sql, match.start(), text)
        tokens.append(Token(_KINDS[group], text, _value(group, text), match.start(), match.end()))
    tokens.append(Token(Kind.END, "<EOF>", "<EOF>", len(sql), len(sql)))
    return tokens


def error_at(sql: str, offset: int, unexpected: str) -> SqlError:
    """Snowflake's syntax error for the text at `offset`."""
    line = sql.count("\n", 0, offset) + 1
    return syntax_error(line, offset - (sql.rfind("\n", 0, offset) + 1), unexpected)


def _value(group: str, text: str) -> str:
    if group == "string":
        return _ESCAPE.sub(_unescape, text[1:-1])
    if group == "dollars":
        return text[2:-2]
    if group == "quoted":
        return text[1:-1].replace('""', '"')
    if group == "stage":
        return text[1:]
    return text.upper() if group == "word" else text


def _unescape(match: re.Match[str]) -> str:
    if match.group() == "''":
        return "'"
    code = match.group(1) or match.group(2)
    if code:
        return chr(int(code, 16))
    return _ESCAPES.get(match.group(3), match.group(3))
