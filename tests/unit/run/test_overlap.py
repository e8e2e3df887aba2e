"""What the log follower makes of answers that overlap, repeat, come late or are cut."""

from __future__ import annotations

import itertools
import random

import pytest

from spcs.run.model import LogLine, rfc3339
from spcs.run.overlap import LOOK_BACK, Gap, Merger, Source, is_full, nanoseconds, parse

START = 1_729_559_549_000_000_000
MILLISECOND = 1_000_000


def log(*times: int, text: str = "line", container: str = "main") -> list[LogLine]:
    """Lines at so many milliseconds after START, named by their times."""
    return [LogLine(START + time * MILLISECOND, 0, container, f"{text} {time}") for time in times]


def texts(lines: list[LogLine]) -> list[str]:
    return [line.text for line in lines]


def served(lines: list[LogLine], since: int | None, limit: int) -> list[LogLine]:
    """What Snowflake answers: the newest `limit` lines from `since` on."""
    return [line for line in lines if since is None or line.time >= since][-limit:]


def test_a_stamp_is_taken_off_and_read_to_the_nanosecond() -> None:
    lines = parse("2024-10-22T01:12:29.873896187Z loss=0.5\n", 1, "main")
    assert lines == [LogLine(1_729_559_549_873_896_187, 1, "main", "loss=0.5")]


@pytest.mark.parametrize(
    "stamp", ["2024-10-22T01:12:29.5Z", "2024-10-22T03:12:29.50+02:00", "2024-10-22T01:12:29.500000000Z"]
)
def test_stamps_with_trimmed_fractions_and_zones_mean_the_same_time(stamp: str) -> None:
    assert nanoseconds(stamp) == START + 500 * MILLISECOND


def test_an_empty_line_stays_a_line() -> None:
    assert texts(parse("2024-10-22T01:12:29.1Z \n2024-10-22T01:12:29.2Z x\n", 0, "main")) == ["", "x"]


def test_a_progress_bar_keeps_its_carriage_returns_inside_the_line() -> None:
    assert texts(parse("2024-10-22T01:12:29.1Z 10%\r20%\r\n", 0, "main")) == ["10%\r20%"]


def test_the_rest_of_a_line_cut_off_at_the_front_is_dropped() -> None:
    assert texts(parse("ss=0.5\n2024-10-22T01:12:29.1Z whole\n", 0, "main")) == ["whole"]


def test_a_line_without_a_time_takes_the_one_before() -> None:
    lines = parse("2024-10-22T01:12:29.1Z a\nb\n", 0, "main")
    assert texts(lines) == ["a", "b"]
    assert lines[0].time == lines[1].time


def test_lines_seen_before_are_dropped() -> None:
    source = Source(0, "main")
    assert texts(source.fresh(log(1, 2, 3))) == ["line 1", "line 2", "line 3"]
    assert texts(source.fresh(log(2, 3, 4))) == ["line 4"]
    assert source.fresh(log(2, 3, 4)) == []


def test_two_equal_lines_of_one_moment_are_two_lines() -> None:
    source = Source(0, "main")
    same = log(1, 1)
    assert len(source.fresh(same)) == 2
    assert source.fresh(same) == []
    assert len(source.fresh(log(1, 1, 1))) == 1


def test_a_server_that_rounds_since_down_to_the_second_repeats_nothing() -> None:
    source = Source(0, "main")
    everything = log(*range(0, 1000, 10))
    source.fresh(everything)
    assert source.fresh(everything) == []


def test_a_latecomer_of_the_other_stream_is_not_lost() -> None:
    source = Source(0, "main")
    source.fresh(log(100))
    assert texts(source.fresh(log(98, 100, 101))) == ["line 98", "line 101"]


def test_an_answer_without_a_known_line_is_a_gap() -> None:
    source = Source(0, "main")
    source.fresh(log(1, 2))
    assert source.has_gap(log(900, 901), full=False)
    assert not source.has_gap(log(2, 900), full=False)
    assert not source.has_gap([], full=False)


def test_a_full_first_answer_is_a_gap() -> None:
    assert Source(0, "main").has_gap(log(1), full=True)
    assert not Source(0, "main").has_gap(log(1), full=False)


def test_an_answer_near_the_limit_is_full() -> None:
    assert is_full("x" * 100_000)
    assert is_full("é" * 50_000)
    assert not is_full("x" * 50_000)


@pytest.mark.parametrize("seed", range(20))
def test_any_polling_gives_every_line_once_and_in_order(seed: int) -> None:
    chance = random.Random(seed)
    times = sorted(chance.choices(range(3000), k=400))
    everything = [LogLine(START + t * MILLISECOND, 0, "main", f"{chance.randint(0, 3)}") for t in times]
    source, seen = Source(0, "main"), []
    for end in [*sorted(chance.sample(range(400), 12)), 400]:
        answer = served(everything[:end], source.since, limit=400)
        assert not source.has_gap(answer, full=False)
        seen += source.fresh(answer)
    assert seen == everything


