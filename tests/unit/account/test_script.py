"""A script is cut at its semicolons, and only at those that end a statement."""

from spcs.account.script import filled, headline, statements
from spcs.account.secret import Secret, hidden


def test_semicolons_end_statements() -> None:
    assert statements("USE ROLE a;\n\nUSE SCHEMA b ;\n") == ["USE ROLE a", "USE SCHEMA b"]


def test_last_semicolon_may_be_missing() -> None:
    assert statements("SELECT 1;SELECT 2") == ["SELECT 1", "SELECT 2"]


def test_comments_go_and_their_semicolons_with_them() -> None:
    script = "-- it's; nothing\nSELECT 1, -- one; two\n  2 /* a;b */, 3;\n  -- don't\nSELECT 2; -- end"
    assert [" ".join(each.split()) for each in statements(script)] == ["SELECT 1, 2 , 3", "SELECT 2"]


def test_a_comment_separates_words() -> None:
    assert statements("USE/**/ROLE a") == ["USE ROLE a"]


def test_quoted_text_stays_as_it_is() -> None:
    text = "SELECT 'a;''b\\';c --d', \"e;--f\""
    assert statements(text + ";") == [text]


def test_dollar_quoted_text_stays_as_it_is() -> None:
    text = "EXECUTE JOB SERVICE FROM SPECIFICATION $$\nspec: {a: 'it''s'} ; -- x  \n\n$$ NAME = j"
    assert statements(text + ";\nSELECT $1;") == [text, "SELECT $1"]


def test_comments_alone_are_no_statement() -> None:
    assert statements("-- nothing; here\n/* nor; here */\n;\n") == []


def test_division_and_minus_are_no_comments() -> None:
    assert statements("SELECT 4 / 2 - 1;") == ["SELECT 4 / 2 - 1"]


def test_file_uri_is_no_comment() -> None:
    assert statements("PUT file:///a/b.yaml @st;SELECT 1") == ["PUT file:///a/b.yaml @st", "SELECT 1"]


def test_headline_is_the_first_line() -> None:
    assert headline("CREATE  WAREHOUSE\tW\n  WITH X = 1") == "CREATE WAREHOUSE W"


def test_a_mark_is_filled_where_it_stands_alone() -> None:
    statement = "CREATE SECRET x SECRET_STRING = ? COMMENT = 'why?'"
    assert filled(statement, ["it's"]) == "CREATE SECRET x SECRET_STRING = 'it''s' COMMENT = 'why?'"
    assert filled(statement, []) == statement


def test_a_secret_is_hidden_as_it_is_and_as_sql_writes_it() -> None:
    text = "syntax error unexpected ''it''s'' near it's"
    assert hidden(text, [Secret("it's"), Secret("")]) == "syntax error unexpected '***' near ***"
