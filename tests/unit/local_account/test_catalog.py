"""Objects that two sessions change at once."""

from __future__ import annotations

from pathlib import Path

from local_account.catalog import Catalog
from local_account.catalog import Path as Name
from local_account.state import State


def test_a_change_does_not_undo_that_of_another_session(tmp_path: Path) -> None:
    state = State(tmp_path / "state.db")
    catalog, name = Catalog(state), Name("", "", "P")
    catalog.create("COMPUTE POOL", name, "R", {"min_nodes": 1, "suspended": True})
    seen = catalog.get("COMPUTE POOL", name)
    catalog.update(seen, properties={"min_nodes": 2}, comment="mine")
    catalog.update(seen, properties={"suspended": None})
    found = catalog.get("COMPUTE POOL", name)
    assert (found.properties, found.comment) == ({"min_nodes": 2}, "mine")
    state.close()
