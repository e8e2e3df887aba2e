from __future__ import annotations

import pytest

from spcs.config.model import Settings
from spcs.errors import SettingsProblem
from spcs.project import Project
from spcs.steps.board import board
from tests.support import REPO


@pytest.mark.parametrize("port", [-5, 65_536])
def test_a_port_that_is_none_is_refused_before_anything_is_asked(port: int) -> None:
    with pytest.raises(SettingsProblem, match=f"--port is {port}") as caught:
        board(Project(REPO, Settings(), dry=False), "", port, open_browser=False)
    assert (caught.value.code, "--port 0" in caught.value.fix) == (2, True)
