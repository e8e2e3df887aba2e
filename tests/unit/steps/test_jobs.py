from __future__ import annotations

import pytest

from spcs.errors import SettingsProblem
from spcs.run.model import State
from spcs.steps.jobs import states


def test_states_are_named_as_they_are_shown() -> None:
    assert states("") == frozenset()
    assert states("failed, internal error,DONE") == {State.FAILED, State.INTERNAL_ERROR, State.DONE}


def test_a_state_that_is_none_is_an_error_with_a_hint() -> None:
    with pytest.raises(SettingsProblem, match="did you mean 'failed'") as caught:
        states("faild")
    assert caught.value.code == 2
