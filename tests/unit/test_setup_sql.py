"""The account's objects in SQL: every name as Snowflake takes it, whatever it is."""

from __future__ import annotations

import pytest

from spcs.account import quoting
from spcs.config import Settings, Snowflake
from spcs.project import Project
from spcs.steps.account import YOUR_USER, setup_sql
from tests.support import REPO


def text(user: str = YOUR_USER, **names: str) -> str:
    return setup_sql(Project(REPO, Settings(snowflake=Snowflake(**names)), dry=True), "", user, admin=True)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("user", "written"), [("JANE", "JANE"), ("JANE.DOE@CORP.COM", '"JANE.DOE@CORP.COM"'), ("jane", '"jane"')]
)
def test_the_user_of_the_session_is_granted_the_role_by_its_exact_name(user: str, written: str) -> None:
    assert f"GRANT ROLE TRAINING_ROLE TO USER {written};" in text(quoting.as_given(user))


def test_who_reads_the_text_puts_a_user_there() -> None:
    assert "GRANT ROLE TRAINING_ROLE TO USER <your user>;" in text()


@pytest.mark.parametrize("key", ["admin_role", "role", "database", "schema", "warehouse", "image_repository", "stage"])
def test_a_reserved_word_is_quoted_wherever_it_stands(key: str) -> None:
    lines = [line for line in text(**{key: "TABLE"}).splitlines() if not line.startswith("--")]
    assert '"TABLE"' in "\n".join(lines)
    assert not [line for line in lines if " TABLE" in line]
