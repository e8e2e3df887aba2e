"""What can go wrong, said once: what happened, why, and the command that mends it.

A `Problem` may be raised anywhere behind a task. It is an `invoke.Exit`, so Invoke itself catches it at the border,
prints the text on stderr and leaves with the exit code. A traceback therefore always means a bug of ours.

Exit codes: 0 done, 1 the job failed or was cancelled, 2 wrong words or settings, 3 not ready, 4 Snowflake refused,
5 build or push failed, 130 left with Ctrl-C while the job goes on.
"""

from __future__ import annotations

import difflib
import functools
import re
from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar, NamedTuple, Self

from invoke.exceptions import Exit


class Problem(Exit):
    """A failure a user can act on: `what` happened, `why`, and `fix`, the command or edit that mends it.

    All three begin in lower case, unless with a name, and end without a full stop; `fix` is a command or an imperative,
    several of them parted by ", or". What others said (Snowflake, an engine) is quoted as it is.
    """

    exit_code: ClassVar[int] = 1
    heading: ClassVar[str] = "error: "
    errno: int | None = None
    sqlstate: str | None = None
    """Both are Snowflake's own, where it gave them."""

    def __init__(self, what: str, why: str = "", fix: str = "", *, code: int | None = None) -> None:
        super().__init__(message=_text(self.heading + what, why, fix), code=self.exit_code if code is None else code)
        self.what = what
        self.why = why
        self.fix = fix

    def numbered(self, errno: int | None, sqlstate: str | None) -> Self:
        """This problem, with what Snowflake calls it."""
        self.errno, self.sqlstate = errno, sqlstate
        return self

    def __str__(self) -> str:
        return self.message or ""


class JobFailed(Problem):
    """The job ended in FAILED, CANCELLED or INTERNAL_ERROR."""

    exit_code = 1


class SettingsProblem(Problem):
    """A word on the command line, a key or value of the settings, a template or a specification is wrong."""

    exit_code = 2


class NotReady(Problem):
    """Something the command needs is not there yet: an engine, the local account, an object of the account."""

    exit_code = 3


class Refused(Problem):
    """Snowflake answered with an error."""

    exit_code = 4


class BuildFailed(Problem):
    """The image could not be built or pushed."""

    exit_code = 5


class Left(Problem):
    """The user left with Ctrl-C; the job goes on."""

    exit_code = 130
    heading = ""  # nothing went wrong


class Known(NamedTuple):
    """Sentences that others say, what they mean, and the command or edit that mends it.

    A sentence stands as it is said: `…` for anything on its line, `{name}` for one word that `means` and `fix` may
    repeat. They may also use names that whoever reads the catalogue adds, such as `{job}`.
    """

    says: tuple[str, ...]
    means: str
    fix: str


class Meaning(NamedTuple):
    """What a text means and what mends it, all names filled in."""

    means: str
    fix: str


def meaning(catalogue: Iterable[Known], text: str, **names: str) -> Meaning | None:
    """Return what the first entry that knows a sentence of the text says of it; `names` fill what it leaves open."""
    for known in catalogue:
        for sentence in known.says:
            if found := _pattern(sentence).search(text):
                filled = names | found.groupdict()
                return Meaning(known.means.format(**filled), known.fix.format(**filled))
    return None


def knows(catalogue: Iterable[Known], text: str) -> bool:
    """Tell whether an entry knows a sentence of the text."""
    return any(_pattern(sentence).search(text) for known in catalogue for sentence in known.says)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `did you mean 'x'?` for the closest of `known`, or the empty string when nothing is close."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"did you mean '{close[0]}'?" if close else ""


def shown_path(file: Path) -> str:
    """Return a path as a user would type it: from the current folder where it lies below that."""
    absolute = file.absolute()
    return str(absolute.relative_to(Path.cwd()) if absolute.is_relative_to(Path.cwd()) else file)


@functools.cache
def _pattern(sentence: str) -> re.Pattern[str]:
    """The sentence as a pattern: whole words, whatever their case and however many spaces are between them."""
    pieces = [_piece(part) for part in re.split(r"(…|\{\w+\})", sentence) if part]
    if sentence.endswith("}"):
        pieces[-1] = pieces[-1].replace("+?", "*[^\\s'\",;:.()]")  # nothing follows: as far as the word goes
    first, last = (r"(?<!\w)" if sentence[0].isalnum() else ""), (r"(?!\w)" if sentence[-1].isalnum() else "")
    return re.compile(first + "".join(pieces) + last, re.IGNORECASE)


def _piece(part: str) -> str:
    if part == "…":
        return ".*?"
    if part.startswith("{"):
        return rf"(?P<{part[1:-1]}>[^\s'\"]+?)"
    return r"\s+".join(map(re.escape, part.split(" ")))


def _text(what: str, why: str, fix: str) -> str:
    lines = [what]
    if why:
        lines += [f"  {line}".rstrip() for line in why.splitlines()]
    if fix:
        first, *rest = fix.splitlines()
        lines += [f"  fix: {first}", *(f"       {line}".rstrip() for line in rest)]
    return "\n".join(lines)
