"""The grammar: what each statement becomes, and how refusals say where."""

from __future__ import annotations

from typing import Any

import pytest

from local_account.errors import SqlError
from local_account.parse import parse
from local_account.parse.binds import bind
from local_account.parse.functions import FunctionCall, ResultScan
from local_account.parse.grants import Grant
from local_account.parse.names import Name, stage_path
from local_account.parse.objects import Create
from local_account.parse.scanner import Kind, scan
from local_account.parse.show import Show
from local_account.parse.stages import Get, ListFiles, Put
from local_account.parse.tables import CopyInto, Query, Unload
from local_account.parse.tokens import Tokens

Binds = dict[str, dict[str, Any]]


def refusal(sql: str) -> SqlError:
    with pytest.raises(SqlError) as caught:
        parse(sql)
    return caught.value


@pytest.mark.parametrize(
    ("sql", "line", "position", "unexpected"),
    [
        ("FROB x", 1, 0, "FROB"),
        ("DROP FROB x", 1, 5, "FROB"),
        ("CREATE OR REPLACE FROB x", 1, 18, "FROB"),
        ("CREATE ROLE\n  a b", 2, 4, "b"),
        ("SELECT 'open", 1, 7, "'"),
        ("SELECT $$open", 1, 7, "$"),
        ("CREATE ROLE", 1, 11, "<EOF>"),
        ("USE ROLE a.b.c.d", 1, 14, "."),
    ],
)
def test_syntax_error_says_line_and_position(sql: str, line: int, position: int, unexpected: str) -> None:
    error = refusal(sql)
    assert error.errno == 1003
    assert f"line {line} at position {position} unexpected '{unexpected}'" in error.message


def test_empty_text_and_second_statement_are_refused() -> None:
    assert refusal("  -- nothing\n").errno == 900
    assert refusal("SELECT 1; SELECT 2").errno == 8
    assert isinstance(parse("SELECT 1 ; -- done"), Query)


@pytest.mark.parametrize("text", ["b", '"B"', "IDENTIFIER('b')", "IDENTIFIER( 'B' )", "'b'"])
def test_a_name_is_upper_case_unless_quoted(text: str) -> None:
    assert Tokens.of(text).name().parts == ("B",)


def test_quoted_names_keep_case_blanks_and_dots() -> None:
    name = Tokens.of('"My Db"."a.b"."c""d"').name()
    assert name == Name(("My Db", "a.b", 'c"d'), quoted=True)
    assert Tokens.of("d..t").name().parts == ("D", "PUBLIC", "T")


def test_strings_lose_their_escapes_and_dollar_strings_keep_everything() -> None:
    values = [token.value for token in scan(r"'it''s' 'a\'b\n\u0041' $$a 'b' -- c; $x$ $$")[:-1]]
    assert values == ["it's", "a'b\nA", "a 'b' -- c; $x$ "]


def test_comments_are_skipped_but_not_inside_file_urls() -> None:
    tokens = scan("PUT /* x */ file:///data/a/*.txt // y\n @st/a--b -- z")
    assert [(token.kind, token.value) for token in tokens[1:-1]] == [
        (Kind.FILE, "file:///data/a/*.txt"),
        (Kind.STAGE, "st/a--b"),
    ]


@pytest.mark.parametrize(
    ("text", "parts", "path", "kind"),
    [
        ("st", ("ST",), "", "named"),
        ("d.s.st/Dir/file.txt", ("D", "S", "ST"), "Dir/file.txt", "named"),
        ('"x y".st/a b', ("x y", "ST"), "a b", "named"),
        ("~/a", ("~",), "a", "user"),
        ("%t/a", ("T",), "a", "table"),
        ("d.s.%t", ("D", "S", "T"), "", "table"),
    ],
)
def test_stage_paths(text: str, parts: tuple[str, ...], path: str, kind: str) -> None:
    found = stage_path(text)
    assert (found.name.parts, found.path, found.kind) == (parts, path, kind)


