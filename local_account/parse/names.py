"""Names of objects and paths on stages."""

from __future__ import annotations

import re
from dataclasses import dataclass

_PART = re.compile(r'"((?:[^"]|"")*)"|([A-Za-z_\u0080-\uffff][\w$]*)')


@dataclass(frozen=True)
class Name:
    """One to three identifiers, already folded to upper case unless they were quoted."""

    parts: tuple[str, ...]
    quoted: bool = False

    @property
    def last(self) -> str:
        return self.parts[-1]

    def __str__(self) -> str:
        return ".".join(self.parts)


@dataclass(frozen=True)
class StagePath:
    """`@name/path`: `path` has no leading slash, keeps its case and may end in a slash. `kind` is `named`, `user`
    (`@~`) or `table` (`@%t`)."""

    name: Name
    path: str
    kind: str = "named"

    def __str__(self) -> str:
        prefix = {"named": "@", "user": "@", "table": "@%"}[self.kind]
        return f"{prefix}{self.name}/{self.path}"


def identifier(text: str) -> str:
    """One identifier written as SQL text -> its stored form. Raises ValueError if it is none."""
    match = _PART.fullmatch(text)
    if not match:
        raise ValueError(f"not an identifier: {text!r}")
    return match.group(2).upper() if match.group(2) is not None else match.group(1).replace('""', '"')


def stage_path(text: str) -> StagePath:
    """The text after `@` -> StagePath. Raises ValueError if it names no stage."""
    if text.startswith("~"):
        if text[1:2] not in ("", "/"):
            raise ValueError(f"not a stage: @{text}")
        return StagePath(Name(("~",)), text[1:].lstrip("/"), "user")
    kind = "named"
    parts: list[str] = []
    position, quoted = 0, False
    while True:
        if text.startswith("%", position):
            kind, position = "table", position + 1
        match = _PART.match(text, position)
        if not match or len(parts) == 3:
            raise ValueError(f"not a stage: @{text}")
        quoted = quoted or match.group(1) is not None
        parts.append(identifier(match.group()))
        position = match.end()
        if not text.startswith(".", position):
            break
        position += 1
    if text[position : position + 1] not in ("", "/"):
        raise ValueError(f"not a stage: @{text}")
    return StagePath(Name(tuple(parts), quoted), text[position:].lstrip("/"), kind)
