"""docs/troubleshooting.md holds the catalogues as they are; `python -m tests.unit.test_troubleshooting` writes them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module

import pytest

from spcs.account import errors
from spcs.account.errors import Failure, problem
from spcs.errors import Known
from tests.support import REPO

PAGE = REPO / "docs" / "troubleshooting.md"
MARK = re.compile(r"<!-- (?P<name>[\w.]+) -->\n(?P<table>(?:\|.*\n)*)")
#: What the page calls things that have another name in every case.
WORDS = {"engine": "docker", "architecture": "amd64", "place": "the connection's entry", "more": "N"}
AGAIN = {"PUSH": "inv push", "LOGIN": "inv login"}
EXECUTE = "EXECUTE JOB SERVICE\n  NAME = DB.S.job_20260827_120005_bcdf"
#: What the account refuses: the text, its number, and the statement where that matters.
REFUSALS = (
    ("Role 'TRAINING_ROLE' specified in the connect string does not exist or not authorized.", 390189, ""),
    ("251001: Account must be specified", 251001, ""),
    ("Incorrect username or password was specified.", 250001, ""),
    ("JWT token is invalid. …", 250001, ""),
    ("MFA with TOTP is required. To authenticate, provide both your password and a current TOTP passcode.", 250001, ""),
    ("Network policy is required.", 250001, ""),
    ("IP … is not allowed to access Snowflake. Contact your local security administrator.", 250001, ""),
    ("Could not connect to Snowflake backend after 2 attempt(s).Aborting", 250001, ""),
    ("Authentication token has expired.  The user must authenticate again.", 390114, ""),
    ("invalid value 1.5 for '…'. Requirement exceeds compute pool instance capacity 1.", 395018, EXECUTE),
    ("Requested number of nodes … exceeds the node limit for the account", 0, ""),
    ("Failed to retrieve image: SPCS only supports image for amd64 architecture. …", 395000, EXECUTE),
    ("image manifest not found", 397012, EXECUTE),
    ("Invalid spec: unknown option '…' for '…'.", 395018, EXECUTE),
    ("Image repository 'DB.S.IMAGES' does not exist or not authorized.", 2003, ""),
    ("Compute pool 'POOL' does not exist or not authorized.", 2003, ""),
    ("Secret 'DB.S.TOKEN' does not exist or not authorized.", 2003, ""),
    ("Table 'DB.S.DIGITS' does not exist or not authorized.", 2003, ""),
    ("Object does not exist, or operation cannot be performed.", 2043, ""),
    ("Object 'DB.S.JOB' already exists.", 2002, EXECUTE),
    ("Insufficient privileges to operate on schema 'S'", 3001, EXECUTE),
    ("Insufficient privileges to operate on compute pool 'POOL'", 3001, EXECUTE),
    ("No active warehouse selected in the current session. …", 606, ""),
    ("While getting file(s) there was an error: the file does not exist.", 253006, "GET @S/x file:///y"),
)


class _Words(dict[str, str]):
    def __missing__(self, name: str) -> str:
        return WORDS.get(name, name.upper())


def table(name: str) -> str:
    """The table of the catalogue that is called so in its module, or of what the account refuses."""
    rows = _refusals() if name == "account" else _of_catalogue(name)
    return "| it says | it means | do |\n|---|---|---|\n" + "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _of_catalogue(name: str) -> Iterator[tuple[str, str, str]]:
    module, _, variable = name.rpartition(".")
    words = _Words(again=AGAIN.get(variable, ""))
    for known in getattr(import_module(module), variable):
        says = "<br>".join(_code(sentence.format_map(words)) for sentence in known.says)
        yield says, _plain(known.means.format_map(words)), _plain(known.fix.format_map(words))


def _refusals() -> Iterator[tuple[str, str, str]]:
    for text, errno, statement in REFUSALS:
        said = problem(Failure(text, errno or None, None, statement, "ROLE", "NAME", WORDS["place"]))
        yield _code(text), _plain(said.what), _plain(said.fix) or "look at the statement"


def _code(text: str) -> str:
    return f"`` {text} ``" if "`" in text else f"`{text}`"


def _plain(text: str) -> str:
    """Text in which Markdown sees neither a column nor a tag."""
    return text.replace("|", r"\|").replace("<", r"\<").replace("\n", "; ")


def written(page: str) -> str:
    return MARK.sub(lambda mark: f"<!-- {mark['name']} -->\n{table(mark['name'])}", page)


def test_the_page_says_what_the_catalogues_say() -> None:
    page = PAGE.read_text()
    assert page == written(page), "python -m tests.unit.test_troubleshooting"


def test_every_catalogue_is_on_the_page() -> None:
    modules = ("spcs.image.failures", "spcs.account.opening", "spcs.account.pools", "spcs.run.remedies")
    catalogues = {
        f"{module}.{name}"
        for module in modules
        for name, value in vars(import_module(module)).items()
        if isinstance(value, tuple) and not isinstance(value, Known) and value and isinstance(value[0], Known)
    }
    assert {mark["name"] for mark in MARK.finditer(PAGE.read_text())} == {*catalogues, "account"}


@pytest.mark.parametrize("known", errors._KNOWN, ids=lambda known: known.pattern[:40])
def test_every_refusal_that_is_known_is_on_the_page(known: errors._Known) -> None:
    assert any(re.search(known.pattern, text, re.IGNORECASE) for text, _, _ in REFUSALS)


def test_every_refusal_that_is_known_by_its_number_is_on_the_page() -> None:
    assert set(errors._BY_NUMBER) <= {errno for _, errno, _ in REFUSALS}


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text()))
