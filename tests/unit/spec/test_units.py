"""Amounts: exact in, exact out."""

from __future__ import annotations

import random

import pytest

from spcs.spec import format_cpu, format_memory, parse_cpu, parse_memory

GIB = 1024**3


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("188G", 188_000_000_000),
        ("10Gi", 10 * GIB),
        ("0.5Gi", GIB // 2),
        ("512Mi", GIB // 2),
        ("100M", 100_000_000),
        (".5G", 500_000_000),
        ("0.1Gi", 107_374_183),
        ("0G", 0),
        ("999999999999999Gi", 999_999_999_999_999 * GIB),
    ],
)
def test_memory_reads_to_whole_bytes(text: str, size: int) -> None:
    assert parse_memory(text) == size
    assert parse_memory(format_memory(size)) == size


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("10", "A unit is required: M, Mi, G or Gi, as in 10Gi."),
        ("10Ki", "Unknown unit 'Ki': it must be M, Mi, G or Gi."),
        ("10gi", "Unknown unit 'gi': it must be M, Mi, G or Gi."),
        ("1e3M", "It must be a number followed by a unit: M, Mi, G or Gi, as in 10Gi."),
        ("", "It must be a number followed by a unit: M, Mi, G or Gi, as in 10Gi."),
        ("10 Gi", "It must be a number followed by a unit: M, Mi, G or Gi, as in 10Gi."),
        ("1٣Gi", "It must be a number followed by a unit: M, Mi, G or Gi, as in 10Gi."),
    ],
)
def test_memory_says_what_is_wrong(text: str, rule: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_memory(text)
    assert str(caught.value) == rule


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (188_000_000_000, "188G"),
        (178 * GIB, "178Gi"),
        (GIB // 2, "0.5Gi"),
        (256 * 1024**2, "256Mi"),
        (100_000_000, "100M"),
    ],
)
def test_memory_is_written_as_short_as_it_can_be(size: int, text: str) -> None:
    assert format_memory(size) == text


def test_any_number_of_bytes_survives_writing_and_reading() -> None:
    dice = random.Random(2)
    for size in (dice.randrange(2 ** dice.randrange(1, 50)) for _ in range(500)):
        assert parse_memory(format_memory(size)) == size


@pytest.mark.parametrize(
    ("text", "cpu", "shown"),
    [
        ("500m", 0.5, "0.5"),
        ("0.5", 0.5, "0.5"),
        (".5", 0.5, "0.5"),
        ("2", 2.0, "2"),
        ("2.0", 2.0, "2"),
        ("100m", 0.1, "0.1"),
        ("0.1", 0.1, "0.1"),
        ("1500m", 1.5, "1.5"),
        ("10", 10.0, "10"),
        ("0", 0.0, "0"),
        ("0.0001", 0.001, "0.001"),
    ],
)
def test_cpu_is_exact_to_a_thousandth(text: str, cpu: float, shown: str) -> None:
    assert parse_cpu(text) == cpu
    assert format_cpu(cpu) == shown


@pytest.mark.parametrize("text", ["two", "1.5cores", "-1", "1e2", "", "1.5.5", "m"])
def test_cpu_says_what_is_wrong(text: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_cpu(text)
    assert str(caught.value) == "It must be a number of CPUs, as in 2, 0.5 or 500m."
