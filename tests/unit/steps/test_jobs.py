from __future__ import annotations

import pytest

from spcs.errors import SettingsProblem
from spcs.run.model import State
from spcs.steps.jobs import most, states


def test_states_are_named_as_they_are_shown() -> None:
    assert states("") == frozenset()
    assert states("failed, internal error,DONE") == {State.FAILED, State.INTERNAL_ERROR, State.DONE}


def test_a_state_that_is_none_is_an_error_with_a_hint() -> None:
    with pytest.raises(SettingsProblem, match="did you mean 'failed'") as caught:
        states("faild")
    assert caught.value.code == 2


def test_so_many_runs_cannot_be_less_than_none() -> None:
    assert (most(0), most(5)) == (0, 5)
    with pytest.raises(SettingsProblem, match="--last is -3") as caught:
        most(-3)
    assert "0 is all" in caught.value.fix
