from __future__ import annotations

import email.utils
import time
from collections.abc import Callable

import pytest

from spcs.image.retries import Failing, Retries, seconds_of


class Dropped(Failing):
    passes = True

    def __init__(self, text: str = "reset", retry_after: float | None = None) -> None:
        super().__init__(text)
        self.retry_after = retry_after


class Refused(Failing):
    pass


def failing(times: int, error: Callable[[], Failing]) -> Callable[[], str]:
    left = iter(range(times))

    def do() -> str:
        if next(left, None) is not None:
            raise error()
        return "done"

    return do


class Watch:
    """Retries that wait for nobody, and what they would have waited and said."""

    def __init__(self, tries: int = 5) -> None:
        self.slept: list[float] = []
        self.said: list[str] = []
        self.retries = Retries(tries, sleep=self.slept.append)

    def persist(self, do: Callable[[], str]) -> str:
        return self.retries.persist(do, self.said.append)


def test_what_passes_is_tried_again_a_little_later_each_time() -> None:
    watch = Watch()
    assert watch.persist(failing(3, lambda: Dropped("push: aaa\nconnection reset by peer\n"))) == "done"
    assert [0.5 <= watch.slept[0] <= 1, 1 <= watch.slept[1] <= 2, 2 <= watch.slept[2] <= 4] == [True] * 3
    assert watch.said[0].startswith("connection reset by peer; trying again in ")
    assert [line[-14:] for line in watch.said] == ["s (try 2 of 5)", "s (try 3 of 5)", "s (try 4 of 5)"]


def test_what_does_not_mend_itself_is_not_tried_again() -> None:
    watch = Watch()
    with pytest.raises(Refused):
        watch.persist(failing(1, Refused))
    assert (watch.slept, watch.said) == ([], [])


def test_there_is_an_end_to_it() -> None:
    watch = Watch(tries=3)
    with pytest.raises(Dropped):
        watch.persist(failing(3, Dropped))
    assert len(watch.slept) == 2


def test_pauses_stop_growing() -> None:
    assert 30 <= (Retries(tries=99).pause(50, None) or 0) <= 60


def test_registry_that_names_its_pause_is_obeyed() -> None:
    watch = Watch()
    watch.persist(failing(1, lambda: Dropped(retry_after=7)))
    assert watch.slept == [7]


def test_nobody_waits_for_an_hour() -> None:
    watch = Watch()
    with pytest.raises(Dropped):
        watch.persist(failing(1, lambda: Dropped(retry_after=3600)))
    assert watch.slept == []


def test_retry_after_is_seconds_or_a_date() -> None:
    assert seconds_of("120") == 120
    assert seconds_of("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    soon = seconds_of(email.utils.formatdate(time.time() + 600, usegmt=True))
    assert soon is not None
    assert 590 < soon <= 600
    assert seconds_of(None) is seconds_of("") is seconds_of("later") is None