@pytest.mark.parametrize("text", ["", "/a", "a.b.c.d", "1a", "~x", "a-b"])
def test_what_is_no_stage_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a stage"):
        stage_path(text)


def test_put_and_get_take_quoted_and_bare_places() -> None:
    put = parse("put 'file:///data/a b.txt'   '@st/sub dir'  parallel=4 auto_compress=False OVERWRITE = TRUE")
    assert put == Put("/data/a b.txt", put.stage, {"PARALLEL": 4, "AUTO_COMPRESS": False, "OVERWRITE": True})
    assert put.stage.path == "sub dir"
    get = parse("GET @~/x/ file:///data/y/ PATTERN='.*[.]json'")
    assert isinstance(get, Get)
    assert get.options == {"PATTERN": ".*[.]json"}
    listed = parse("ls @st/a pattern = 'x'")
    assert isinstance(listed, ListFiles)
    assert listed.pattern == "x"


def test_create_takes_the_clauses_of_the_set_up() -> None:
    made = parse("CREATE STAGE IF NOT EXISTS st DIRECTORY = ( ENABLE = true ) ENCRYPTION=(TYPE='SNOWFLAKE_SSE')")
    assert made == Create("STAGE", Name(("ST",)), False, True, made.properties)
    assert made.properties == {"DIRECTORY": {"ENABLE": True}, "ENCRYPTION": {"TYPE": "SNOWFLAKE_SSE"}}
    integration = parse("CREATE SECURITY INTEGRATION i TYPE=oauth OAUTH_CLIENT=snowservices_ingress ENABLED=true;")
    assert integration.properties["ENABLED"] is True


def test_a_property_that_is_unknown_is_a_syntax_error() -> None:
    assert "unexpected 'WAREHOUSE_SIZ'" in refusal("CREATE WAREHOUSE w WAREHOUSE_SIZ = 'XSMALL'").message


@pytest.mark.parametrize(
    ("sql", "privileges", "kind", "name"),
    [
        ("GRANT OWNERSHIP ON DATABASE d TO ROLE r COPY CURRENT GRANTS", ("OWNERSHIP",), "DATABASE", "D"),
        ("GRANT USAGE, MONITOR ON COMPUTE POOL p TO ROLE r", ("USAGE", "MONITOR"), "COMPUTE POOL", "P"),
        ("GRANT READ ON IMAGE REPOSITORY d.s.r TO ROLE r", ("READ",), "IMAGE REPOSITORY", "D.S.R"),
        ("GRANT BIND SERVICE ENDPOINT ON ACCOUNT TO ROLE r", ("BIND SERVICE ENDPOINT",), "ACCOUNT", None),
        ("GRANT ALL PRIVILEGES ON SCHEMA d.s TO r", ("ALL",), "SCHEMA", "D.S"),
        ("GRANT SELECT ON ALL TABLES IN SCHEMA d.s TO ROLE r", ("SELECT",), "TABLES", "D.S"),
    ],
)
def test_grants(sql: str, privileges: tuple[str, ...], kind: str, name: str | None) -> None:
    found = parse(sql)
    assert isinstance(found, Grant)
    assert (found.privileges, found.kind, str(found.name) if found.name else None) == (privileges, kind, name)
    assert found.grantee.last == "R"


@pytest.mark.parametrize(
    ("sql", "scope"),
    [
        ("show stages like '%%'", ("%%", None, None)),
        ("SHOW STAGES IN SCHEMA a.b", (None, "SCHEMA", "A.B")),
        ("SHOW TERSE SCHEMAS IN DATABASE", (None, "DATABASE", None)),
        ("SHOW TABLES LIKE 'x' IN ACCOUNT", ("x", "ACCOUNT", None)),
        ("SHOW TABLES IN d STARTS WITH 'X' LIMIT 3", (None, "", "D")),
    ],
)
def test_show_scopes(sql: str, scope: tuple[str | None, str | None, str | None]) -> None:
    found = parse(sql)
    assert isinstance(found, Show)
    name = str(found.scope.name) if found.scope.name else None
    assert (found.scope.like, found.scope.kind, name) == scope


