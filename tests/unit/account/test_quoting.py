"""Identifiers, literals, stage locations and file URIs: quoted where needed and nowhere else."""

from pathlib import Path

import pytest

from spcs.account.quoting import as_given, file_uri, identifier, literal, location, parts, plain, qualified
from spcs.errors import SettingsProblem


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("TRAINING_DB", "TRAINING_DB"),
        ("training_db", "training_db"),
        ("_x$1", "_x$1"),
        ("my-db", '"my-db"'),
        ("1st", '"1st"'),
        ('say "hi"', '"say ""hi"""'),
        ('"Kept As Is"', '"Kept As Is"'),
        ("table", '"TABLE"'),
        ("größe", '"größe"'),
        ('x"; DROP TABLE t --', '"x""; DROP TABLE t --"'),
        ('"x"; DROP TABLE "t"', '"""x""; DROP TABLE ""t"""'),
    ],
)
def test_identifier_is_quoted_only_where_needed(name: str, text: str) -> None:
    assert identifier(name) == text


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("JANE", "JANE"),
        ("jane", '"jane"'),
        ("JANE.DOE@CORP.COM", '"JANE.DOE@CORP.COM"'),
        ("USER", "USER"),
        ("ON", '"ON"'),
    ],
)
def test_name_from_the_account_keeps_its_case(name: str, text: str) -> None:
    assert as_given(name) == text


def test_empty_name_is_a_settings_problem() -> None:
    with pytest.raises(SettingsProblem):
        identifier("")


def test_dots_inside_double_quotes_do_not_separate() -> None:
    assert parts('db."my.schema".x') == ["db", '"my.schema"', "x"]
    assert qualified('db."my.schema"', "my-table") == 'db."my.schema"."my-table"'


@pytest.mark.parametrize("name", ["a..b", ".a", "a.", 'a"b', ""])
def test_broken_dotted_name_is_a_settings_problem(name: str) -> None:
    with pytest.raises(SettingsProblem):
        parts(name)


@pytest.mark.parametrize("name", ["my-job", '"Job"', "1job", "db.schema.select"])
def test_services_take_no_quoted_names(name: str) -> None:
    with pytest.raises(SettingsProblem, match="unquoted identifiers"):
        plain(name)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("it's", "'it''s'"),
        ("C:\\temp", "'C:\\\\temp'"),
        ("two\nlines", "'two\\nlines'"),
        ("", "''"),
        (None, "NULL"),
        (True, "TRUE"),
        (False, "FALSE"),
        (3, "3"),
        (1.5, "1.5"),
    ],
)
def test_literal(value: str | float | bool | None, text: str) -> None:
    assert literal(value) == text


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("@db.schema.runs/a/b.yaml", "@db.schema.runs/a/b.yaml"),
        ("db.schema.runs", "@db.schema.runs"),
        ("@~/mine", "@~/mine"),
        ("@runs/two words/x", "'@runs/two words/x'"),
        ("@runs/it's", "'@runs/it''s'"),
        ('@"my stage"/x', "'@\"my stage\"/x'"),
        ("@runs/a--b", "'@runs/a--b'"),
        ("@runs//b", "'@runs//b'"),
        ("@runs/x; DROP STAGE runs", "'@runs/x; DROP STAGE runs'"),
    ],
)
def test_stage_location(path: str, text: str) -> None:
    assert location(path) == text


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/data/spec.yaml", "file:///data/spec.yaml"),
        ("/my data/spec.yaml", "'file:///my data/spec.yaml'"),
        ("/it's/spec.yaml", "'file:///it''s/spec.yaml'"),
        ("/a--b/spec.yaml", "'file:///a--b/spec.yaml'"),
        ("/größe.yaml", "'file:///größe.yaml'"),
        ("/what?/[1]*.yaml", "'file:///what[?]/[[]1][*].yaml'"),
    ],
)
def test_file_uri(path: str, text: str) -> None:
    assert file_uri(Path(path)) == text


def test_relative_file_becomes_absolute() -> None:
    assert file_uri(Path("x")) in (f"file://{Path.cwd()}/x", f"'file://{Path.cwd()}/x'")