def test_one_source_waits_for_nobody() -> None:
    assert texts(Merger().feed({(0, "main"): log(1, 2)})) == ["line 1", "line 2"]


def test_several_sources_come_out_by_time() -> None:
    merger = Merger()
    a, b = log(1, 4, text="a"), log(2, 3, text="b", container="side")
    out = merger.feed({(0, "main"): a, (0, "side"): b}) + merger.flush()
    assert texts(out) == ["a 1", "b 2", "b 3", "a 4"]


def test_a_line_waits_one_round_for_older_ones_of_its_neighbours() -> None:
    merger = Merger()
    merger.feed({(0, "main"): [], (0, "side"): []})
    early = merger.feed({(0, "main"): [], (0, "side"): log(10, text="b", container="side")})
    late = merger.feed({(0, "main"): log(9, text="a"), (0, "side"): []})
    assert early == []
    assert texts(late) == ["a 9", "b 10"]


def test_the_order_inside_a_container_outranks_its_clock() -> None:
    merger = Merger()
    jumpy = log(5, 3, 6, text="a")
    out = merger.feed({(0, "main"): jumpy, (1, "main"): []}) + merger.flush()
    assert texts(out) == ["a 5", "a 3", "a 6"]


@pytest.mark.parametrize("seed", range(20))
def test_merging_loses_nothing_and_sorts_what_was_written(seed: int) -> None:
    chance = random.Random(seed)
    keys = [(0, "main"), (0, "side"), (1, "main")]
    lines = [LogLine(START + i, *chance.choice(keys), str(i)) for i in range(300)]
    merger, out = Merger(), []
    for round_end in itertools.pairwise(sorted({0, 300, *chance.sample(range(300), 9)})):
        batch = lines[slice(*round_end)]
        out += merger.feed({key: [x for x in batch if (x.instance, x.container) == key] for key in keys})
    assert out + merger.flush() == lines


def test_the_look_back_is_shorter_than_the_quickest_poll() -> None:
    assert LOOK_BACK < 0.3 * 1_000_000_000
    assert rfc3339(START - LOOK_BACK).endswith("28.950000000Z")


def test_a_gap_is_bridged_once_records_reach_what_is_held() -> None:
    source = Source(0, "main")
    source.fresh(log(1, 2))
    gap = Gap(source, log(90, 91), "", full=True)
    assert gap.certain
    assert not gap.is_bridged(log(3, 4))
    recorded = log(3, 4, 89, 90)
    assert gap.is_bridged(recorded)
    assert texts(source.fresh(recorded) + source.fresh(gap.held)) == [f"line {i}" for i in (3, 4, 89, 90, 91)]


def test_a_gap_behind_a_gap_needs_records_of_both() -> None:
    source = Source(0, "main")
    source.fresh(log(1))
    gap = Gap(source, log(100, 101), "", full=True)
    gap.grow(log(101, 102), "", full=False)
    gap.grow(log(900, 901), "", full=True)
    assert not gap.is_bridged(log(*range(2, 102)))
    assert gap.is_bridged(log(*range(2, 901)))
    assert texts(gap.held) == [f"line {i}" for i in (100, 101, 102, 900, 901)]


def test_an_answer_that_is_the_end_of_one_huge_line_is_known_by_it() -> None:
    source = Source(0, "main")
    source.fresh(log(1))
    assert source.has_gap([], full=True)
    gap = Gap(source, [], "y" * 1000 + "end\n", full=True)
    assert not gap.is_bridged(log(1))
    assert gap.is_bridged([LogLine(START, 0, "main", "x" * 9 + "y" * 5000 + "end")])


def test_a_container_that_began_anew_has_no_line_that_is_known_and_no_gap() -> None:
    source = Source(0, "main")
    source.fresh(log(1, 2))
    source.restart(1)
    assert not source.has_gap(log(900), full=False)
    source.fresh(log(900))
    assert source.has_gap(log(2000), full=True)


def test_lines_before_the_wanted_time_are_left_out() -> None:
    assert texts(Source(0, "main", since=START + 2 * MILLISECOND).fresh(log(1, 2, 3))) == ["line 2", "line 3"]


def test_nothing_newer_is_given_while_an_older_line_is_awaited() -> None:
    merger = Merger()
    held = merger.feed({(0, "main"): [], (0, "side"): log(5, 10, text="b", container="side")}, until=START)
    assert held == []
    assert texts(merger.feed({(0, "main"): log(6, text="a"), (0, "side"): []}) + merger.flush()) == [
        "b 5",
        "a 6",
        "b 10",
    ]
