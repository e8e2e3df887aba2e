"""The account of the tests over the wire."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.accounts import LocalAccount, local_account


@pytest.fixture(scope="session")
def wire(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAccount]:
    """One account for the whole session; tests make schemas of their own in it."""
    with local_account(tmp_path_factory.mktemp("wire"), "process") as account:
        account.query("CREATE WAREHOUSE IF NOT EXISTS W")
        yield account