def test_a_select_of_one_system_function_is_a_call() -> None:
    found = parse("SELECT SYSTEM$GET_SERVICE_LOGS('a', '0', \"x\", 10) AS log")
    assert isinstance(found, FunctionCall)
    assert (found.arguments, found.column) == (("a", "0", "x", 10), "LOG")
    called = parse("CALL db.s.job!spcs_wait_for('DONE', 30)")
    assert isinstance(called, FunctionCall)
    assert (called.name.parts, called.method) == (("DB", "S", "JOB"), "SPCS_WAIT_FOR")
    assert isinstance(parse("SELECT SYSTEM$X(1), 2"), Query)
    assert isinstance(parse("SELECT COUNT(*) FROM t"), Query)
    assert parse("select * from table(result_scan('q'))") == ResultScan("q")


def test_copy_into_a_table_and_into_a_stage() -> None:
    copy = parse(
        "COPY INTO d.s.t (a, b) FROM @st/x FILES = ('1', '2') FILE_FORMAT = (TYPE = PARQUET)"
        " MATCH_BY_COLUMN_NAME = CASE_INSENSITIVE FORCE = TRUE"
    )
    assert isinstance(copy, CopyInto)
    assert (copy.columns, copy.files) == (("A", "B"), ("1", "2"))
    assert copy.options["MATCH_BY_COLUMN_NAME"] == "CASE_INSENSITIVE"
    changed = parse("COPY INTO t FROM (SELECT $1:a::int, f.$1:b FROM @st/x f)")
    assert isinstance(changed, CopyInto)
    assert changed.select == "$1:a::int, f.$1:b "
    unload = parse("COPY INTO @st/out/ FROM (SELECT * FROM t WHERE (a = 1)) FILE_FORMAT=(TYPE=PARQUET)")
    assert isinstance(unload, Unload)
    assert unload.query == "SELECT * FROM t WHERE (a = 1)"


def test_binds_become_literals() -> None:
    given: Binds = {
        "1": {"type": "FIXED", "value": "7"},
        "2": {"type": "TEXT", "value": "it's \\ $$"},
        "3": {"type": "TEXT", "value": None},
        "4": {"type": "BOOLEAN", "value": "true"},
        "5": {"type": "DATE", "value": "86400000"},
    }
    assert bind("f(?, ?, '?', ?, ?, ?)", given) == r"f(7, 'it''s \\ $$', '?', NULL, TRUE, '1970-01-02'::DATE)"
    assert bind("f(:2, x:1)", given) == r"f('it''s \\ $$', x:1)"


def test_a_list_of_binds_repeats_the_row() -> None:
    rows: Binds = {"1": {"type": "FIXED", "value": ["1", "2"]}, "2": {"type": "TEXT", "value": ["a", None]}}
    assert bind("INSERT INTO t VALUES (?, upper(?))", rows) == (
        "INSERT INTO t VALUES (1, upper('a')), (2, upper(NULL))"
    )


@pytest.mark.parametrize(
    "wrong",
    [
        "x",
        {},
        {"type": "TEXT"},
        {"value": "1"},
        {"type": None, "value": "1"},
        {"type": "FIXED", "value": "x"},
        {"type": "DATE", "value": "9" * 30},
        {"type": "TIMESTAMP_NTZ", "value": "9" * 30},
        {"type": "TIME", "value": "noon"},
        {"type": "TEXT", "value": ["a"]},
    ],
)
def test_binds_of_a_wrong_shape_are_refused(wrong: Any) -> None:
    with pytest.raises(SqlError):
        bind("INSERT INTO t VALUES (?, ?)", {"1": {"type": "TEXT", "value": "a"}, "2": wrong})


def test_a_bind_that_is_not_given_is_refused() -> None:
    with pytest.raises(SqlError) as caught:
        bind("SELECT ?, ?", {"1": {"type": "FIXED", "value": "1"}})
    assert caught.value.errno == 2049
