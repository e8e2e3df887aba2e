from __future__ import annotations

import pytest

from spcs.errors import SettingsProblem
from spcs.run import spans


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("30s", 30), ("1.5s", 1.5), ("10m", 600), ("1h30m", 5400), ("2d", 172_800), ("0", 0)],
)
def test_a_span_is_read_as_it_is_typed(text: str, seconds: float) -> None:
    assert spans.seconds(text, "--timeout") == seconds


@pytest.mark.parametrize("text", ["", " ", "soon", "10 minutes", "-5", "5x", "m"])
def test_what_is_no_span_is_a_wrong_word(text: str) -> None:
    with pytest.raises(SettingsProblem, match="--timeout") as caught:
        spans.seconds(text, "--timeout")
    assert caught.value.code == 2


def test_since_is_so_long_ago_or_a_moment() -> None:
    assert spans.since("10m", now=1000) == 400_000_000_000
    assert spans.since("1970-01-01T00:10:00Z") == 600_000_000_000
    with pytest.raises(SettingsProblem, match="--since 'tomorrow'") as caught:
        spans.since("tomorrow")
    assert "2026-11-27T12:00:00Z" in caught.value.fix
