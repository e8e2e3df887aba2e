"""The desk with version 4 of the connector, which snowflake-ml-python and Snowpark force into an environment."""

from __future__ import annotations

from pathlib import Path

from tests.support import Project


def test_the_whole_chain(desk: Project, old_connector: Path) -> None:
    env = {"PYTHONPATH": str(old_connector)}
    done = desk.inv("setup", "data", "build", "push", "run", env=env)
    assert done.code == 0, done
    assert "accuracy" in done.stderr
    fetched = desk.inv("fetch", env=env)
    assert fetched.code == 0, fetched
